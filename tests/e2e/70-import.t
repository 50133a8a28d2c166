#!/usr/bin/env bash
# Histories of golang-migrate, dbmate, Flyway, sqitch and TypeORM: imported, compiled, applied, verified and rolled back on
# a real PostgreSQL. What the tool itself would have run is run by psql beside it: the schemas must be the same.
# shellcheck disable=SC2016  # SQL and TypeScript in single quotes
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_DATABASE_URL:-}" ] || skip_all "TEST_DATABASE_URL is not set"

# --- the history that all tools have, each in its own form -----------------------------------------------------------
# history: calls `migration NUMBER NAME UP DOWN` for each of its migrations, in order
history() {
    migration 1 create_accounts "$accounts_up" 'DROP TABLE accounts;'
    migration 2 create_entries "$entries_up" 'DROP TABLE entries;
DROP TYPE entry_kind;'
    migration 3 balance_trigger "$trigger_up" 'DROP TRIGGER entries_balance ON entries;
DROP FUNCTION apply_entry();'
    migration 4 index_entries_concurrently 'CREATE INDEX CONCURRENTLY entries_made_idx ON entries (made_at DESC);' \
        'DROP INDEX CONCURRENTLY entries_made_idx;'
    migration 5 seed_accounts "$seed_up" "DELETE FROM accounts WHERE owner LIKE 'seed %';"
    migration 6 balances_view "$view_up" 'DROP VIEW balances;'
    migration 7 note_column "$note_up" 'ALTER TABLE entries DROP COLUMN note;'
    local n
    for n in $(seq 8 32); do
        migration "$n" "table_$n" "CREATE TABLE part_$n (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts (id),
    label text NOT NULL DEFAULT 'part; $n', -- a semicolon; in a string
    payload jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX part_${n}_account_idx ON part_$n (account_id);" "DROP TABLE part_$n;"
    done
}

accounts_up='-- Accounts; and a "quoted" comment
/* block /* nested */ comment; */
CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text NOT NULL,
    balance numeric(12,2) NOT NULL DEFAULT 0,
    CONSTRAINT accounts_owner_key UNIQUE (owner)
);
COMMENT ON TABLE accounts IS '\''who owns; what'\'';'
entries_up='CREATE TYPE entry_kind AS ENUM ('\''credit'\'', '\''debit'\'');
CREATE TABLE entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind entry_kind NOT NULL,
    amount numeric(12,2) NOT NULL CHECK (amount > 0),
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX entries_account_idx ON entries (account_id);'
trigger_up='CREATE FUNCTION apply_entry() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    -- a "--" comment with $$ in it
    IF NEW.kind = '\''credit'\'' THEN
        UPDATE accounts SET balance = balance + NEW.amount WHERE id = NEW.account_id;
    ELSE
        UPDATE accounts SET balance = balance - NEW.amount WHERE id = NEW.account_id;
    END IF;
    RETURN NEW;
END;
$body$;
CREATE TRIGGER entries_balance AFTER INSERT ON entries FOR EACH ROW EXECUTE FUNCTION apply_entry();'
seed_up='DO $$
BEGIN
    FOR i IN 1..3 LOOP
        INSERT INTO accounts (owner) VALUES (format('\''seed %s'\'', i)) ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;'
view_up='CREATE VIEW balances AS
    SELECT a.owner, count(e.id) AS entries, a.balance FROM accounts a LEFT JOIN entries e ON e.account_id = a.id GROUP BY a.id;'
note_up='ALTER TABLE entries ADD COLUMN note text;
COMMENT ON COLUMN entries.note IS $q$it'\''s free; text$q$;'

# dump FILE: as schema_dump, without the table that TypeORM's migrations are also kept in
dump() {
    pg_dump --no-owner --exclude-schema=invplan --exclude-table='public.migrations*' "$DATABASE_URL" >"$1" 2>/dev/null
    sed -i '/^\\\(un\)\{0,1\}restrict /d' "$1"
}

# --- what is done with each -------------------------------------------------------------------------------------------
# oracle NAME: the schema after psql ran the history's SQL as it stands, in $work/NAME.oracle
oracle() {
    new_database "oracle_$1"
    migration() { psql -qX -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "$3" >/dev/null || echo "# psql fails on $2"; }
    # CONCURRENTLY and others alone: each statement of a migration in a call of its own is not needed for this history
    history
    dump "$work/$1.oracle"
    sql "select 'accounts', count(*) from accounts" >"$work/$1.rows"
}

