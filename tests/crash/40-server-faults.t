#!/usr/bin/env bash
# What a server can do to a run: restart, fill its disk, be a standby, cancel, refuse connections, take rights away, fall
# silent, stay away. Each time: exit status, message, what was left, and that the next apply completes.
set -uo pipefail
. "$(dirname "$0")/faults.sh"
# --- restarted ---
for kind in sleeping indexed filled; do
    slow_project "restart_$kind" "$kind" 2000 0.001
    start run
    until_true 20 running "$text"
    "$services/postgres" crash "$work/pg"
    ended run
    is "$status" 0 "the server crashes and comes back ($kind): the run goes on by itself"
    like "$output" "connection to target 'db' was lost; connecting anew" "and says so"
    is "$(sum)" "$wanted" "what was committed is neither lost nor done twice"
    once "restarted, $kind"
done
is "$(sql "select count(*) from pg_index where not indisvalid")" 0 "no invalid index is left"

# --- the disk is full ---
# Root mounts a file system of its own. Without that a trigger raises what a full disk raises: the same SQLSTATE, but from no disk.
project full < <(rows 2000; cat <<'YAML'
  - id: big
    target: db
    steps: [ { name: more, sql: { up: 'insert into items select g, 0 from generate_series(100001, 500000) g', down: 'delete from items where id > 100000' } } ]
    allow: [ { rule: PG109, reason: a test } ]
  - id: indexed
    target: db
    steps: [ { create_index: { name: items_n, table: items, columns: [ n, id ] } } ]
YAML
)
mkdir -p "$work/small"
chmod 755 "$work" # where the server's user has to come through
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=24m,mode=755 tmpfs "$work/small" 2>/dev/null; then
    mkdir "$work/small/space"
    chown postgres "$work/small/space"
    psql -qX "$DATABASE_URL" -c "create tablespace small location '$work/small/space'" >/dev/null
    "$invplan" apply -p "$plan" --init --to rows >/dev/null 2>&1
    full_database=$(basename "$DATABASE_URL")
    psql -qX "$TEST_DATABASE_URL" -c "alter database \"$full_database\" set tablespace small" >/dev/null
    full="could not extend file|No space left"
else
    echo "# NO REAL DISK IS FULL: this needs root and mount(8); a trigger raises SQLSTATE 53100 instead"
    "$invplan" apply -p "$plan" --init --to rows >/dev/null 2>&1
    sql "create function full_row() returns trigger language plpgsql as 'begin if new.id > 100100 then raise exception using errcode = ''53100'', message = ''No space left''; end if; return new; end'
         ; create trigger full before insert on items for each row execute function full_row()"
    full="No space left"
fi
before=$(sql "select count(*) from items")
apply
is "$status" 31 "the disk fills in a transaction: exit status 31"
like "$output" "$full" "the message has the server's words"
like "$output" "out of a resource|disk" "and says where to look"
is "$(sql "select count(*) from items")" "$before" "nothing of the transaction is left"
is "$(sql "select event from invplan.ledger where step = 'big/more/run' order by seq desc limit 1")" FAILED "the failure is in the ledger"
if mountpoint -q "$work/small"; then
    room() { mount -o remount,size="$1" "$work/small"; }
    room 200m
    "$invplan" apply -p "$plan" --to big >/dev/null 2>&1
    room "$(($(df --output=used -k "$work/small" | tail -1) + 2048))k"
    apply
    is "$status" 31 "the disk fills under a concurrent index: exit status 31"
    like "$output" "$full" "the message has the server's words"
    is "$(sql "select count(*) from items")" 402000 "what was applied before is there"
    room 200m
else
    sql "drop trigger full on items"
fi
apply
is "$status" 0 "with room the next apply completes"
is "$(sql "select count(*) from pg_index where not indisvalid")" 0 "and leaves no invalid index"
once "disk full"
if mountpoint -q "$work/small"; then
    psql -qX "$TEST_DATABASE_URL" -c "drop database \"$full_database\" with (force)" -c "drop tablespace small" >/dev/null
    umount "$work/small"
fi

