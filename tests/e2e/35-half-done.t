#!/usr/bin/env bash
# A backfill that fails half way, at row 2500, on a real server: by the policy, and by hand, what it had done is taken back; or it is
# mended and goes on. And the table that TypeORM reads forgets what was undone, even by a plan that lacks it.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
empty_project

# write_project POLICY COUNT: the first migrations alone
write_project() {
    cat >migrations.yaml <<EOF
invplan: 1
project: half
targets: { db: { engine: postgres, version: 15, typeorm_table: migrations } }
environments:
  local:
    targets: { db: { url: "\${env:DATABASE_URL}" } }
    policy: { on_failure: $1 }
migrations:
  - id: 1700000000000-CreateItems
    target: db
    steps:
      - create_table:
          name: items
          columns: { id: "integer not null", note: "text not null" }
          primary_key: [id]
          checks: { quiet: "id <> 2500 or note = lower(note)" }
EOF
    [ "$2" -lt 2 ] || cat >>migrations.yaml <<EOF
  - id: 1700000060000-FillItems
    target: db
    steps:
      - add_column: { table: items, name: extra, definition: "text" }
      - name: shout
        backfill: { table: items, set: "note = upper(note)", keep_old: true, batch: 100 }
      - name: copy
        backfill: { table: items, set: "extra = 'x' || id", batch: 100 }
EOF
    compile_all
}

filled() { sql "select count(*) from items where note <> lower(note)"; }

# begin NAME POLICY: a database with 3000 rows to fill
begin() {
    new_database "$1"
    write_project "$2" 1
    run "$invplan" apply -p plans/local.plan --init
    is "$status" 0 "$1: the table is made" || echo "# $output"
    sql "insert into items select g, 'a' || g from generate_series(1, 3000) g"
    write_project "$2" 2
}

begin half_by_policy rollback
run "$invplan" apply -p plans/local.plan
is "$status" 30 "a backfill that fails half way is rolled back with its run"
like "$output" "rolling this run back" "it says so"
is "$(filled)" 0 "every row is as it was"
is "$(sql "select count(*) from information_schema.columns where table_name = 'items' and column_name = 'extra'")" 0 \
    "the column is gone"
like "$(sql "select string_agg(event, ' ' order by seq) from invplan.ledger where step like '%/shout/%'")" \
    "STARTED FAILED UNDO_STARTED UNDONE" "the ledger tells it step by step"
sql "delete from items where id = 2500"
run "$invplan" apply -p plans/local.plan
is "$status" 0 "and applies when the cause is mended"
is "$(sql "select count(*) from items where extra = 'x' || id and note = upper(note)")" 2999 "every row is filled"

begin half_by_hand halt
run "$invplan" apply -p plans/local.plan
is "$status" 31 "by another policy it halts"
is "$([ "$(filled)" -gt 0 ] && echo part)" part "with part of it done"
like "$("$invplan" status -p plans/local.plan)" "half done +1700000060000-FillItems/.*, FAILED since" "status says that part of it is there"
run "$invplan" rollback -p plans/local.plan --last
is "$status" 0 "a rollback takes it back"
is "$(filled)" 0 "every row is as it was"
unlike "$("$invplan" status -p plans/local.plan)" "half done" "nothing is half done"
is "$(python3 -c 'import json
report = json.load(open("migration-report.json"))
steps = [s for m in report["migrations"] for s in m["steps"]]
print(all(s["state"] == "undone" and s["attempts"] == 1 and s["duration_ms"] >= 0 for s in steps), len(steps))')" "True 2" \
    "the report tells of both steps"

sql "delete from items where id = 2500"
run "$invplan" apply -p plans/local.plan
is "$status" 0 "and applies when the cause is mended"
is "$(sql "select string_agg(name, ' ' order by name) from migrations")" "CreateItems1700000000000 FillItems1700000060000" \
    "TypeORM's table has both migrations"
write_project halt 1
run "$invplan" rollback -p plans/local.plan --migration 1700000060000-FillItems --yes
is "$status" 0 "a migration is undone by a plan that lacks it"
is "$(sql "select string_agg(name, ' ' order by name) from migrations")" "CreateItems1700000000000" "TypeORM's table forgets it"
finish