# story NAME TOOL PATH STATUS [IMPORT_OPTION …]: import in the working folder, compile, apply, verify, undo
story() {
    local name=$1 tool=$2 path=$3 wanted=$4
    shift 4
    run "$invplan" import "$tool" "$path" "$@"
    is "$status" "$wanted" "$name: the import ends with status $wanted"
    printf '%s\n' "$output" >"$work/$name.report"
    run "$invplan" compile --all
    is "$status" 0 "$name: the project compiles" || printf '%s\n' "$output" | sed 's/^/# /'
    new_database "$name"
    dump "$work/$name.before"
    run "$invplan" apply --env local --init
    is "$status" 0 "$name: the plan applies"
    [ "$status" -eq 0 ] || printf '%s\n' "$output" | tail -5 | sed 's/^/# /'
    dump "$work/$name.after"
    is "$(sql "select 'accounts', count(*) from accounts")" "$(cat "$work/$name.rows")" "$name: rows that the history makes are there"
    run "$invplan" verify --env local
    is "$status" 0 "$name: the live schema is what the plan says"
    [ "$status" -eq 0 ] || printf '%s\n' "$output" | tail -8 | sed 's/^/# /'
    run "$invplan" rollback --env local --last --yes
    is "$status" 0 "$name: everything is undone"
    [ "$status" -eq 0 ] || printf '%s\n' "$output" | tail -5 | sed 's/^/# /'
    dump "$work/$name.undone"
    same_files "$work/$name.before" "$work/$name.undone" "$name: and nothing is left"
}

# new_history: an empty folder, and the working folder
new_history() {
    rm -rf "$work/project"
    mkdir -p "$work/project"
    cd "$work/project" || exit 1
}

# ids: of the project file, in order
ids() { sed -n 's/^  - id: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' migrations.yaml; }

# --- golang-migrate ---------------------------------------------------------------------------------------------------
oracle golang
new_history
mkdir -p db/migrations
migration() {
    local stem
    printf -v stem 'db/migrations/%06d_%s' "$1" "$2"
    printf '%s\n' "$3" >"$stem.up.sql"
    printf '%s\n' "$4" >"$stem.down.sql"
}
history
# as Windows editors leave files: a byte order mark, CRLF
{ printf '\357\273\277'; sed 's/$/\r/' db/migrations/000001_create_accounts.up.sql; } >x && mv x db/migrations/000001_create_accounts.up.sql
# as people write them: with their own transaction
{ printf 'BEGIN;\n\n'; cat db/migrations/000007_note_column.up.sql; printf 'COMMIT;\n'; } >x && mv x db/migrations/000007_note_column.up.sql
echo 'not SQL' >db/migrations/README.md
story golang golang-migrate db/migrations 0
same_files "$work/golang.oracle" "$work/golang.after" "golang: the schema is the one that the tool gives"
like "$(cat "$work/golang.report")" '32 migrations of golang-migrate, 32 of them with SQL that undoes them; 1 SQL files copied, 63 used where they stand' \
    "golang: files that need no change are used where they stand"
is "$(ids | head -3 | tr '\n' ' ')" '000001_create_accounts 000002_create_entries 000003_balance_trigger ' "golang: ids and order are kept"
cp migrations.yaml "$work/first.yaml"
run "$invplan" import golang-migrate db/migrations
is "$status" 0 "a second import of the same changes nothing"
same_files "$work/first.yaml" migrations.yaml "and gives the same bytes"
echo '# mine' >>migrations.yaml
run "$invplan" import golang-migrate db/migrations
is "$status" 74 "a project file that somebody changed is not replaced"
like "$output" 'migrations.yaml. is there already, with another content' "and that is said"
run "$invplan" import golang-migrate db/migrations --force
is "$status" 0 "but with --force it is"
rm -rf imported migrations && mkdir elsewhere && ln -s elsewhere imported
run "$invplan" import golang-migrate db/migrations --force -o other.yaml
is "$status" 0 "copies go to a folder of the project"
rm -rf migrations && ln -s elsewhere migrations
run "$invplan" import golang-migrate db/migrations --force -o other.yaml
is "$status" 74 "and never through a symbolic link"
is "$(ls elsewhere)" "" "which stays empty"

