#!/usr/bin/env bash
# Both databases in one run: one is done and the other fails, by both policies; one works for long while the other's lease
# has to live; an edge from one to the other after a kill.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_aws

# project POLICY FIRST: setup on both targets; then FIRST's migration, then the other's, which fails
project() {
    local other=store
    [ "$2" = db ] || other=db
    rm -rf "$work/project"
    mkdir -p "$work/project" && cd "$work/project" || exit 1
    declare -A good=(
        [db]='{ add_column: { table: items, name: thing, definition: text } }'
        [store]='{ put_items: { table: things, items: [ { id: a } ] } }')
    declare -A bad=(
        [db]='{ name: fails, sql: { up: "insert into items values (1), (1)", down: "delete from items" } }'
        [store]='{ assert: { table: things, every: "item.id != '"'there'"'", message: not this one } }')
    cat >migrations.yaml <<YAML
invplan: 1
project: across
targets:
  db: { engine: postgres }
  store: { engine: dynamodb, ledger: ledger }
order: [db, store]
environments:
  local:
    targets:
      db: { url: "\${env:DATABASE_URL}" }
      store: { region: us-east-1, table_prefix: across_ }
    policy: { on_failure: $1 }
migrations:
  - { id: 1-Items, target: db, steps: [ { create_table: { name: items, columns: { id: "integer not null" }, primary_key: [id] } } ] }
  - { id: 1-Things, target: store, after: [1-Items], steps: [ { create_table: { name: things, key: { id: S } } }, { put_items: { table: things, items: [ { id: there } ] } } ] }
  - { id: 2-First, target: $2, after: [1-Things], steps: [ ${good[$2]} ] }
  - { id: 3-Then, target: $other, after: [2-First], steps: [ ${good[$other]}, ${bad[$other]} ] }
YAML
    "$invplan" compile --all >"$work/compile" 2>&1 || { cat "$work/compile"; exit 1; }
}
columns() { sql "select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = 'items'::regclass and attnum > 0 and not attisdropped"; }
things() { aws Scan '{"TableName":"across_things"}' | grep -o '"S": "[a-z]*"' | sort | tr -d '\n'; }

for first in db store; do
    for policy in rollback halt; do
        new_database "across_${first}_$policy"
        new_aws
        project "$policy" "$first"
        run "$invplan" apply -e local --init --to 1-Things
        is "$status" 0 "$first first, $policy: both are set up"
        run "$invplan" apply -e local
        if [ "$policy" = rollback ]; then
            is "$status" 30 "$first is done, the other fails: rolled back"
            is "$(columns)/$(things)" 'id/"S": "there"' "on both"
        else
            is "$status" 31 "$first is done, the other fails: halted"
            [ "$first" = db ] && stays="id thing" || stays=id # a transaction that fails takes its other steps along
            is "$(columns)/$(things)" "$stays"'/"S": "a""S": "there"' "what was done stays, on both"
            run "$invplan" rollback -e local --last
            is "$status" 0 "and can be undone by hand"
            is "$(columns)/$(things)" 'id/"S": "there"' "on both"
        fi
        run "$invplan" status -e local
        unlike "$output" "lease.*held|half" "no lease is held, nothing is half done"
    done
done

# A long statement on one database: the other one's lease is kept alive all the while.
new_database across_long
new_aws
project halt db
cat >>migrations.yaml <<'YAML'
  - { id: 4-Long, target: db, after: [3-Then], steps: [ { name: sleep, sql: { up: "select pg_sleep(5)", down: "select 1" } } ] }
  - { id: 5-After, target: store, after: [4-Long], steps: [ { put_items: { table: things, items: [ { id: b } ] } } ] }
YAML
sed -i 's/, { assert: [^}]* } }//' migrations.yaml
"$invplan" compile --all >"$work/compile" 2>&1 || { cat "$work/compile"; exit 1; }
# other TARGET ENGINE CONNECTION STEP: a plan of the same project that has this target alone, to come for its lease
other() {
    mkdir -p "$work/only_$1"
    cat >"$work/only_$1/migrations.yaml" <<YAML
invplan: 1
project: across
targets: { $1: $2 }
environments: { local: { targets: { $1: $3 } } }
migrations: [ { id: 9-Other, target: $1, steps: [ $4 ] } ]
YAML
    (cd "$work/only_$1" && "$invplan" compile --all >"$work/compile" 2>&1) || { cat "$work/compile"; exit 1; }
}
other store '{ engine: dynamodb, ledger: ledger }' '{ region: us-east-1, table_prefix: across_ }' '{ create_table: { name: other, key: { id: S } } }'
# shellcheck disable=SC2016
other db '{ engine: postgres }' '{ url: "${env:DATABASE_URL}" }' '{ create_table: { name: other, columns: { id: integer }, primary_key: [id] } }'
# comes_for TARGET: somebody who watches the lease for longer than it lives
comes_for() { run env INVPLAN_LEASE_MS=1500 "$invplan" apply -p "$work/only_$1/plans/local.plan" --report "$work/other.json"; }
INVPLAN_LEASE_MS=1500 "$invplan" apply -e local --init >"$work/long" 2>&1 &
long=$!
for ((i = 0; i < 400; i++)); do
    [ "$(sql "select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(5)%' and pid <> pg_backend_pid()")" = 0 ] || break
    sleep 0.05
done
comes_for store
is "$status" 20 "while one database works for long, the other one's lease is alive"
wait $long
is "$?" 0 "five seconds of work on one database, with leases of one and a half"
like "$(things)" '"b"' "the other one's lease was alive afterwards"

# And the other way round: an index of DynamoDB takes long, and PostgreSQL's lease lives.
cat >>migrations.yaml <<'YAML'
  - { id: 6-Index, target: store, after: [5-After], steps: [ { add_index: { table: things, name: ByKind, key: { kind: S } } } ] }
YAML
"$invplan" compile --all >"$work/compile" 2>&1 || { cat "$work/compile"; exit 1; }
script() { curl -sS -d "$1" "$TEST_AWS_ENDPOINT/_script" >/dev/null; }
trap "script '{\"creating\":1}'; cleanup" EXIT
script '{"creating":100000}'
INVPLAN_LEASE_MS=1500 "$invplan" apply -e local >"$work/long" 2>&1 &
long=$!
for ((i = 0; i < 400; i++)); do
    aws DescribeTable '{"TableName":"across_things"}' | grep -q '"IndexStatus": "CREATING"' && break
    sleep 0.05
done
comes_for db
is "$status" 20 "while DynamoDB works for long, PostgreSQL's lease is alive"
comes_for store
is "$status" 20 "and its own"
script '{"creating":1}'
wait $long
is "$?" 0 "when the index is there, the run goes on to its end"

# A kill right after the first of two migrations that are joined by an edge.
new_database across_killed
new_aws
project halt store
sed -i 's/, { name: fails[^}]*} }//' migrations.yaml
"$invplan" compile --all >"$work/compile" 2>&1 || { cat "$work/compile"; exit 1; }
run "$invplan" apply -e local --init --to 1-Things
run env INVPLAN_KILL_AT='ddb.apply.effect_done#1' "$invplan" apply -e local
is "$status" 137 "killed when the first migration had its effect and no row yet"
is "$(columns)" id "the second one, which comes after it, was not begun"
run "$invplan" apply -e local
is "$status" 0 "the next run finds the effect, and goes on"
is "$(columns)/$(things)" 'id thing/"S": "a""S": "there"' "everything is done, once"
finish
