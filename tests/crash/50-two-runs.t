#!/usr/bin/env bash
# Two executors of one plan on one real server: at once; one killed; one stopped past its lease and woken; directly and through
# a pooler. None applies twice, and none keeps the other out for good.
set -uo pipefail
. "$(dirname "$0")/faults.sh"
token() { sql "select token from invplan.lease"; }
# shellcheck disable=SC2317 # by until_true
changed_hands() { [ "$(token)" != "$1" ]; } # TOKEN
# prepare NAME KIND: a database with the rows, and a plan with the work pending
prepare() {
    slow_project "$1" "$2" 1000 0.003
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
    slow_project "race$round" filled 1000 0.003
    start one
    start two
    ended one
    one=$status
    ended two
    like "$one $status" "^(0 0|0 20|20 0)$" "two first runs at once, round $round: one completes, the other waits or is refused"
    settled "race $round"
done

# --- the second comes while the first is at work ---
for kind in sleeping indexed filled; do
    prepare "busy_$kind" "$kind"
    start one INVPLAN_LEASE_MS=3000 # what the second one has to watch until it sees that the first lives
    until_true 20 running "$text"
    apply
    is "$status" 20 "a second run while the first is at work ($kind): exit status 20"
    like "$output" "the lease is held by .*run [0-9a-f-]{36}" "the message names the holder"
    ended one
    is "$status" 0 "the first one completes"
    settled "busy, $kind"
done

# --- the first is killed ---
for kind in sleeping indexed filled; do
    prepare "killed_$kind" "$kind"
    start one
    until_true 20 running "$text"
    kill -KILL "${pids[one]}"
    wait "${pids[one]}" 2>/dev/null
    apply
    is "$status" 0 "the first run is killed at work ($kind): the next one completes at once"
    settled "killed, $kind"
done

# --- the first is stopped past its lease, and woken when the second one has taken over ---
for kind in sleeping indexed filled; do
    prepare "stopped_$kind" "$kind"
    start one INVPLAN_LEASE_MS=1500
    until_true 20 running "$text"
    kill -STOP "${pids[one]}"
    held=$(token)
    start two
    # Until then the first may wake up and renew its lease, and the second has to give way.
    until_true 60 changed_hands "$held"
    kill -CONT "${pids[one]}"
    ended two
    like "$output" "ended backend [0-9]+ of the lease's old holder" "stopped at work ($kind): what the first had at work is ended"
    is "$status" 0 "stopped at work ($kind): the second run takes over and completes"
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
    is "$status" 0 "stopped at work for long ($kind): the second run completes"
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
    for kind in sleeping filled; do
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
            is "$status" 0 "through a pooler, $what at work ($kind): the second run completes"
            if [ "$what" = stopped ]; then
                kill -CONT "${pids[one]}"
                ended one
                like "$status" "^(20|0)$" "the one that wakes up finds it out"
            fi
            settled "through a pooler, $what, $kind"
        done
    done
    prepare pooled_indexed indexed
    run env DATABASE_URL="$(pooled)" "$invplan" apply -p "$plan"
    is "$status" 17 "a step that runs alone, through a pooler: exit status 17"
    like "$output" "direct url" "the message says what helps"
    settled "a pooler and a step that runs alone"
else
    echo "# LEFT OUT: pgbouncer is not installed"
fi
finish