# --- dbmate -----------------------------------------------------------------------------------------------------------
oracle dbmate
new_history
mkdir -p db/migrations
migration() {
    local options='' stem
    case $3 in *CONCURRENTLY*) options=' transaction:false' ;; esac
    printf -v stem 'db/migrations/202401%02d120000_%s.sql' "$1" "$2"
    printf -- '-- migrate:up%s\n%s\n\n-- migrate:down%s\n%s\n' "$options" "$3" "$options" "$4" >"$stem"
}
history
story dbmate dbmate db/migrations 0
same_files "$work/dbmate.oracle" "$work/dbmate.after" "dbmate: the schema is the one that the tool gives"
like "$(cat "$work/dbmate.report")" '20240104120000_index_entries_concurrently.sql:1: transaction:false has no counterpart' "dbmate: options are spoken of"
is "$(ids | sed -n 4p)" 20240104120000_index_entries_concurrently "dbmate: ids are kept"
is "$(cat migrations/20240104120000_index_entries_concurrently.up.sql)" 'CREATE INDEX CONCURRENTLY entries_made_idx ON entries (made_at DESC);' \
    "dbmate: the SQL is what stands between the directives"

# --- Flyway -----------------------------------------------------------------------------------------------------------
oracle flyway
new_history
mkdir -p sql/undo src/old
migration() {
    printf '%s\n' "$3" >"sql/V1_$1__$2.sql"
    printf '%s\n' "$4" >"sql/undo/U1.$1__$2.sql"
}
history
printf 'CREATE OR REPLACE VIEW balances AS\n    SELECT a.owner, count(e.id) AS entries, a.balance FROM accounts a LEFT JOIN entries e ON e.account_id = a.id GROUP BY a.id;\n' \
    >"sql/R__Balances view.sql"
printf 'SELECT 1;\n' >sql/B1_2__baseline.sql
story flyway flyway sql 0
same_files "$work/flyway.oracle" "$work/flyway.after" "flyway: the schema is the one that the tool gives"
is "$(ids | sed -n '9,11p;$p' | tr '\n' ' ')" 'V1_9__table_9 V1_10__table_10 V1_11__table_11 R__Balances_view ' \
    "flyway: versions count as numbers, repeatable ones come last"
like "$(cat "$work/flyway.report")" "R__Balances view.sql: is repeatable" "flyway: repeatable ones are spoken of"
like "$(cat "$work/flyway.report")" "B1_2__baseline.sql: is not carried over" "flyway: a baseline beside its versions is left out"
new_history
mkdir sql
echo 'create table ${schema}.t (id int);' >sql/V1__t.sql
echo 'class V2__Fill {}' >sql/V2__Fill.java
run "$invplan" import flyway sql
is "$status" 3 "flyway: placeholders and Java are left for a person"
like "$output" 'sql/V1__t.sql:1: the placeholder .\$\{schema\}. is Flyway' "flyway: with the place of the placeholder"
like "$output" 'sql/V2__Fill.java: is a migration in code' "flyway: and the name of the class's file"

# --- sqitch -----------------------------------------------------------------------------------------------------------
oracle sqitch
new_history
mkdir -p deploy revert verify
printf '[core]\n\tengine = pg\n' >sqitch.conf
printf '%%syntax-version=1.0.0\n%%project=ledger\n%%uri=https://example.org/ledger/\n\n' >sqitch.plan
before=
migration() {
    local needs=''
    [ -z "$before" ] || needs=" [$before]"
    before=$2
    printf '%s%s 2024-01-%02dT12:00:00Z A Person <person@example.org> # Migration %s.\n' "$2" "$needs" "$1" "$1" >>sqitch.plan
    case $3 in
    *CONCURRENTLY*)
        printf -- '-- Deploy ledger:%s to pg\n%s\n' "$2" "$3" >"deploy/$2.sql"
        printf -- '-- Revert ledger:%s from pg\n%s\n' "$2" "$4" >"revert/$2.sql"
        ;;
    *)
        printf -- '-- Deploy ledger:%s to pg\n\nBEGIN;\n\n%s\n\nCOMMIT;\n' "$2" "$3" >"deploy/$2.sql"
        printf -- '-- Revert ledger:%s from pg\n\nBEGIN;\n\n%s\n\nCOMMIT;\n' "$2" "$4" >"revert/$2.sql"
        ;;
    esac
}
history
printf 'BEGIN;\nSELECT id, owner, balance FROM accounts WHERE FALSE;\nROLLBACK;\n' >verify/create_accounts.sql
# a view that is reworked: its older scripts are called by the tag in between
printf '@v1.0 2024-02-01T12:00:00Z A Person <person@example.org> # Tag v1.0.\n' >>sqitch.plan
printf 'balances_view [balances_view@v1.0] 2024-02-02T12:00:00Z A Person <person@example.org> # Once more.\n' >>sqitch.plan
for kind in deploy revert; do cp $kind/balances_view.sql "$kind/balances_view@v1.0.sql"; done
sed 's/CREATE VIEW/CREATE OR REPLACE VIEW/' "deploy/balances_view@v1.0.sql" >deploy/balances_view.sql
sed 's/CREATE VIEW/CREATE OR REPLACE VIEW/' "deploy/balances_view@v1.0.sql" >revert/balances_view.sql
story sqitch sqitch . 0
same_files "$work/sqitch.oracle" "$work/sqitch.after" "sqitch: the schema is the one that the tool gives"
is "$(ids | sed -n '1p;6p;$p' | tr '\n' ' ')" 'create_accounts balances_view_v1.0 balances_view ' "sqitch: the order is the plan's"
like "$(cat migrations.yaml)" '^project: ledger$' "sqitch: the project has its name"
like "$(cat migrations.yaml)" '^    after: \[create_accounts\]$' "sqitch: dependencies are kept"
is "$(cat imported/create_accounts.verify.sql)" 'SELECT id, owner, balance FROM accounts WHERE FALSE;' "sqitch: verify scripts that read are steps"

