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

# until_true SECONDS COMMAND …: waits for a fact
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { echo "# not true in time: $*"; return 1; }
        sleep 0.05
    done
}
# running TEXT: is a statement with that text at work? (idle ones remember theirs)
running() { [ "$(sql "select count(*) from pg_stat_activity where state = 'active' and query like '%$1%' and pid <> pg_backend_pid()")" -gt 0 ]; }
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

# project NAME: reads migrations (the YAML list below `migrations:`) from stdin, compiles them; a database of its own;
# plan is the plan. policy is the environment's.
policy='{ retry_for: 5s }'
project() {
    new_database "$1"
    {
        printf 'invplan: 1\nproject: %s\ntargets: { db: { engine: postgres, version: 15 } }\n' "$1"
        printf 'environments:\n  test: { targets: { db: { url: "${env:DATABASE_URL}" } }, policy: %s }\nmigrations:\n' "$policy"
        cat
    } >"$work/$1.yaml"
    plan=$work/$1.plan
    run "$invplan" compile -f "$work/$1.yaml" --env test -o "$plan"
    [ "$status" -eq 0 ] || { fail "$1 compiles" "$output"; finish; }
}
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
