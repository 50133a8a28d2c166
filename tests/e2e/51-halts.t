#!/usr/bin/env bash
# Each way in which plan, ledger and database can disagree, on a real server: exit status, what is named, that nothing was
# touched, and that the line which is printed to be typed next is a line that helps.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_DATABASE_URL:-}" ] || skip_all "TEST_DATABASE_URL is not set"
empty_project

# project LINE …: a migration for each line "ID: STEP, STEP …" (steps in YAML's flow form), compiled
project() {
    cat >migrations.yaml <<'YAML'
invplan: 1
project: halts
targets: { db: { engine: postgres, version: 15 } }
environments:
  local: { disposable: true, targets: { db: { url: "${env:DATABASE_URL}" } }, policy: { irreversible: allow, on_failure: halt } }
migrations:
YAML
    local line
    for line; do printf '  - { id: %s, target: db, steps: [ %s ] }\n' "${line%%: *}" "${line#*: }" >>migrations.yaml; done
    compile_all
}
table() { echo "$1: { create_table: { name: $1, columns: { id: \"integer not null\", n: integer }, primary_key: [id] } }"; }
events() { sql "select string_agg(event, ' ' order by seq) from invplan.ledger where step like '$1'"; }
# typed: the command that the last output's help ends with, as arguments in $next
typed() { next=$(sed -n 's/^ *help: \(.*: \)\{0,1\}\(invplan [^;]*\)$/\2/p' <<<"$output" | tail -1); }
# type_next: runs that line
type_next() {
    typed
    [ -n "$next" ] || { fail "a line to type is printed" "$output"; return; }
    run bash -c "$invplan ${next#invplan }"
}

new_database halts
project "$(table a)" "$(table b)" "$(table c)"
run "$invplan" apply -e local
is "$status" 19 "without a ledger nothing is done"
type_next
is "$status" 0 "the line that is printed makes it and applies" || echo "# $next: $output"

# --- order and presence
project "$(table a)" "$(table b)" "$(table late)" "$(table c)" "$(table d)"
run "$invplan" apply -e local
is "$status" 18 "a pending migration before an applied one is refused"
like "$output" "'late'" "and named"
is "$(sql "select count(*) from pg_tables where tablename in ('late', 'd')")" 0 "nothing was touched"
type_next
is "$status" 0 "the line that is printed applies it" || echo "# $next: $output"
is "$(sql "select count(*) from pg_tables where tablename in ('late', 'd')")" 2 "with what comes after it"

project "$(table a)" "$(table b)"
before=$(sql "select seq from invplan.head")
for command in apply rollback\ --to\ a; do
    # shellcheck disable=SC2086
    run "$invplan" $command -e local --yes
    if [ "$command" = apply ]; then
        is "$status" 15 "a plan that is behind is refused by apply"
        like "$output" "'c'|'d'|'late'" "what it lacks is named"
        is "$(sql "select seq from invplan.head")" "$before" "nothing was written"
    fi
done
is "$(sql "select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'public'")" "a" \
    "a rollback that is asked for undoes what only the ledger knows"
project "$(table a)" "$(table b)" "$(table c)"
run "$invplan" apply -e local
is "$status" 0 "and it applies again" || echo "# $output"

# --- edited migrations
project "a: { create_table: { name: a, columns: { id: \"bigint not null\" }, primary_key: [id] } }" "$(table b)" "$(table c)"
run "$invplan" apply -e local
is "$status" 14 "an applied migration that was edited is refused"
like "$output" "'a/" "its step is named"
like "$output" "rollback --migration a" "and the line that undoes it is printed"

project "$(table a)" "$(table b)" "$(table c)" \
    'half: { sql: { up: "ALTER TABLE a ADD COLUMN x int", down: "ALTER TABLE a DROP COLUMN x" } }, { name: bad, sql: { up: "SELECT 1 / (SELECT count(*) - count(*) FROM a)" } }'
