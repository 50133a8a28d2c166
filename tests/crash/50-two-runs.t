#!/usr/bin/env bash
# Two executors of one plan on one real server: at once; one killed; one stopped past its lease and woken; directly and through
# a pooler. None applies twice, and none keeps the other out for good.
set -uo pipefail
. "$(dirname "$0")/faults.sh"
base="  - id: table
    target: db
    steps: [ { create_table: { name: items, columns: { id: 'integer not null', n: 'integer not null default 0' }, primary_key: [id] } } ]
  - id: rows
    target: db
    steps: [ { name: fill, sql: { up: 'insert into items select g, 0 from generate_series(1, 1000) g', down: 'delete from items' } } ]"
slow_function="  - id: slow
    target: db
    steps: [ { create_function: { name: slow, definition: \"create function slow(n integer) returns integer language plpgsql immutable as 'begin perform pg_sleep(0.003); return n; end'\" } } ]"
group="  - id: work
    target: db
    steps: [ { name: sleep, sql: { up: 'update items set n = n + 1; select pg_sleep(3)', down: 'update items set n = n - 1' } } ]
    allow: [ { rule: PG109, reason: a test } ]"
index="  - id: work
    target: db
    steps: [ { create_index: { name: items_slow, table: items, columns: [ 'slow(n)' ] } } ]"
backfill="  - id: work
    target: db
    steps: [ { backfill: { table: items, set: 'n = slow(n) + 1', batch: 50 } } ]"
sum() { sql "select coalesce(sum(n), 0) from items"; }
# prepare NAME KIND: a database with the rows, and a plan with the work pending; text is what its statement looks like
prepare() {
    case $2 in
    group) project "$1" < <(printf '%s\n' "$base" "$slow_function" "$group"); text='select pg_sleep(3)'; wanted=1000 ;;
    index) project "$1" < <(printf '%s\n' "$base" "$slow_function" "$index"); text='CREATE INDEX'; wanted=0 ;;
    backfill) project "$1" < <(printf '%s\n' "$base" "$slow_function" "$backfill"); text='UPDATE'; wanted=1000 ;;
    esac
    "$invplan" apply -p "$plan" --init --to slow >/dev/null 2>&1
}
settled() { # NAME
    is "$(sum)" "$wanted" "$1: nothing is done twice"
    is "$(sql "select count(*) from pg_index where not indisvalid")" 0 "$1: no invalid index"
    apply
    is "$status" 0 "$1: a further apply has nothing against it"
    once "$1"
}

# --- both start at the same time, with the first contact ---
for round in 1 2 3; do
    project "race$round" < <(printf '%s\n' "$base" "$slow_function" "$backfill")
    start one
    start two
    ended one
    one=$status
    ended two
    like "$one $status" "^(0 0|0 20|20 0)$" "two first runs at once, round $round: one completes, the other waits or is refused"
    wanted=1000
    settled "race $round"
done

# --- the second comes while the first is at work ---
for kind in group index backfill; do
    prepare "busy_$kind" "$kind"
    start one INVPLAN_LEASE_MS=3000 # what the second one has to watch until it sees that the first lives
    until_true 20 running "$text"
    apply
    is "$status" 20 "a second run while the first is in a $kind: exit status 20"
    like "$output" "the lease is held by .*run [0-9a-f-]{36}" "the message names the holder"
    ended one
    is "$status" 0 "the first one completes"
    settled "busy, $kind"
done

# --- the first is killed ---
for kind in group index backfill; do
    prepare "killed_$kind" "$kind"
    start one
    until_true 20 running "$text"
    kill -KILL "${pids[one]}"
    wait "${pids[one]}" 2>/dev/null
    apply
    is "$status" 0 "the first run is killed in a $kind: the next one completes at once"
    settled "killed, $kind"
done

# --- the first is stopped past its lease, and woken when the second one has taken over ---
for kind in group index backfill; do
    prepare "stopped_$kind" "$kind"
    start one INVPLAN_LEASE_MS=1500
    until_true 20 running "$text"
    kill -STOP "${pids[one]}"
    start two
    until_true 30 grep -q "ended backend [0-9]+ of the lease's old holder" -E "$work/two.log"
    kill -CONT "${pids[one]}"
    ended two
    is "$status" 0 "stopped in a $kind: the second run takes over and completes"
    ended one
    is "$status" 20 "the one that wakes up: exit status 20"
    like "$output" "lease" "it says that the lease is gone"
    settled "stopped, $kind"

    # Woken only after the second one is through.
    prepare "late_$kind" "$kind"
    start one INVPLAN_LEASE_MS=1500
    until_true 20 running "$text"
    kill -STOP "${pids[one]}"
    start two
    ended two
    is "$status" 0 "stopped in a $kind for long: the second run completes"
    kill -CONT "${pids[one]}"
    ended one
    like "$status" "^(20|0)$" "the one that wakes up when all is done finds that out"
    settled "stopped for long, $kind"
done

# --- through a pooler: nobody can be terminated, and what a transaction had begun goes on ---
if "$services/pooler" available; then
    "$services/pooler" start "$work/pooler"
    # shellcheck source=/dev/null
    . "$work/pooler/env"
    pooled() { sed "s/:$TEST_PG_PORT\//:$(sed 's/.*:\([0-9]*\)\/postgres$/\1/' <<<"$TEST_POOLER_URL")\//" <<<"$DATABASE_URL"; }
    for kind in group backfill; do
        for what in killed stopped; do
            prepare "pooled_${what}_$kind" "$kind"
            start one DATABASE_URL="$(pooled)" INVPLAN_LEASE_MS=1500
            until_true 20 running "$text"
            if [ "$what" = killed ]; then
                kill -KILL "${pids[one]}"
                wait "${pids[one]}" 2>/dev/null
            else
                kill -STOP "${pids[one]}"
            fi
            start two DATABASE_URL="$(pooled)"
            ended two
            is "$status" 0 "through a pooler, $what in a $kind: the second run completes"
            if [ "$what" = stopped ]; then
                kill -CONT "${pids[one]}"
                ended one
                like "$status" "^(20|0)$" "the one that wakes up finds it out"
            fi
            settled "through a pooler, $what, $kind"
        done
    done
    prepare pooled_index index
    run env DATABASE_URL="$(pooled)" "$invplan" apply -p "$plan"
    is "$status" 17 "a step that runs alone, through a pooler: exit status 17"
    like "$output" "direct url" "the message says what helps"
    settled "a pooler and a step that runs alone"
else
    echo "# LEFT OUT: pgbouncer is not installed"
fi
finish
