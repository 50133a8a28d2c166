#!/usr/bin/env bash
# Rollbacks that were written by hand, effects that were declared, and a partition that is detached halfway.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
empty_project
new_database written
cat >migrations.yaml <<'YAML'
invplan: 1
project: written
targets:
  db: { engine: postgres, version: 15, ledger: invplan }
environments:
  local: { targets: { db: { url: "${env:DATABASE_URL}" } } }
migrations:
  - id: 1-First
    target: db
    steps:
      - create_table: { name: items, columns: { id: "bigint not null", label: "text" }, primary_key: [id] }
      - name: log
        sql:
          up: |
            create table log (id bigint not null, day date not null, primary key (id, day)) partition by range (day);
            create table log_2023 partition of log for values from ('2023-01-01') to ('2024-01-01');
  - id: 2-Notes
    target: db
    steps:
      - add_column: { table: items, name: note, definition: text }
      - create_index: { name: items_note_idx, table: items, columns: [note] }
      - assert: { query: "select current_setting('invplan.test', true) is distinct from 'fail'", message: asked to fail }
    rollback:
      - drop_index: items_note_idx
      - sql: { up: "alter table items drop column note" }
  - id: 3-Declared
    target: db
    steps:
      - name: by-code
        sql:
          up: |
            do $$ begin execute 'create table audit (id bigint primary key)'; end $$
          effect: create table audit (id bigint primary key)
      - add_column: { table: audit, name: at, definition: timestamptz }
  - id: 4-Detach
    target: db
    steps:
      - detach_partition: { table: log, partition: log_2023 }
YAML
compile_all
run "$invplan" apply -e local --init --to 1-First
is "$status" 0 "its first migration is applied"
schema_dump "$work/before.sql"
run "$invplan" apply -e local --to 3-Declared
is "$status" 0 "two more are applied, one of them with a declared effect"
run "$invplan" rollback -e local --to 1-First
is "$status" 0 "both are rolled back: what was written by hand, and what was derived from the declared effect"
schema_dump "$work/after.sql"
same_files "$work/before.sql" "$work/after.sql" "the schema is what it was"

sql "alter database $(sql 'select current_database()') set invplan.test = 'fail'"
run "$invplan" apply -e local --to 2-Notes
is "$status" 31 "the second migration stops halfway"
run "$invplan" rollback -e local --to 1-First
like "$output" "its rollback was written for the whole migration, and step '2-Notes/assert/check' is not applied" "its rollback is for the whole, and says so"
is "$(sql "select count(*) from pg_indexes where indexname = 'items_note_idx'")" 1 "nothing is undone without consent"
sql "alter database $(sql 'select current_database()') reset invplan.test"
run "$invplan" apply -e local --to 3-Declared
is "$status" 0 "it is completed"

run env INVPLAN_KILL_AT='pg.alone.started#1' "$invplan" apply -e local
sql "update pg_inherits set inhdetachpending = true where inhrelid = 'log_2023'::regclass"
run "$invplan" apply -e local
is "$status" 0 "a partition that is detached halfway is detached by the next run"
is "$(sql "select count(*) from pg_inherits where inhrelid = 'log_2023'::regclass")" 0 "it is a table of its own"
run "$invplan" rollback -e local --to 1-First
is "$status" 0 "all is rolled back"
schema_dump "$work/after.sql"
same_files "$work/before.sql" "$work/after.sql" "the schema is what it was, once more"
finish