# The second is a group of its own, so that the first one stays.
sed -i 's/{ name: bad, sql/{ create_index: { name: a_n, table: a, columns: [n] } }, { name: bad, sql/' migrations.yaml
compile_all
run "$invplan" apply -e local
is "$status" 31 "a step that fails halts the run"
like "$output" "division by zero" "with the server's words"
like "$output" "apply -*-e|apply --env" "and both lines, to go on"
like "$output" "rollback --last" "and to go back, are printed"
like "$("$invplan" status -e local)" "half" "status names the migration that is half applied"
run "$invplan" status -e local --format json
is "$(python3 -c 'import json, sys; json.loads(sys.argv[1]); print("json")' "$output")" json "status speaks JSON"
sed -i 's/ADD COLUMN x int/ADD COLUMN x bigint/' migrations.yaml
compile_all
run "$invplan" apply -e local
is "$status" 14 "a step of it that is applied may not be edited"
like "$output" "rollback --migration half" "the line that undoes the migration is printed"
sed -i 's/ADD COLUMN x bigint/ADD COLUMN x int/; s/SELECT 1 .*FROM a)"/SELECT 1"/; s/\("SELECT 1" } }\) \] }$/\1, { create_index: { name: a_x, table: a, columns: [x] } } ] }/' migrations.yaml
compile_all
run "$invplan" apply -e local
is "$status" 0 "the step that failed may be edited, and steps may be added behind it" || echo "# $output"
is "$(sql "select count(*) from pg_indexes where tablename = 'a' and indexdef like '%(x)%'")" 1 "what was added is there"

# --- the head, the lease, a step that nobody can settle
head=$(sql "select hash from invplan.head")
run "$invplan" apply -e local --expect-head "$head"
is "$status" 0 "the head that is expected is there"
run "$invplan" apply -e local --expect-head "$(tr 0-9a-f 1-9a-f0 <<<"$head")"
is "$status" 14 "another head is refused"
like "$output" "invplan status" "and the line to look with is printed"

sql "update invplan.lease set held = true, holder = 'somebody', run = 'x', heartbeat_at = now() + interval '1 hour', duration_ms = 3600000" >/dev/null
"$invplan" apply -e local >"$work/signal.out" 2>&1 &
child=$!
until_true 20 grep -q "waiting for the lease of somebody" "$work/signal.out"
kill -TERM "$child"
wait "$child"
is "$?" 75 "a signal ends the waiting for it"
like "$(cat "$work/signal.out")" "invplan apply --env local" "with the line to go on with"
run env INVPLAN_LEASE_MS=3000 "$invplan" apply -e local
is "$status" 20 "a lease that somebody holds is respected"
like "$output" "somebody" "who holds it is said"
type_next
is "$status" 0 "the line that is printed ends it" || echo "# $next: $output"
run "$invplan" apply -e local
is "$status" 0 "and the next run goes on"

project "$(table a)" "$(table b)" "$(table c)" \
    "$(sed -n 's/^  - { id: half, target: db, steps: \[ \(.*\) \] }$/half: \1/p' migrations.yaml)" \
    'index: { create_index: { name: b_n, table: b, columns: [n] } }'
run env INVPLAN_KILL_AT='pg.alone.started#1' "$invplan" apply -e local
is "$(events 'index/%')" STARTED "a run is killed before a concurrent index is built"
sql "create index b_n on b (id)" >/dev/null
run "$invplan" apply -e local
like "$status" '^(16|31)$' "an index of that name and another shape is in its place: halted"
like "$output" "b_n" "it is named"
like "$output" "invplan resolve 'index/.*--as applied\|undone|invplan resolve index/.*--as applied\|undone" "the line that settles it is printed"
sql "drop index b_n" >/dev/null
step=$(sql "select step from invplan.ledger where step like 'index/%' limit 1")
run "$invplan" resolve -e local "$step" --as undone --reason "dropped it"
is "$status" 0 "a person says how it stands" || echo "# $output"
run "$invplan" apply -e local
is "$status" 0 "and the next run builds it" || echo "# $output"
like "$(sql "select note from invplan.ledger where event = 'RESOLVED'")" "dropped it" "who and why is in the ledger"

# --- drift, an undo that halts, phases, redo
sql "alter table c add column by_hand int" >/dev/null
sed -i '$a\  - { id: more, target: db, steps: [ { add_column: { table: c, name: z, definition: integer } } ] }' migrations.yaml
compile_all
run "$invplan" apply -e local
is "$status" 16 "what a pending step touches was changed by hand: refused"
like "$output" "column by_hand of table public.c is new" "it is named"
type_next
is "$status" 16 "the line that is printed shows the whole picture"
like "$output" "concerns pending step more/" "with the step that it concerns"
sql "alter table c drop column by_hand" >/dev/null
run "$invplan" apply -e local --phase expand
is "$status" 0 "put back, it applies" || echo "# $output"

