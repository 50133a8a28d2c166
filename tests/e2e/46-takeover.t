#!/usr/bin/env bash
# Databases that are there already: baseline takes one over, verify --rebuild compares it with the plan, rebind lets a copy
# live on its own, redo tries a migration again.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
empty_project

write_project() {
    cat >migrations.yaml <<EOF
invplan: 1
project: takeover
targets: { db: { engine: postgres, version: 15, typeorm_table: migrations } }
environments:
  local: { disposable: true, targets: { db: { url: "\${env:DATABASE_URL}" } } }
  production: { targets: { db: { url: "\${env:DATABASE_URL}" } } }
migrations:
  - id: 1700000000000-CreateItems
    target: db
    steps:
      - create_table:
          name: items
          columns: { id: "integer not null", sku: "text not null", old: "text" }
          primary_key: [id]
          checks: { sku_set: "sku <> ''" }
      - sql: { up: "insert into items values (1, 'seed', null)", down: "delete from items where id = 1" }
      - assert: { query: "select count(*) > 0 from items", message: "there are no items" }
  - id: 1700000060000-Grow
    target: db
    steps:
      - add_column: { table: items, name: note, definition: "varchar(40)" }
      - create_index: { name: items_sku_idx, table: items, columns: [sku] }
      - backfill: { table: items, set: "note = 'n'" }
      - drop_column: { table: items, name: old }
    allow:
      - { rule: PG201, reason: "nobody reads it" }
  - id: 1700000120000-Later
    target: db
    steps:
      - create_table: { name: orders, columns: { id: "integer not null" $1 }, primary_key: [id] }
EOF
    compile_all
}
write_project ""
by_hand() {
    sql "create table items (id integer primary key, sku text not null, constraint sku_set check (sku <> ''))"
    sql "alter table items add column note varchar(40); create index items_sku_idx on items (sku)"
    sql "insert into items values (1, 'x'), (2, 'y')"
}
empty_database() {
    local kept=$DATABASE_URL
    new_database "$1"
    empty=$DATABASE_URL
    export DATABASE_URL=$kept
}

new_database takeover
by_hand
run "$invplan" baseline -e local --reason "it was there"
is "$status" 16 "what is not there is not taken over"
like "$output" "table public.orders is not there" "and is named"
like "$output" "invplan baseline --to MIGRATION --env local" "with what to type"
is "$(sql "select count(*) from invplan.ledger")" 0 "nothing is recorded then"

sql "alter table items alter column note type text"
empty_database takeover_empty
run "$invplan" baseline -e local --to 1700000060000-Grow --rebuild "$empty"
is "$status" 16 "with a rebuild, each object must be as the plan makes it"
like "$output" "column note of table public.items: type is text, was character varying\(40\)" "the difference is named"
sql "alter table items alter column note type varchar(40)"
run "$invplan" baseline -e local --to 1700000060000-Grow --rebuild "$empty"
is "$status" 2 "a database that holds something is not rebuilt in"
like "$output" "is not empty: it has relation" "and says what it holds"
run "$invplan" baseline -e local --to 1700000060000-Grow --rebuild "$DATABASE_URL"
is "$status" 2 "the target itself least of all"
empty_database takeover_empty2
run "$invplan" baseline -e local --to 1700000060000-Grow --rebuild "$empty" --reason "it was there"
is "$status" 0 "what is as the plan makes it is taken over" || echo "# $output"
is "$(sql "select string_agg(distinct event, ' ' order by event) from invplan.ledger")" "BASELINED ENDED" "as BASELINED"
is "$(sql "select count(*) from invplan.ledger where note like '%it was there%'")" \
    "$(sql "select count(*) from invplan.ledger where event = 'BASELINED'")" "with the reason"
is "$(sql "select count(*) from migrations")" 2 "the table that TypeORM reads knows them"
run "$invplan" baseline -e local --to 1700000060000-Grow
is "$status" 0 "again does nothing"
like "$output" "0 steps are recorded" "and says so"

run "$invplan" verify -e local
is "$status" 0 "the ledger recorded what is there"
sql 'create index "By hand" on items (note)'
run "$invplan" verify -e local
is "$status" 0 "an index that somebody else made on a table of ours is no drift"
like "$output" 'in no ledger.*: index public."By hand" of table public.items$' "but it is named"
sql 'drop index "By hand"'
sql "alter table items alter column sku set default 'z'"
run "$invplan" verify -e local
like "$output" "column sku of table public.items: default is 'z'::text, was absent" "later changes are drift"
empty_database takeover_empty3
run "$invplan" verify -e local --rebuild "$empty" --format json
is "$status" 16 "a rebuild shows it as well"
like "$output" '"compared_with": "a rebuild"' "and the result says with what it was compared"
sql "alter table items alter column sku drop default"
empty_database takeover_empty4
run "$invplan" verify -e local --rebuild "$empty"
is "$status" 0 "and it shows nothing when there is nothing" || echo "# $output"

run "$invplan" apply -e local
is "$status" 0 "the rest is applied"
run "$invplan" rollback -e local --to 1700000060000-Grow
is "$status" 0 "and undone"
run "$invplan" rollback -e local --to 1700000000000-CreateItems
is "$status" 0 "what was taken over"
like "$output" "it was in place before; it is left as it is" "is left as it is"
is "$(sql "select count(*) from items where note is null")" 2 "with its rows"

# --- redo
new_database redo
run "$invplan" apply -e local --init
is "$status" 0 "a disposable environment"
sql "insert into orders values (7)"
write_project ', total: "integer"'
run "$invplan" apply -e local
is "$status" 14 "refuses a migration that was changed after it was applied"
run "$invplan" redo -e local
is "$status" 0 "until it is done again" || echo "# $output"
is "$(sql "select count(*) from information_schema.columns where table_name = 'orders'")" 2 "as the plan has it now"
is "$(sql "select count(*) from items")" 1 "with what came before left alone"
like "$(cat migration-report.json)" '"command": "redo"' "the report is that of a redo"
run "$invplan" status -e local
like "$output" "applied +3 of 3 migrations" "everything is applied"
run "$invplan" redo -e production
is "$status" 22 "elsewhere redo is refused"
like "$output" "environment 'production' is not disposable" "and says why"

# --- rebind
kept=$DATABASE_URL
name=e2e_copy_$$
sql "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()" >/dev/null
psql -qX "$TEST_DATABASE_URL" -c "create database $name template \"${DATABASE_URL##*/}\"" || echo "# no copy"
databases+=("$name")
export DATABASE_URL=${TEST_DATABASE_URL%/*}/$name
run "$invplan" apply -e local
is "$status" 13 "a copy is not taken for the original"
like "$output" "invplan rebind --env local" "and says what to type"
run "$invplan" rebind -e local
is "$status" 21 "a new identity wants consent"
like "$output" "its ledger was made on '.*database e2e_redo.*'; it is '.*database e2e_copy" "and names both"
run "$invplan" rebind -e local --yes --reason "a copy for tests"
is "$status" 0 "the copy takes its identity"
run "$invplan" apply -e local
is "$status" 0 "and is applied to from then on"
like "$(sql "select note from invplan.ledger where note like '%rebound%'")" '"rebound_from".*"rebound_to".*a copy for tests' "the ledger remembers"
run "$invplan" status -e local
is "$status" 0 "its chain holds"
run "$invplan" rebind -e local
is "$status" 0 "again there is nothing to do"
DATABASE_URL=$kept
run "$invplan" apply -e local
is "$status" 0 "the original is what it was"
finish
