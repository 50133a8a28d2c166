#!/usr/bin/env bash
# PostgreSQL's credentials from Secrets Manager: read when the target is opened, read again when the server refuses them or
# the connection is lost after they were rotated, and nowhere in what a run leaves.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_database secrets
export AWS_ENDPOINT_URL=$TEST_AWS_ENDPOINT
role=e2e_app_$$
database=${DATABASE_URL##*/}
psql -qX "$DATABASE_URL" -c "create role $role login password 'first-password-$$'; alter database $database owner to $role" >/dev/null
trap 'psql -qX "$TEST_DATABASE_URL" -c "drop database if exists \"$database\" with (force)" -c "drop role $role" >/dev/null 2>&1; cleanup' EXIT

# secrets ACTION JSON: one request to Secrets Manager
secrets() {
    curl -sS --aws-sigv4 "aws:amz:us-east-1:secretsmanager" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -H "X-Amz-Target: secretsmanager.$1" -H 'Content-Type: application/x-amz-json-1.1' -d "$2" "$TEST_AWS_ENDPOINT/"
}
# quoted TEXT: as a JSON string
quoted() { printf '%s' "$1" | sed 's/["\\]/\\&/g; s/^/"/; s/$/"/'; }
value() { printf '{"engine":"postgres","host":"127.0.0.1","port":%s,"username":"%s","password":"%s","dbname":"%s"}' "$TEST_PG_PORT" "$role" "$1" "$database"; }
new_secret() { secrets CreateSecret "{\"Name\":\"$1\",\"SecretString\":$(quoted "$2"),\"ClientRequestToken\":\"$(printf '%032d' $RANDOM)\"}" | sed 's/.*"ARN": *"\([^"]*\)".*/\1/'; }
rotate() {
    psql -qX "$DATABASE_URL" -c "alter role $role password '$1'" >/dev/null
    secrets PutSecretValue "{\"SecretId\":\"$POSTGRES_SECRET_ARN\",\"SecretString\":$(quoted "$(value "$1")"),\"ClientRequestToken\":\"$(printf '%032d' $RANDOM)\"}" >/dev/null
}

mkdir -p "$work/project" && cd "$work/project" || exit 1
cat >migrations.yaml <<'YAML'
invplan: 1
project: secrets
targets:
  db: { engine: postgres }
environments:
  byname: { targets: { db: { secret: "${env:POSTGRES_SECRET_ARN}", sslmode: prefer } } }
  byfield: { targets: { db: { host: 127.0.0.1, port: "${env:TEST_PG_PORT}", user: "${secret:SECRET_ARN#username}", password: "${secret:SECRET_ARN#password}", dbname: "${secret:SECRET_ARN#dbname}" } } }
migrations:
  - id: 1700000000000-CreateItems
    target: db
    steps: [{ create_table: { name: items, columns: { id: "integer not null" }, primary_key: [id] } }]
YAML
POSTGRES_SECRET_ARN=$(new_secret "pg-$$" "$(value "first-password-$$")")
export POSTGRES_SECRET_ARN
like "$POSTGRES_SECRET_ARN" "^arn:aws:secretsmanager:us-east-1:" "the secret has an ARN"
sed -i "s|SECRET_ARN#|$POSTGRES_SECRET_ARN#|g; s|env:POSTGRES_$POSTGRES_SECRET_ARN|env:POSTGRES_SECRET_ARN|" migrations.yaml
"$invplan" compile --all >/dev/null || exit 1
unlike "$(cat plans/byname.plan)" "first-password" "the plan holds no password"

run "$invplan" apply -e byname --init --report "$work/report1.json"
is "$status" 0 "apply with the credentials of a secret"
is "$(psql -qXAt "$DATABASE_URL" -c "select tableowner from pg_tables where tablename = 'items'")" "$role" "as the secret's user"
printf '%s\n' "$output" >>"$work/kept"

# What a rotation does while a run is under way: the role's password and the secret change, the connection breaks.
cat >>migrations.yaml <<'YAML'
  - id: 1700000000001-Slow
    target: db
    steps:
      - name: wait
        sql: { up: "select pg_sleep(case when (select count(*) from pg_catalog.pg_tables where tablename = 'rotated') = 0 then 30 else 0 end)", down: "select 1" }
      - name: insert
        sql: { up: "insert into items values (1)", down: "delete from items" }
YAML
"$invplan" compile --all >/dev/null 2>"$work/compile" || { cat "$work/compile"; exit 1; }
"$invplan" apply -e byname --report "$work/report2.json" >"$work/out" 2>&1 &
applying=$!
for ((i = 0; i < 200; i++)); do
    [ "$(psql -qXAt "$DATABASE_URL" -c "select count(*) from pg_stat_activity where usename = '$role' and query like '%pg_sleep%' and state = 'active'")" = 0 ] || break
    sleep 0.05
done
psql -qX "$DATABASE_URL" -c "create table rotated ()" >/dev/null
rotate "second-password-$$"
psql -qXAt "$DATABASE_URL" -c "select pg_terminate_backend(pid) from pg_stat_activity where usename = '$role'" >/dev/null
wait "$applying"
is "$?" 0 "a run goes on after its connection broke and its secret was rotated"
like "$(cat "$work/out")" "connecting anew" "it says so"
is "$(psql -qXAt "$DATABASE_URL" -c "select count(*) from items")" 1 "what it was doing was done once"
cat "$work/out" >>"$work/kept"

run "$invplan" status -e byfield
is "$status" 12 "references to fields of a secret are resolved: the ledger found by them is another environment's"
printf '%s\n' "$output" >>"$work/kept"

psql -qX "$DATABASE_URL" -c "alter role $role password 'third-password-$$'" >/dev/null
run "$invplan" status -e byname
is "$status" 51 "a secret with an old password: exit status 51"
printf '%s\n' "$output" >>"$work/kept"
gets() { grep -c '"action": "GetSecretValue"' "$TEST_AWS_LOG"; }
before=$(gets)
"$invplan" status -e byname >>"$work/kept" 2>&1
is "$(($(gets) - before))" 2 "the secret is read once more when the server refuses its password, and not again"

POSTGRES_SECRET_ARN=arn:aws:secretsmanager:us-east-1:123456789012:secret:nobody-abcdef run "$invplan" status -e byname
is "$status" 51 "a secret that is not there: exit status 51"
like "$output" "secret 'arn:aws:secretsmanager:us-east-1:123456789012:secret:nobody-abcdef'" "the message names it"
POSTGRES_SECRET_ARN=$(new_secret "plain-$$" "no-json-$$") run "$invplan" status -e byname
is "$status" 51 "a secret that is no JSON object: exit status 51"
unlike "$output" "no-json" "the message does not show it"
env -u POSTGRES_SECRET_ARN "$invplan" status -e byname >"$work/out" 2>&1
like "$(cat "$work/out")" "POSTGRES_SECRET_ARN" "an unset variable is named"

psql -qXAt "$DATABASE_URL" -c "select * from invplan.ledger; select * from invplan.lease; select * from invplan.owner" >>"$work/kept"
cat "$work"/report*.json plans/* >>"$work/kept"
for secret in "first-password-$$" "second-password-$$" "third-password-$$"; do
    is "$(grep -cF -- "$secret" "$work/kept")" 0 "$secret is in no output, report, plan or ledger"
done
finish
