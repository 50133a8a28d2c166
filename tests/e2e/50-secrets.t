#!/usr/bin/env bash
# The database password and the AWS keys are nowhere in what a run leaves: plans, output, logs, reports, ledgers.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_project
new_database secrets
new_aws
export AWS_SESSION_TOKEN=session-token-of-the-test
mkdir "$work/kept"
keep() { "$@" >>"$work/kept/output" 2>&1; }

keep "$invplan" compile --all -o "$work/kept"
keep "$invplan" apply -e local --init --log json --report "$work/kept/report1.json"
keep "$invplan" apply -e local --pass readers-understand-v2 --reason why --report "$work/kept/report2.json"
keep "$invplan" verify -e local --format json
keep "$invplan" status -e local
keep "$invplan" rollback -e local --to 1709200000000-RegisterFirstEventSchemas --report "$work/kept/report3.json"
keep env DATABASE_URL="${DATABASE_URL/@127/x@127}" "$invplan" apply -e local
keep env DATABASE_URL="${DATABASE_URL/127.0.0.1:$TEST_PG_PORT/127.0.0.1:1}" "$invplan" status -e local
keep env AWS_ENDPOINT_URL=http://127.0.0.1:1 "$invplan" status -e local
keep env AWS_ACCESS_KEY_ID=AKIAWRONGWRONGWRONG0 "$invplan" status -e local
psql -qXAt "$DATABASE_URL" -c "select * from invplan.ledger; select * from invplan.lease; select * from invplan.owner" >"$work/kept/ledger"
for table in local_inventory_dynamodb_migrations local_inventory_dynamodb_migrations_journal local_inventory_event_schemas; do
    aws Scan '{"TableName":"'$table'"}' >>"$work/kept/items"
done
cp "$TEST_AWS_LOG" "$work/kept/requests"

like "$(cat "$work/kept/output")" "readers-understand-v2" "the runs left output to search"
is "$([ -s "$work/kept/ledger" ] && [ -s "$work/kept/items" ] && echo yes)" yes "and ledgers"
for secret in "$TEST_PG_PASSWORD" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" "${TEST_PG_PASSWORD}x"; do
    is "$(grep -rlF -- "$secret" "$work/kept")" "" "a secret of ${#secret} characters is nowhere in it"
done
is "$(find . /tmp -maxdepth 1 -name 'core*' -newer "$work/kept" 2>/dev/null)" "" "no core file is left"
finish
