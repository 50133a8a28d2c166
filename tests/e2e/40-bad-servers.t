#!/usr/bin/env bash
# Servers that are not there, refuse, or hold something else: a message that says what to do, an exit status of its own,
# nothing half done.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_project
new_database bad
new_aws
good=$DATABASE_URL
closed=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
apply() { run "$invplan" apply -e local --init; }
clean() { is "$(psql -qXAt "$good" -c "select count(*) from pg_namespace where nspname = 'invplan'")" 0 "$1: nothing is half done"; }

DATABASE_URL=postgresql://postgres:secret-in-url@127.0.0.1:$closed/x apply
is "$status" 50 "no PostgreSQL server: exit status 50"
like "$output" "$closed" "the message names the address"
unlike "$output" "secret-in-url" "and not the password"

DATABASE_URL=${good/:$TEST_PG_PASSWORD@/:wrong-password@} apply
is "$status" 51 "a wrong password: exit status 51"
unlike "$output" "wrong-password" "the message does not show it"

env -u DATABASE_URL "$invplan" apply -e local --init >"$work/out" 2>&1
like "$(cat "$work/out")" "DATABASE_URL" "an unset variable is named"

psql -qX "$good" -c "create role weak login password 'weak-password'; revoke create on database $(basename "$good") from public" >/dev/null
DATABASE_URL=${good/postgres:$TEST_PG_PASSWORD@/weak:weak-password@} apply
is "$status" 52 "no rights: exit status 52"
like "$output" "GRANT|grant" "the message says which to give"
clean "no rights"
psql -qX "$good" -c "drop role weak" >/dev/null

AWS_ENDPOINT_URL=http://127.0.0.1:$closed apply
is "$status" 50 "a wrong AWS endpoint: exit status 50"
like "$output" "$closed" "the message names it"
clean "wrong endpoint"

AWS_SECRET_ACCESS_KEY=wrongwrongwrongwrongwrong apply
is "$status" 51 "a wrong AWS key: exit status 51"
unlike "$output" "wrongwrong" "the message does not show it"
clean "wrong key"

env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY HOME="$work" AWS_EC2_METADATA_DISABLED=true \
    "$invplan" apply -e local --init >"$work/out" 2>&1
is "$?" 51 "no AWS credentials: exit status 51"
like "$(cat "$work/out")" "AWS_ACCESS_KEY_ID" "the message says where it looked"

psql -qX "$good" -c "create table warehouses (id integer primary key, colour text); insert into warehouses values (1, 'red')" >/dev/null
apply
is "$status" 16 "a table of another shape is in the way: exit status 16"
like "$output" "warehouses" "the message names it"
like "$output" "code|colour|id" "and what differs"
is "$(psql -qXAt "$good" -c "select count(*) from invplan.ledger where event = 'APPLIED'")" 0 "nothing is applied"
is "$(psql -qXAt "$good" -c "select colour from warehouses")" red "the table is as it was"
psql -qX "$good" -c "drop table warehouses" >/dev/null

aws CreateTable '{"TableName":"local_inventory_events","AttributeDefinitions":[{"AttributeName":"other","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"other","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}' >/dev/null
run "$invplan" apply -e local
is "$status" 16 "a DynamoDB table of another shape: exit status 16"
like "$output" "local_inventory_events" "the message names it"
like "$output" "KeySchema|key" "and what differs"
like "$(aws DescribeTable '{"TableName":"local_inventory_events"}')" '"other"' "the table is as it was"
aws DeleteTable '{"TableName":"local_inventory_events"}' >/dev/null

run "$invplan" apply -e local
is "$status" 40 "with both out of the way the run goes on"
finish
