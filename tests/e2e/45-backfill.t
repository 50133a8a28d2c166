#!/usr/bin/env bash
# What makes a backfill wait: a streaming replica that is behind, a query of the plan, a signal, a file; and that it keeps its
# lease meanwhile, can be stopped, and goes on.
# shellcheck disable=SC2317 # functions that a trap or soon calls
set -uo pipefail
. "$(dirname "$0")/lib.sh"
empty_project
trap 'stop_all; cleanup' EXIT
apply_pid=
stop_all() {
    [ -z "$apply_pid" ] || kill -KILL "$apply_pid" 2>/dev/null
    "$root/tests/services/standby" stop "$work/standby"
}

# write_project BACKFILL_KEYS
write_project() {
    cat >migrations.yaml <<EOF
invplan: 1
project: fill
targets: { db: { engine: postgres, version: 15 } }
environments:
  local: { targets: { db: { url: "\${env:DATABASE_URL}" } } }
migrations:
  - id: 1-Create
    target: db
    steps:
      - create_table: { name: items, columns: { id: "integer not null", note: "text" }, primary_key: [id] }
      - create_table: { name: load, columns: { id: "integer not null", busy: "boolean not null" }, primary_key: [id] }
  - id: 2-Fill
    target: db
    steps:
      - backfill: { table: items, set: "note = 'n' || id", batch: 100, $1 }
EOF
    compile_all
}
# begin NAME BACKFILL_KEYS: a database with 3000 rows to fill
begin() {
    new_database "$1"
    write_project "$2"
    run "$invplan" apply -e local --init --to 1-Create
    is "$status" 0 "$1: the tables are made"
    sql "insert into items select g from generate_series(1, 3000) g; insert into load values (1, true)"
    : >"$work/log"
}
# apply_behind [OPTION …]: in the background; its output is $work/log
apply_behind() {
    INVPLAN_LEASE_MS=1500 "$invplan" apply -e local "$@" >"$work/log" 2>&1 &
    apply_pid=$!
}
ended() {
    wait "$apply_pid"
    status=$?
    apply_pid=
}
filled() { sql "select count(*) from items where note is not null"; }
soon() { until_true 30 "$@" || fail "waiting for: $*" "$(cat "$work/log")"; }
logged() { grep -q -- "$1" "$work/log"; }
heartbeat() { sql "select heartbeat_at from invplan.lease"; }
new_heartbeat() { [ "$(heartbeat)" != "$1" ]; }
# stands_still NAME: two heartbeats long nothing is filled
stands_still() {
    local count
    count=$(filled)
    soon new_heartbeat "$(heartbeat)"
    soon new_heartbeat "$(heartbeat)"
    is "$(filled)" "$count" "$1, and the lease is renewed"
}

begin query "throttle: { query: select busy from load }"
apply_behind
soon logged "waits: the query of its throttle returns true"
stands_still "nothing is done while the query of the throttle returns true"
sql "update load set busy = false"
ended
is "$status" 0 "it goes on when the query returns false"
is "$(filled)" 3000 "every row is filled"
is "$(grep -c 'waits: ' "$work/log")" 1 "the waiting is told once"
like "$(cat migration-report.json)" '"throttled_ms": [1-9]' "the report tells how long it waited"

"$root/tests/services/standby" start "$work/standby"
# shellcheck source=/dev/null
. "$work/standby/env"
on_standby() { psql -qXAt "$TEST_STANDBY_URL" -c "$1"; }
lag_over() { [ "$(sql "select coalesce(max(replay_lag) > interval '$1', false) from pg_stat_replication")" = t ]; }
begin lag "throttle: { replica_lag: 500ms }"
on_standby "select pg_wal_replay_pause()"
sql "create table noise as select generate_series(1, 1000)"
behind() { sql "insert into noise values (1)" && lag_over 1s; }
soon behind
apply_behind
soon logged "waits: a standby is [0-9]* ms behind, more than 500 ms"
stands_still "nothing is done while the replica is behind"
on_standby "select pg_wal_replay_resume()"
ended
is "$status" 0 "it goes on when the replica has caught up"
is "$(filled)" 3000 "every row is filled"
"$root/tests/services/standby" stop "$work/standby"

some_filled() { [ "$(filled)" -gt 0 ]; }
begin signal "pause: 100ms"
apply_behind
soon some_filled
kill -USR1 "$apply_pid"
soon logged "paused before the next batch of step .*: SIGUSR1 asked for it"
stands_still "SIGUSR1 pauses it"
kill -USR2 "$apply_pid"
soon logged "going on with the next batch of step"
kill -TERM "$apply_pid"
ended
is "$status" 75 "a stopped backfill is resumable"
like "$(cat "$work/log")" "invplan apply --env local" "and says what to type"

touch "$work/hold"
apply_behind --pause-file "$work/hold"
soon logged "paused before .*: '$work/hold' exists"
stands_still "a pause file pauses it"
kill -TERM "$apply_pid"
ended
is "$status" 75 "a pause does not keep it from being stopped"
rm "$work/hold"
run "$invplan" apply -e local --pause-file "$work/hold"
is "$status" 0 "and later it goes on"
is "$(filled)" 3000 "every row is filled"
is "$(sql "select rows from invplan.checkpoint")" 3000 "each once"

begin time "pause: 50ms, wait: 60ms"
run "$invplan" apply -e local
is "$status" 75 "a backfill whose time is up ends resumable"
like "$output" "its time of 60 ms is up" "and says so"
runs=1
while [ "$status" = 75 ] && [ "$runs" -lt 60 ]; do
    run "$invplan" apply -e local
    runs=$((runs + 1))
done
is "$status" 0 "runs end some day"
is "$(sql "select rows from invplan.checkpoint")" 3000 "each row is filled once, by $runs runs"
finish