# --- TypeORM ----------------------------------------------------------------------------------------------------------
oracle typeorm
new_history
mkdir -p src/migrations
# typescript TEXT: as a template literal
typescript() { printf '`%s`' "$(sed 's/\\/\\\\/g; s/`/\\`/g; s/\${/\\${/g' <<<"$1")"; }
migration() {
    local class stamp
    stamp=$((1709123456000 + $1))
    # shellcheck disable=SC2001  # case conversion
    class=$(sed 's/\(^\|_\)\(.\)/\u\2/g' <<<"$2")
    cat >"src/migrations/$stamp-$class.ts" <<TS
import { MigrationInterface, QueryRunner } from 'typeorm';

export class $class$stamp implements MigrationInterface {
    name = '$class$stamp'

    public async up(queryRunner: QueryRunner): Promise<void> {
        await queryRunner.query($(typescript "$3"));
    }

    public async down(queryRunner: QueryRunner): Promise<void> {
        // in one string or several, it is the same
        await queryRunner.query('' + $(typescript "$4"));
    }
}
TS
}
history
story typeorm typeorm src/migrations 0
same_files "$work/typeorm.oracle" "$work/typeorm.after" "typeorm: the schema is the one that the tool gives"
is "$(ids | head -2 | tr '\n' ' ')" '1709123456001-CreateAccounts 1709123456002-CreateEntries ' "typeorm: ids are timestamp and name"
new_history
mkdir migrations-ts
cat >migrations-ts/1709123456789-Mixed.ts <<'TS'
export class Mixed1709123456789 implements MigrationInterface {
    async up(runner: QueryRunner) {
        await runner.query("create table a (id int primary key)");
        for (const name of ['b', 'c']) {
            await runner.query(`create table ${name} (id int)`);
        }
        await runner.query('insert into a values ($1)', [7]);
    }
    async down(runner: QueryRunner) { await runner.dropTable('a'); }
}
TS
run "$invplan" import typeorm migrations-ts
is "$status" 3 "typeorm: what is no literal is left for a person"
like "$output" 'migrations-ts/1709123456789-Mixed.ts:4: up: `for \(const name of ' "typeorm: with file and line"
like "$output" 'migrations-ts/1709123456789-Mixed.ts:9: down: `await runner.dropTable' "typeorm: of down() too"
is "$(cat migrations/1709123456789-Mixed.up.sql)" "create table a (id int primary key);
NOT_IMPORTED '1709123456789-Mixed.ts:4'; -- for (const name of ['b', 'c']) { …
insert into a values ('7');" "typeorm: the gap stands in the SQL"
run "$invplan" compile --all
is "$status" 3 "typeorm: and the compiler refuses it until it is filled"
like "$output" "1709123456789-Mixed.up.sql:2:1: error\[PG001\]" "typeorm: at its place"

# --- new ----------------------------------------------------------------------------------------------------------------
new_history
mkdir -p db/migrations && echo 'create table a (id int primary key);' >db/migrations/1_a.up.sql
"$invplan" import golang-migrate db/migrations >/dev/null
cp migrations.yaml before.yaml
run "$invplan" new AddB
is "$status" 0 "new appends a migration"
like "$output" '^migrations.yaml:15: [0-9]{13}-AddB$' "and says where"
same_files before.yaml <(head -n "$(wc -l <before.yaml)" migrations.yaml) "nothing of what was there changes"
run "$invplan" compile --all
is "$status" 3 "the project does not compile until it is filled in"
sed -i 's/^      - # add_column.*/      - create_table: { name: b, columns: { id: integer }, primary_key: [id] }/' migrations.yaml
run "$invplan" compile --all
is "$status" 0 "and then it does"
finish
