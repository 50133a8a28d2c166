# Common to the end-to-end tests: TAP, databases of their own, the programs. Source it after `set -uo pipefail`:
#     . "$(dirname "$0")/lib.sh"
# The tests run below tests/services/with, which gives TEST_DATABASE_URL and TEST_AWS_ENDPOINT.
# shellcheck shell=bash disable=SC2034,SC2016

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${INVPLAN_BUILD:-$root/build}
invplan=$build/invplan
work=$(mktemp -d /tmp/invplan-e2e.XXXXXX)
tests_run=0
tests_failed=0
databases=()

cleanup() {
    local database
    for database in "${databases[@]}"; do
        psql -qX "$TEST_DATABASE_URL" -c "drop database if exists \"$database\" with (force)" >/dev/null 2>&1
    done
    if [ "$tests_failed" -eq 0 ]; then rm -rf "$work"; else echo "# left for a look: $work"; fi
}
trap cleanup EXIT

pass() { tests_run=$((tests_run + 1)); echo "ok $tests_run - $1"; }
fail() {
    tests_run=$((tests_run + 1))
    tests_failed=$((tests_failed + 1))
    echo "not ok $tests_run - $1"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}
# is GOT WANTED NAME
is() { if [ "$1" = "$2" ]; then pass "$3"; else fail "$3" "got:    $1" "wanted: $2"; fi; }
# like TEXT PATTERN NAME (extended regular expression)
like() { if grep -qE -- "$2" <<<"$1"; then pass "$3"; else fail "$3" "does not match: $2" "$1"; fi; }
unlike() { if grep -qE -- "$2" <<<"$1"; then fail "$3" "matches: $2" "$1"; else pass "$3"; fi; }
# same_files A B NAME
same_files() { if diff -u "$1" "$2" >"$work/diff"; then pass "$3"; else fail "$3" "$(head -30 "$work/diff")"; fi; }
finish() { echo "1..$tests_run"; [ "$tests_failed" -eq 0 ]; exit; }
skip_all() { echo "1..0 # SKIP $1"; exit 0; }

# run COMMAND …: output (both streams) in $output, exit status in $status: 124 where it has no end
run() {
    if [ "$(type -t "$1")" = file ]; then set -- timeout --foreground -k 10 300 "$@"; fi
    output=$("$@" 2>&1)
    status=$?
}

# new_database NAME: a fresh database; DATABASE_URL is its address
new_database() {
    local name="e2e_$1_$$"
    psql -qX "$TEST_DATABASE_URL" -c "create database \"$name\"" >/dev/null || exit 1
    databases+=("$name")
    DATABASE_URL=${TEST_DATABASE_URL%/*}/$name
    export DATABASE_URL
}
sql() { psql -qXAt -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "$1"; }

# until_true SECONDS COMMAND …: waits for a fact
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { echo "# not true in time: $*"; return 1; }
        sleep 0.05
    done
}
# running TEXT: is a statement with that text at work? (idle ones remember theirs)
running() { [ "$(sql "select count(*) from pg_stat_activity where state = 'active' and query like '%$1%' and pid <> pg_backend_pid()")" -gt 0 ]; }

# empty_project: $work/project, empty, as the working folder; compile_all: what is in it by then
empty_project() {
    rm -rf "$work/project"
    mkdir -p "$work/project"
    cd "$work/project" || exit 1
}
compile_all() {
    "$invplan" compile --all >"$work/compile.log" 2>&1 || { fail "the project compiles" "$(cat "$work/compile.log")"; finish; }
}
# plan_of NAME [POLICY]: migrations of target db (the YAML list below `migrations:`) from stdin, compiled; plan is the plan
plan_of() {
    {
        printf 'invplan: 1\nproject: %s\ntargets: { db: { engine: postgres, version: 15 } }\n' "$1"
        printf 'environments:\n  test: { targets: { db: { url: "${env:DATABASE_URL}" } }, policy: %s }\nmigrations:\n' "${2:-{ \}}"
        cat
    } >"$work/$1.yaml"
    plan=$work/$1.plan
    run "$invplan" compile -f "$work/$1.yaml" --env test -o "$plan"
    [ "$status" -eq 0 ] || { fail "$1 compiles" "$output"; finish; }
}

# events_of NAME: migrations.yaml of a project whose target `store` has events and nothing else, down to `types:`
events_of() {
    cat <<YAML
invplan: 1
project: $1
targets:
  store: { engine: dynamodb, ledger: $1_ledger }
environments:
  local: { targets: { store: { region: us-east-1, endpoint: "\${env:AWS_ENDPOINT_URL}" } } }
events:
  store: store
  table: $1_events
  stream: stream
  sequence: sequence
  type: type
  version: version
  registry: $1_schemas
  types:
YAML
}

# new_project: a copy of the project's migrations and plans in $work/project, and the working folder
new_project() {
    rm -rf "$work/project"
    mkdir -p "$work/project"
    cp -r "$root/migrations.yaml" "$root/migrations" "$root/plans" "$work/project/"
    cd "$work/project" || exit 1
}

# aws ACTION JSON: one DynamoDB request, signed, with curl's own signer; prints the answer
aws() {
    curl -sS --max-time 60 --aws-sigv4 "aws:amz:us-east-1:dynamodb" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -H "X-Amz-Target: DynamoDB_20120810.$1" -H 'Content-Type: application/x-amz-json-1.0' -d "$2" "$TEST_AWS_ENDPOINT/"
}

# new_aws: no DynamoDB tables, whatever an earlier test left; AWS_ENDPOINT_URL is the address
new_aws() {
    local table
    for table in $(aws ListTables '{}' | grep -o '"[A-Za-z0-9_.-]*_[A-Za-z0-9_.-]*"' | tr -d '"'); do
        aws UpdateTable '{"TableName":"'"$table"'","DeletionProtectionEnabled":false}' >/dev/null
        aws DeleteTable '{"TableName":"'"$table"'"}' >/dev/null
    done
    export AWS_ENDPOINT_URL=$TEST_AWS_ENDPOINT
}

# schema_dump FILE: the schema and data of the database without the ledger, in a form that can be compared
schema_dump() {
    pg_dump --no-owner --exclude-schema=invplan "$DATABASE_URL" >"$1" 2>/dev/null
    sed -i '/^\\\(un\)\{0,1\}restrict /d' "$1"
}
