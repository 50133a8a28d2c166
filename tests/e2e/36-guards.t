#!/usr/bin/env bash
# A rollback whose guards look at what a later migration dropped or renamed: they are asked again once that is back.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
empty_project
new_database guards
cat >migrations.yaml <<'YAML'
invplan: 1
project: guards
targets:
  db: { engine: postgres, version: 15, ledger: invplan }
environments:
  local: { targets: { db: { url: "${env:DATABASE_URL}" } } }
migrations:
  - id: 1-First
    target: db
    steps:
      - create_table: { name: items, columns: { id: "bigint not null", label: "text" }, primary_key: [id] }
  - id: 2-AddNote
    target: db
    steps:
      - add_column: { table: items, name: note, definition: "text" }
  - id: 3-DropNote
    target: db
    steps:
      - drop_column: { table: items, name: note }
    allow:
      - { rule: PG201, reason: "nobody reads it" }
YAML
compile_all
run "$invplan" apply -e local --init --to 1-First
is "$status" 0 "its first migration is applied"
schema_dump "$work/before.sql"
run "$invplan" apply -e local
is "$status" 0 "the others too"
run "$invplan" rollback -e local --to 1-First --yes
is "$status" 0 "both are rolled back, although the column that the first one's guard looks at was gone"
schema_dump "$work/after.sql"
same_files "$work/before.sql" "$work/after.sql" "the schema is what it was"
finish
