#!/usr/bin/env bash
# What a role or a database has set for its sessions is nothing to a run: it applies, compares and rolls back as anywhere
# else. Databases in other encodings, and names that need quotes.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_DATABASE_URL:-}" ] || skip_all "TEST_DATABASE_URL is not set"
role=settings_$$
psql -qX "$TEST_DATABASE_URL" -c "create role $role login password 'settings'" || exit 1
# shellcheck disable=SC2317 # by the trap
drop_role() {
    cleanup
    psql -qX "$TEST_DATABASE_URL" -c "drop role $role" >/dev/null 2>&1
}
trap drop_role EXIT

# own_database NAME [OPTION …]: a database of the role's own, as which sql() and invplan come to it
own_database() {
    local name="e2e_$1_$$"
    shift
    psql -qX "$TEST_DATABASE_URL" -c "create database \"$name\" owner $role $*" || exit 1
    databases+=("$name")
    DATABASE_URL=$(sed "s|//[^@]*@|//$role:settings@|; s|/[^/]*$|/$name|" <<<"$TEST_DATABASE_URL")
    export DATABASE_URL
}
differences() { # none: verify names nothing
    run "$invplan" verify -p "$plan"
    is "$status" 0 "$1: nothing drifted" || echo "# $output"
}
there_and_back() { # NAME
    run env INVPLAN_LEASE_MS=1500 "$invplan" apply -p "$plan" --init
    is "$status" 0 "$1: it applies" || echo "# $output"
    unlike "$output" "warning|connecting anew" "$1: without a warning"
    differences "$1"
    is "$(sql "select held from invplan.lease")" f "$1: the lease is released"
    run "$invplan" rollback -p "$plan" --to first --yes
    is "$status" 0 "$1: it rolls back" || echo "# $output"
    unlike "$output" "warning|connecting anew" "$1: without a warning"
    differences "$1, rolled back"
}

constants="
  - id: first
    target: db
    steps:
      - create_table:
          name: items
          columns:
            id: integer not null
            n: integer not null default 0
            t: \"timestamptz default '2026-01-02 03:04:05+00'\"
            d: \"date default '2026-11-23'\"
            i: \"interval default '1 year 2 days 03:04:05'\"
            b: \"bytea default '\\\\\\\\x00ff'\"
            f: double precision default 0.1
            s: \"text default 'back\\\\\\\\slash'\"
          primary_key: [id]
          checks: { late: \"t > '2020-01-01 00:00:00+00'\" }"
work_steps="
  - id: rows
    target: db
    steps: [ { name: fill, sql: { up: 'insert into items (id) select generate_series(1, 500)', down: delete from items } } ]
  - id: rest
    target: db
    steps:
      - create_index: { name: items_t, table: items, columns: [t], where: \"d > '2026-01-01'\" }
      - backfill: { table: items, set: n = n + 1, batch: 100 }
      - { name: slow, sql: { up: 'update items set n = n + 1; select pg_sleep(2)', down: update items set n = n - 1 } }
      - add_column: { table: items, name: more, definition: \"text default 'x'\" }
    allow: [ { rule: PG109, reason: a test } ]"
while IFS='|' read -r name settings; do
    own_database "$name"
    plan_of "$name" <<<"$constants$work_steps"
    run "$invplan" apply -p "$plan" --init --to first
    IFS=';' read -ra list <<<"$settings"
    for setting in "${list[@]}"; do
        psql -qX "$TEST_DATABASE_URL" -c "alter role $role in database \"e2e_${name}_$$\" set $setting" || fail "$setting"
    done
    differences "$name: what was recorded before"
    there_and_back "$name"
    is "$(sql "select count(*) from public.items")" 0 "$name: nothing is left"
done <<'SETTINGS'
forms|DateStyle='German, DMY';IntervalStyle=sql_standard;bytea_output=escape;extra_float_digits=-3;TimeZone='Asia/Kathmandu';standard_conforming_strings=off;quote_all_identifiers=on;client_encoding=LATIN1
read_only|default_transaction_read_only=on
impatient|statement_timeout=900;lock_timeout=1;idle_session_timeout=300;idle_in_transaction_session_timeout=300
isolation|default_transaction_isolation=serializable;default_transaction_deferrable=on
path|search_path='"We""ird", public'
planner|plan_cache_mode=force_custom_plan;enable_indexscan=off;jit_above_cost=0
SETTINGS

names="
  - id: first
    target: db
    steps: [ { create_table: { name: before, columns: { id: integer not null }, primary_key: [id] } } ]
  - id: names
    target: db
    description: Größen in \"Maß\"
    steps:
      - create_table: { name: 'Größe \"x\"', columns: { id: integer not null, 'Maß Ö': \"text default 'ß'\" }, primary_key: [id] }
      - create_index: { name: 'Ix ä', table: 'Größe \"x\"', columns: ['\"Maß Ö\"'] }
      - name: fill
        sql:
          up: insert into \"Größe \"\"x\"\"\" select g, 'é' from generate_series(1, 300) g
          down: delete from \"Größe \"\"x\"\"\"
      - backfill: { table: 'Größe \"x\"', set: '\"Maß Ö\" = ''ü'' || id', batch: 100, keep_old: true }"
for encoding in UTF8 LATIN1 SQL_ASCII; do
    own_database "$encoding" "template template0 encoding $encoding lc_collate 'C' lc_ctype 'C'"
    plan_of "$encoding" <<<"$names"
    there_and_back "$encoding"
done
own_database cyrillic "template template0 encoding LATIN1 lc_collate 'C' lc_ctype 'C'"
plan_of cyrillic <<<"$names
  - { id: foreign, target: db, steps: [ { create_table: { name: ЖД, columns: { id: 'integer not null' }, primary_key: [id] } } ] }"
run "$invplan" apply -p "$plan" --init
is "$status" 31 "a name that the database's encoding does not have: exit status 31"
like "$output" "has no equivalent in encoding" "with the server's words"
like "$output" "encoding of the database" "and what helps"
finish
