#!/usr/bin/env bash
# A migration that somebody is in the way of: it tries again, says who it is without what they typed, and the report has waits
# and holds beside what the plan expected. Reports of real runs follow their schema.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
empty_project
trap 'stop_all; cleanup' EXIT
holder_pid=
# shellcheck disable=SC2317 # by the trap
stop_all() { [ -z "$holder_pid" ] || kill "$holder_pid" 2>/dev/null; }

# write_project RETRY_FOR
write_project() {
    cat >migrations.yaml <<EOF
invplan: 1
project: locks
targets: { db: { engine: postgres, version: 15 } }
environments:
  local:
    targets: { db: { url: "\${env:DATABASE_URL}" } }
    policy: { lock_timeout: 400ms, retry_for: $1 }
migrations:
  - id: 1-Create
    target: db
    steps:
      - create_table: { name: items, columns: { id: "integer not null", note: "text" }, primary_key: [id] }
  - id: 2-Add
    target: db
    steps:
      - add_column: { table: items, name: more, definition: "integer" }
      - create_index: { name: items_note, table: items, columns: [note] }
      - backfill: { table: items, set: "more = 1" }
EOF
    compile_all
}
# hold: somebody reads the table, and stays in the transaction until let_go
hold() {
    mkfifo "$work/holder"
    PGAPPNAME=nightly psql -qX "$DATABASE_URL" <"$work/holder" >/dev/null &
    holder_pid=$!
    exec 9>"$work/holder"
    echo "begin; select * from items where note = 'a secret';" >&9
    until [ "$(sql "select count(*) from pg_locks l join pg_class c on c.oid = l.relation where c.relname = 'items'")" -gt 0 ]; do sleep 0.05; done
}
let_go() {
    exec 9>&-
    wait "$holder_pid"
    holder_pid=
    rm "$work/holder"
}
# report EXPRESSION: of migration-report.json, in Python; steps[ID] is a step
report() {
    python3 -c 'import json, sys
r = json.load(open("migration-report.json"))
steps = {s["id"]: s for m in r["migrations"] for s in m["steps"]}
print(eval(sys.argv[1]))' "$1"
}
follows_schema() {
    run python3 "$root/tests/e2e/report_schema.py" "$root/spec/schema/report.schema.json" migration-report.json
    is "$output" "" "$1"
}
add='steps["2-Add/add_column:items.more/add"]'

new_database locks
write_project 1s
run "$invplan" apply -e local --init --to 1-Create
is "$status" 0 "the table is made"
follows_schema "the report of an apply follows its schema"
sql "insert into items select g, 'n' from generate_series(1, 100) g"
hold
run "$invplan" apply -e local
is "$status" 31 "somebody who stays in the way halts it when retry_for is over"
like "$output" "in the way: backend [0-9]+ \(nightly, idle in transaction, transaction open for [0-9]+ s\): select \* from items where note = \?" \
    "the message names backend, application, age and query"
unlike "$output" "a secret" "without its literals"
like "$output" "trying again in [0-9]+ ms" "it tried again before"
follows_schema "the report of a halt follows its schema"
is "$(report "${add}['state']")" failed "the step has failed"
is "$(report "${add}['lock_wait_ms'] >= 400 and ${add}['lock_hold_ms'] is None")" True "the report has how long it waited"
is "$(report "[(b['application'], b['state'], b['query']) for b in ${add}['blocked_by']][0]")" \
    "('nightly', 'idle in transaction', 'select * from items where note = ?;')" "and who was in the way"
is "$(report "len(${add}['blocked_by']) > 1")" True "once for each try"
is "$(report "[(l['relation'], l['mode'], l['blocks']) for l in ${add}['locks']]")" \
    "[('public.items', 'AccessExclusiveLock', 'reads and writes')]" "beside what the plan expected"

write_project 60s
"$invplan" apply -e local >"$work/log" 2>&1 9>&- &
apply_pid=$!
until grep -q "trying again in" "$work/log"; do sleep 0.05; done
let_go
wait "$apply_pid"
is $? 0 "when they are gone, it goes on by itself" || cat "$work/log"
is "$(report "${add}['lock_wait_ms'] >= 400 and 0 <= ${add}['lock_hold_ms'] < 5000")" True "waits and holds are there"
is "$(report "${add}['blocked_by'][0]['application']")" nightly "and who was in the way"
is "$(report 'steps["2-Add/create_index:items_note/create"]["lock_hold_ms"] >= 0')" True "of a step that runs alone, too"
follows_schema "the report of what went on follows its schema"
run "$invplan" rollback -e local --to 1-Create --yes
is "$status" 0 "it is rolled back"
follows_schema "the report of a rollback follows its schema"
finish
