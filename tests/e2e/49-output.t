#!/usr/bin/env bash
# What a person and a machine see of a run: plain lines, JSON, a terminal with live lines, NO_COLOR; and what signals and a
# deadline do to a statement under way.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
empty_project

# write_project SECOND_STEP
write_project() {
    cat >migrations.yaml <<EOF
invplan: 1
project: output
targets: { db: { engine: postgres, version: 15 } }
environments:
  local: { targets: { db: { url: "\${env:DATABASE_URL}" } } }
migrations:
  - id: 1-Create
    target: db
    steps:
      - create_table: { name: items, columns: { id: "integer not null", note: "text" }, primary_key: [id] }
  - id: 2-Work
    target: db
    steps:
      - $1
EOF
    compile_all
}
fill='backfill: { table: items, set: "note = 1", batch: 100, pause: 150ms }'
begin() {
    new_database "$1"
    write_project "$2"
    run "$invplan" apply -e local --init --to 1-Create
    is "$status" 0 "$1: the table is made"
    sql "insert into items select g from generate_series(1, 2500) g; analyze items"
}
lease_is_free() { "$invplan" status -e local | grep -q 'lease      free'; }
escape=$(printf '\033')

begin plain "$fill"
run env TERM=xterm "$invplan" apply -e local
is "$status" 0 "into a pipe"
unlike "$output" "$escape" "there is nothing that moves or shines"
like "$output" "^\[1/1\] db  2-Work/backfill:items/fill  applied  [0-9.]+ m?s, 2500 affected$" "there is a line a step"

begin json "$fill"
run "$invplan" apply -e local --log json
is "$status" 0 "--log json"
run python3 -c 'import json, sys
events = [json.loads(line) for line in sys.stdin]
assert all("event" in e for e in events), events
names = [e["event"] for e in events]
assert names[-1] == "ended" and events[-1]["exit_status"] == 0, events[-1]
done = [e for e in events if e["event"] == "step_done"]
assert [(e["step"], e["outcome"], e["affected"]) for e in done] == [("2-Work/backfill:items/fill", "applied", 2500)], done
print("good")' <<<"$output"
is "$output" good "is one event a line, the last of which says how it ended"
write_project 'sql: { up: "select 1 / 0" }'
run "$invplan" rollback -e local --to 1-Create --yes
run "$invplan" apply -e local --log json --yes
is "$status" 31 "a run that fails"
like "$output" '"event":"ended","exit_status":31,.*"help":"mend the cause, then: invplan apply' "says so in JSON, with what to type"

if command -v script >/dev/null; then
    # on_terminal COMMAND: what it writes to a terminal of 100 columns
    on_terminal() { script -qec "stty cols 100; $1" /dev/null </dev/null; }
    begin terminal "${fill/150ms/500ms}"
    output=$(TERM=xterm on_terminal "'$invplan' apply -e local")
    like "$output" "\[[#.]{20}\] [0-9]+%" "on a terminal there is a bar"
    like "$output" "[0-9]+ rows/s" "with a rate"
    like "$output" "$escape\[32mapplied" "and colour"
    begin nocolor "$fill"
    output=$(NO_COLOR=1 TERM=xterm on_terminal "'$invplan' apply -e local")
    like "$output" "\[[#.]{20}\] [0-9]+%" "with NO_COLOR there is the bar"
    unlike "$output" "$escape\[[0-9]*m" "and no colour"
    begin dumb "$fill"
    output=$(TERM=dumb on_terminal "'$invplan' apply -e local")
    unlike "$output" "$escape" "a dumb terminal gets plain lines"
else
    echo "# LEFT OUT: there is no script(1) to make a terminal with"
fi

sleeping() { test "$(sql "select count(*) from pg_stat_activity where query like '%pg_sleep%' and state = 'active' and pid <> pg_backend_pid()")" "$1" 0; }
# interrupt NAME SIGNAL …: sends them to an apply that sleeps in the server
interrupt() {
    local name=$1 started=$SECONDS
    shift
    begin "$name" 'sql: { up: "select pg_sleep(60)", down: "select 1" }'
    "$invplan" apply -e local >"$work/log" 2>&1 &
    local pid=$! signal
    while kill -0 "$pid" 2>/dev/null && ! sleeping -gt; do sleep 0.05; done
    started=$SECONDS
    for signal in "$@"; do
        kill "-$signal" "$pid"
        sleep 0.2
    done
    wait "$pid"
    status=$?
    seconds=$((SECONDS - started))
}
interrupt once INT
is "$status" 75 "one signal ends it resumable"
if [ "$seconds" -lt 20 ]; then pass "after a while for the statement"; else fail "after a while for the statement" "$seconds s"; fi
like "$(cat "$work/log")" "invplan apply --env local" "with what to type"
if lease_is_free; then pass "the lease is released"; else fail "the lease is released"; fi
if sleeping -eq; then pass "the server does not go on"; else fail "the server does not go on"; fi
interrupt twice TERM INT
is "$status" 75 "a second signal, too"
if [ "$seconds" -lt 4 ]; then pass "at once"; else fail "at once" "$seconds s"; fi
write_project 'sql: { up: "select pg_sleep(0.01)", down: "select 1" }'
run "$invplan" apply -e local
is "$status" 0 "and what was stopped may be changed, and goes on"

begin deadline 'sql: { up: "select pg_sleep(60)", down: "select 1" }'
started=$SECONDS
run "$invplan" apply -e local --deadline 1s
is "$status" 75 "a deadline ends it resumable"
if [ $((SECONDS - started)) -lt 10 ]; then pass "in time"; else fail "in time" "$((SECONDS - started)) s"; fi
finish
