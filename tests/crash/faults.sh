# Common to the tests that disturb a server under a running apply. Source it instead of ../e2e/lib.sh: it gives a
# PostgreSQL server of the test's own (with few connections, so that they can run out), for what is done to it would
# disturb other tests.
# shellcheck shell=bash disable=SC2034,SC2016

. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
services=$root/tests/services
mkdir -p "$work/pg"
echo 'max_connections = 12' >"$work/pg/extra.conf"
"$services/postgres" start "$work/pg" || exit 1
# shellcheck source=/dev/null
. "$work/pg/env"
background=()

stop_all() {
    local pid
    for pid in "${background[@]}"; do kill -CONT "$pid" 2>/dev/null; kill "$pid" 2>/dev/null; done
    [ ! -d "$work/standby" ] || "$services/standby" stop "$work/standby"
    [ ! -d "$work/pooler" ] || "$services/pooler" stop "$work/pooler"
    "$services/postgres" stop "$work/pg"
    if mountpoint -q "$work/small"; then umount "$work/small"; fi
    databases=() # gone with the server
    cleanup
}
trap stop_all EXIT

# proxy: starts tests/services/pgproxy.py in front of the server; proxied is DATABASE_URL through it
proxy() {
    python3 "$services/pgproxy.py" --dir "$work/proxy" --port "$TEST_PG_PORT" &
    background+=($!)
    until_true 10 test -f "$work/proxy/port"
}
proxied() { sed "s/:$TEST_PG_PORT\//:$(cat "$work/proxy/port")\//" <<<"$DATABASE_URL"; }
proxy_says() { # COMMAND …: see pgproxy.py
    python3 -c 'import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as control:
    control.sendall((sys.argv[2] + "\n").encode())
    print(control.makefile().readline(), end="")' "$(cat "$work/proxy/control")" "$*"
}

applied() { sql "select string_agg(step, ' ' order by seq) from invplan.ledger where event in ('APPLIED', 'ADOPTED')"; }
# once NAME: every step has one APPLIED row, none is adopted, and `status` finds nothing wrong
once() {
    is "$(sql "select string_agg(step || ' ' || event, ', ') from (select step, event, count(*) from invplan.ledger
        where event in ('APPLIED', 'ADOPTED') group by 1, 2 having count(*) <> 1 or event = 'ADOPTED') wrong")" "" "$1: each step once"
    run "$invplan" status -p "$plan" --format json
    is "$(python3 -c 'import json, sys
for target in json.load(sys.stdin)["targets"]:
    print(target["lease"]["held"], target["ledger"]["verified"], target["half_done"], target["pending"])' <<<"$output")" \
        "False True [] []" "$1: no lease, a sound ledger, nothing half done, nothing pending"
}

# project NAME: migrations from stdin, compiled; a database of its own; plan is the plan
project() {
    new_database "$1"
    plan_of "$1" '{ retry_for: 5s }'
}
# Migrations, for project to read.
rows() { # COUNT: 'table' and 'rows': a table `items` whose rows are counted by their sum
    cat <<YAML
  - id: table
    target: db
    steps: [ { create_table: { name: items, columns: { id: 'integer not null', n: 'integer not null default 0' }, primary_key: [id] } } ]
  - id: rows
    target: db
    steps: [ { name: fill, sql: { up: 'insert into items select g, 0 from generate_series(1, $1) g', down: 'delete from items' } } ]
YAML
}
slow_function() { # SECONDS: 'slow'
    cat <<YAML
  - id: slow
    target: db
    steps: [ { create_function: { name: slow, definition: "create function slow(n integer) returns integer language plpgsql immutable as 'begin perform pg_sleep($1); return n; end'" } } ]
YAML
}
sleeping() { # ID SECONDS: in a transaction
    cat <<YAML
  - id: $1
    target: db
    steps: [ { name: sleep, sql: { up: 'update items set n = n + 1; select pg_sleep($2)', down: 'update items set n = n - 1' } } ]
    allow: [ { rule: PG109, reason: a test } ]
YAML
}
indexed() { # ID: outside of one; wants 'slow'
    cat <<YAML
  - id: $1
    target: db
    steps: [ { create_index: { name: items_slow, table: items, columns: [ 'slow(n)' ] } } ]
YAML
}
filled() { # ID: in many of 50 rows; wants 'slow'
    cat <<YAML
  - id: $1
    target: db
    steps: [ { backfill: { table: items, set: 'n = slow(n) + 1', batch: 50 } } ]
YAML
}
# slow_project NAME KIND ROWS SECONDS: table, rows, slow, and work that takes a while: sleeping, indexed or filled. text is what
# its statement looks like, wanted the sum that it leaves.
slow_project() {
    case $2 in
    sleeping) text='select pg_sleep' wanted=$3 ;;
    indexed) text='CREATE INDEX' wanted=0 ;;
    filled) text='slow(n) + 1' wanted=$3 ;; # the lease is taken by an UPDATE as well
    esac
    project "$1" < <(rows "$3"; slow_function "$4"; "$2" work 3)
}
sum() { sql "select coalesce(sum(n), 0) from items"; }
apply() { run "$invplan" apply -p "$plan" --init; }
# start NAME [VARIABLE=VALUE …]: apply in the background; ended NAME waits for it
start() {
    local name=$1
    shift
    env "$@" "$invplan" apply -p "$plan" --init >"$work/$name.log" 2>&1 &
    pids[$name]=$!
    background+=($!)
}
declare -A pids
ended() { wait "${pids[$1]}"; status=$?; output=$(cat "$work/$1.log"); }