run env INVPLAN_KILL_AT='pg.undo.started#1' "$invplan" rollback -e local --to half --yes
is "$(events 'index/%' | awk '{print $NF}')" UNDO_STARTED "a rollback is killed in the middle"
run "$invplan" apply -e local
is "$status" 32 "apply is refused until it is finished"
type_next
is "$status" 0 "the line that is printed finishes it" || echo "# $next: $output"
is "$(sql "select count(*) from pg_indexes where indexname = 'b_n'")" 0 "the index is gone"
run "$invplan" apply -e local
is "$status" 0 "and apply goes on"
run "$invplan" redo -e local
is "$status" 0 "redo undoes the last migration and applies it again" || echo "# $output"

# --- signals
sed -i '$a\  - { id: long, target: db, steps: [ { name: a, sql: { up: "SELECT pg_sleep(1)" } }, { barrier: {} }, { name: b, sql: { up: "SELECT pg_sleep(60)" } } ] }' migrations.yaml
compile_all
for signal in INT TERM; do
    "$invplan" apply -e local >"$work/signal.out" 2>&1 &
    child=$!
    until_true 20 running 'pg_sleep(60)'
    began=$(date +%s%3N)
    kill -"$signal" "$child"
    sleep 0.2 # two that come at once are one to the kernel
    kill -"$signal" "$child"
    wait "$child"
    is "$?" 75 "a second SIG$signal cancels the statement under way"
    took=$(($(date +%s%3N) - began))
    if [ "$took" -lt 5000 ]; then pass "SIG$signal: at once"; else fail "SIG$signal: at once" "$took ms"; fi
    like "$(cat "$work/signal.out")" "invplan apply --env local" "SIG$signal: the line to go on with is printed"
    is "$(sql "select held from invplan.lease")" f "SIG$signal: the lease is released"
done

# --- a rollback that builds an index anew, interrupted in the middle of it
new_database rebuilt
project "$(table a)" \
    'rows: { name: fill, sql: { up: "INSERT INTO a SELECT g FROM generate_series(1, 2000) g", down: "DELETE FROM a" } }' \
    "slow: { create_function: { name: slow, definition: \"create function slow(n integer) returns integer language plpgsql immutable as 'begin perform pg_sleep(0.001); return n; end'\" } }" \
    'index: { create_index: { name: a_slow, table: a, columns: ["slow(id)"] } }' \
    'more: { add_column: { table: a, name: m, definition: integer } }' \
    'drop: { drop_index: { name: a_slow } }'
run env INVPLAN_KILL_AT='pg.alone.started#1' "$invplan" apply -e local --init --to index
run "$invplan" apply -e local --to index --deadline 1s
is "$status" 75 "a deadline ends an index that is being built"
typed
is "$next" "invplan apply --to index --env local" "the line that is printed asks for no more than was asked for"
type_next
is "$status" 0 "and it completes" || echo "# $output"
"$invplan" apply -e local >/dev/null 2>&1
"$invplan" rollback -e local --to slow --yes >"$work/signal.out" 2>&1 &
child=$!
until_true 20 running 'CREATE INDEX'
kill -TERM "$child"
sleep 0.2 # two that come at once are one to the kernel
kill -TERM "$child"
wait "$child"
is "$?" 75 "a rollback is interrupted while it builds an index anew"
is "$(sql "select count(*) from pg_index where not indisvalid")" 1 "an invalid index is left"
run "$invplan" status -e local
like "$output" "next: invplan rollback --resume" "status says what to type next"
output=$(cat "$work/signal.out")
type_next
is "$status" 0 "so does the rollback, and the line that is printed completes it" || echo "# $next: $output"
like "$output" "a_slow.* was half done" "what was half done is said"
is "$(sql "select count(*) from pg_index where not indisvalid")" 0 "no invalid index is left"
is "$(sql "select count(*) from pg_indexes where indexname = 'a_slow'") $(sql "select count(*) from pg_attribute where attrelid = 'a'::regclass and attname = 'm'")" \
    "0 0" "it goes as far back as was asked for at first"
run "$invplan" status -e local --format json
is "$(python3 -c 'import json, sys; print([m["migration"] for m in json.loads(sys.argv[1])["targets"][0]["pending"]])' "$output")" \
    "['index', 'more', 'drop']" "and no further"
run "$invplan" rollback -e local --migration indx
is "$status" 2 "a migration that is spelt wrong is not taken for one of which nothing is applied"
finish