# --- a read-only standby ---
project standby < <(rows 2000)
"$services/standby" start "$work/standby" || exit 1
# shellcheck source=/dev/null
. "$work/standby/env"
primary=$DATABASE_URL
DATABASE_URL=${DATABASE_URL/:$TEST_PG_PORT\//:$TEST_STANDBY_PORT\/} apply
is "$status" 50 "a standby as the target, with no ledger yet: exit status 50"
like "$output" "read-only standby" "the message says what it is"
like "$output" "target_session_attrs=read-write" "and how to reach the primary"
"$invplan" apply -p "$plan" --init --to table >/dev/null 2>&1
lsn=$(sql "select pg_current_wal_lsn()")
# shellcheck disable=SC2317
replayed() { [ "$(psql -qXAt "$TEST_STANDBY_URL" -c "select pg_last_wal_replay_lsn() >= '$lsn'")" = t ]; }
until_true 20 replayed
DATABASE_URL=${DATABASE_URL/:$TEST_PG_PORT\//:$TEST_STANDBY_PORT\/} apply
is "$status" 50 "a standby of a target with a ledger: exit status 50"
like "$output" "read-only standby" "the message says what it is"
DATABASE_URL="$primary" apply
is "$status" 0 "on the primary the next apply completes"
once "standby"
lsn=$(sql "select pg_current_wal_lsn()")
until_true 20 replayed
run env DATABASE_URL="${DATABASE_URL/:$TEST_PG_PORT\//:$TEST_STANDBY_PORT\/}" "$invplan" status -p "$plan"
is "$status" 0 "status reads a standby"
"$services/standby" stop "$work/standby"
rm -r "$work/standby"

# --- an administrator cancels, or ends the connection ---
for kind in sleeping indexed filled; do
    for how in cancel terminate; do
        slow_project "${how}_$kind" "$kind" 2000 0.001
        start run
        until_true 20 running "$text"
        sql "select pg_${how}_backend(pid) from pg_stat_activity where datname = current_database() and state = 'active' and query like '%$text%' and pid <> pg_backend_pid()" >/dev/null
        ended run
        if [ "$how" = cancel ]; then
            is "$status" 31 "pg_cancel_backend() ($kind): exit status 31"
            like "$output" "canceling statement due to user request" "the message has the server's words"
            is "$(sql "select event from invplan.ledger where step is not null and event <> 'ENDED' order by seq desc limit 1")" FAILED "the failure is in the ledger"
            is "$(sql "select count(*) from pg_index where not indisvalid")" 0 "no invalid index is left"
            apply
            is "$status" 0 "the next apply completes"
        else
            is "$status" 0 "pg_terminate_backend() ($kind): the run goes on by itself"
            like "$output" "connecting anew" "and says so"
        fi
        is "$(sum)" "$wanted" "nothing is lost or done twice"
        once "$how, $kind"
    done
done

# --- no connection left ---
project connections < <(rows 2000; sleeping sleeping 4)
sql "create role app login password 'app-password'; grant create on database $(basename "$DATABASE_URL") to app; grant all on schema public to app" >/dev/null
admin=$DATABASE_URL
DATABASE_URL=${admin/postgres:$TEST_PG_PASSWORD@/app:app-password@}
hold=()
fill_up() { # takes every connection that is left to ordinary users
    local name
    for name in $(seq 1 12); do
        psql -qX "$DATABASE_URL" -c "select pg_sleep(60)" >/dev/null 2>&1 &
        hold+=($!)
    done
    background+=("${hold[@]}")
    until_true 20 bash -c "! psql -qX '$DATABASE_URL' -c 'select 1'"
}
let_go() {
    psql -qX "$admin" -c "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(60)'" >/dev/null
    wait "${hold[@]}" 2>/dev/null
    hold=()
}
fill_up
apply
is "$status" 50 "no connection is left: exit status 50"
like "$output" "connection slots|too many" "the message has the server's words"
like "$output" "max_connections" "and says what helps"
let_go
psql -qX "$admin" -c "alter role app connection limit 1"
apply
is "$status" 50 "there is one connection and no second: exit status 50"
like "$output" "the second connection, which keeps the lease" "the message says what it is for"
is "$(psql -qXAt "$admin" -c "select count(*) from invplan.ledger")" 0 "before anything is done"
psql -qX "$admin" -c "alter role app connection limit -1"
apply_once() {
    start run
    until_true 20 psql_running 'select pg_sleep(4)'
}
# shellcheck disable=SC2317
psql_running() { [ "$(psql -qXAt "$admin" -c "select count(*) from pg_stat_activity where state = 'active' and query like '%$1%' and pid <> pg_backend_pid()")" -gt 0 ]; }
apply_once
fill_up
psql -qX "$admin" -c "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'invplan' and query like '%pg_sleep(4)%'" >/dev/null
until_true 20 grep -q "connecting anew" "$work/run.log"
let_go
ended run
is "$status" 0 "the connection ends while there is no other to be had: the run waits for one and goes on"
DATABASE_URL=$admin
is "$(sum)" 2000 "nothing is done twice"
DATABASE_URL=${admin/postgres:$TEST_PG_PASSWORD@/app:app-password@}
once "no connection left"

# --- rights are taken away in the middle ---
project rights < <(rows 2000; sleeping sleeping 4; cat <<'YAML'
  - id: more
    target: db
    steps: [ { create_table: { name: more, columns: { id: 'integer not null' }, primary_key: [id] } } ]
YAML
)
admin=$DATABASE_URL
psql -qX "$admin" -c "grant create on database $(basename "$DATABASE_URL") to app; grant all on schema public to app"
DATABASE_URL=${admin/postgres:$TEST_PG_PASSWORD@/app:app-password@}
apply_once
psql -qX "$admin" -c "revoke create on schema public from app, public"
ended run
is "$status" 52 "a right is revoked between two steps: exit status 52"
like "$output" "permission denied for schema public" "the message has the server's words"
like "$output" "grant the right" "and says what helps"
is "$(applied)" "table/create_table:items/create rows/fill/run sleeping/sleep/run" "what came before it stays"
psql -qX "$admin" -c "grant create on schema public to app" -c "revoke insert on invplan.ledger from app"
apply
is "$status" 52 "the right to write the ledger is revoked: exit status 52"
like "$output" "permission denied for table ledger" "the message names the table"
is "$(psql -qXAt "$admin" -c "select to_regclass('more')")" "" "nothing is done that cannot be written down"
psql -qX "$admin" -c "grant insert on invplan.ledger to app"
apply
is "$status" 0 "with the rights back the next apply completes"
once "rights"
finish
