#!/usr/bin/env bash
# A network that falls silent, or stays away: a run ends in time, holds nothing for good, and the next apply completes.
set -uo pipefail
. "$(dirname "$0")/faults.sh"
proxy
steps=$(rows 2000; sleeping sleeping 4)

# an apply through the proxy, disturbed in the sleeping step
disturbed() { # NAME HOW LEASE_MS
    project "$1" <<<"$steps"
    "$invplan" apply -p "$plan" --init --to rows >/dev/null 2>&1
    proxy_says pass >/dev/null
    start run DATABASE_URL="$(proxied)" INVPLAN_LEASE_MS="$3"
    until_true 20 running pg_sleep
    proxy_says server 1 "$2" >/dev/null # whatever it says next: a heartbeat's answer, or the end of the statement
}

disturbed silent stall 2000
ended run
is "$status" 20 "nothing comes through any more: the lease runs out, exit status 20"
like "$output" "lease on target 'db' was lost" "the message says why"
proxy_says pass >/dev/null
apply
is "$status" 0 "the next apply, on the direct way, completes"
is "$(sum)" 2000 "nothing is done twice"
once "silent"

disturbed silent_stop stall 60000
kill -TERM "${pids[run]}"
ended run
is "$status" 75 "SIGTERM while nothing comes through: exit status 75"
proxy_says pass >/dev/null
apply
is "$status" 0 "the next apply completes"
is "$(sum)" 2000 "nothing is done twice"
once "silent, stopped"

project connecting <<<"$steps"
proxy_says client 1 stall >/dev/null
run env DATABASE_URL="$(proxied)?connect_timeout=1" "$invplan" apply -p "$plan" --init
is "$status" 50 "a server that does not answer at all: exit status 50 after connect_timeout"
like "$output" "no answer within 1 s" "the message says so"
proxy_says pass >/dev/null

disturbed away down 60000
until_true 20 grep -q "connecting anew" "$work/run.log"
kill -TERM "${pids[run]}"
ended run
is "$status" 75 "the server stays away and SIGTERM ends the waiting: exit status 75"
proxy_says pass >/dev/null
apply
is "$status" 0 "the next apply completes"
is "$(sum)" 2000 "nothing is done twice"
once "away"
finish
