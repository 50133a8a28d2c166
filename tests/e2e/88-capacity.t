#!/usr/bin/env bash
# A raised capacity is put back when its run fails, also when the run is killed at any point while it puts it back: the next
# apply finishes that, goes on with what was begun, and nothing is done twice.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_aws
units() { aws DescribeTable '{"TableName":"cap_things"}' | python3 -c "
import json, sys
units = json.load(sys.stdin)['Table']['ProvisionedThroughput']
print(units['ReadCapacityUnits'], units['WriteCapacityUnits'])"; }
items() { aws Scan '{"TableName":"cap_things"}' | python3 -c "
import json, sys
print(*sorted(i['id']['S'] + (i['n'].get('N') or '?') for i in json.load(sys.stdin)['Items']))"; }

mkdir -p "$work/project" && cd "$work/project" || exit 1
cat >migrations.yaml <<'YAML'
invplan: 1
project: capacity
targets:
  store: { engine: dynamodb, ledger: migrations }
environments:
  local: { targets: { store: { region: us-east-1, table_prefix: cap_ } } }
migrations:
  - id: 1-Things
    target: store
    steps:
      - create_table: { name: things, key: { id: S }, billing: { provisioned: { read: 5, write: 5 } } }
      - put_items: { table: things, items: [ { id: a, n: 1 }, { id: b, n: 2 }, { id: c, n: none } ] }
  - id: 2-Before
    target: store
    steps: [ { put_items: { table: things, items: [ { id: d, n: 4 } ] } } ]
  - id: 3-Counted
    target: store
    steps:
      - raise_capacity: { table: things, capacity: { read: 50, write: 100 }, for: ["transform_items:things"] }
      - transform_items: { table: things, set: { n: "item.n + 1" }, segments: 2 }
YAML
"$invplan" compile --all >/dev/null || exit 1
run "$invplan" apply -e local --init --to 1-Things
is "$status" 0 "set up"
run env INVPLAN_TRACE_POINTS="$work/points" "$invplan" apply -e local
is "$status" 31 "an item that the expression does not fit: halted"
is "$(units)" "5 5" "the capacity is put back"

# The points of putting it back: those of the raise that come after the transformation's.
points=$(awk -F '\t' '{ number[$1]++ } $2 ~ /transform$/ { past = 1 }
    past && $2 ~ /raise$/ && $1 ~ /^ddb/ { print $1 "#" number[$1] }' "$work/points")
[ "$(wc -w <<<"$points")" -ge 7 ] || fail "there are points to be killed at" "$points"
for point in $points; do
    # From the start each time, so that the numbers hold.
    run "$invplan" rollback -e local --to 1-Things
    is "$status $(units) $(items)" "0 5 5 a1 b2 c?" "$point: as before"
    run env INVPLAN_KILL_AT="$point" "$invplan" apply -e local
    is "$status" 137 "killed at $point"
    run "$invplan" apply -e local
    is "$status" 31 "the next apply goes on, to the item that the expression does not fit"
    is "$(units)" "5 5" "the capacity is put back"
    like "$(items)" "d[45]" "the migration before is not undone"
done
run "$invplan" status -e local
unlike "$output" "UNDO_STARTED" "nothing is half undone"

# Killed while it is put back, and looked at before the next apply.
run "$invplan" rollback -e local --to 1-Things
run env INVPLAN_KILL_AT=ddb.undo.started#1 "$invplan" apply -e local
is "$status" 137 "killed when the capacity is about to be put back"
is "$(units)" "50 100" "it is raised still"
run "$invplan" status -e local
like "$output" "was being let go when its run ended; the next apply finishes that" "status says what is going to happen"
unlike "$output" "apply would be refused" "and that apply is the thing to do"
aws UpdateItem '{"TableName":"cap_things","Key":{"id":{"S":"c"}},"UpdateExpression":"SET n = :n","ExpressionAttributeValues":{":n":{"N":"3"}}}' >/dev/null
run "$invplan" apply -e local
is "$status" 0 "mended, the next apply goes on"
like "$output" "letting go what was held when the last run ended" "it puts the capacity back first"
is "$(units) $(items)" "5 5 a2 b3 c4 d5" "the capacity is as it was, and each item was counted once"

# A rollback that is killed there is a rollback still.
run "$invplan" rollback -e local --to 2-Before
run env INVPLAN_KILL_AT=ddb.transform.after_item#2 "$invplan" apply -e local
run env INVPLAN_KILL_AT=ddb.undo.effect_done#2 "$invplan" rollback -e local --to 2-Before
is "$status" 137 "a rollback is killed while it puts the capacity back"
run "$invplan" apply -e local
is "$status" 32 "apply does not go forward over it"
run "$invplan" rollback -e local --resume
is "$status $(units) $(items)" "0 5 5 a1 b2 c3 d4" "it is finished by rollback --resume"
finish
