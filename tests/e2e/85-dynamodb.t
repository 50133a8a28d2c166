#!/usr/bin/env bash
# DynamoDB in depth, on moto behind the checking layer: capacity raised for a step and put back when it fails, items changed
# once, tags, an index that is still being built when its run ends, items that do not fit an index, both databases at once.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_aws
new_database dynamodb
script() { curl -sS -d "$1" "$TEST_AWS_ENDPOINT/_script" >/dev/null; }
trap "script '{\"creating\":1}'; cleanup" EXIT
units() { aws DescribeTable "{\"TableName\":\"$1\"}" | python3 -c "
import json, sys
table = json.load(sys.stdin)['Table']
def of(t): return f\"{t['ProvisionedThroughput']['ReadCapacityUnits']}/{t['ProvisionedThroughput']['WriteCapacityUnits']}\"
print(' '.join([of(table)] + [i['IndexName'] + ' ' + of(i) for i in table.get('GlobalSecondaryIndexes', [])]))"; }
items() { aws Scan "{\"TableName\":\"$1\"}" | python3 -c "
import json, sys
for item in sorted(json.load(sys.stdin)['Items'], key=lambda i: i['id']['S']): print(json.dumps(item, sort_keys=True))"; }
# consumed REPORT STEP: read and write units of the step, and whether the ledger's own are there
consumed() { python3 -c "
import json, sys
for migration in json.load(open(sys.argv[1]))['migrations']:
    for step in migration['steps']:
        if step['id'].endswith(sys.argv[2]):
            used = step['consumed']
            print(used['read'], used['write'], used['ledger_read'] > 0, used['ledger_write'] > 0)" "$1" "$2"; }
count() { grep -c "\"action\": \"$1\"" "$TEST_AWS_LOG"; }

mkdir -p "$work/project" && cd "$work/project" || exit 1
cat >migrations.yaml <<'YAML'
invplan: 1
project: deep
targets:
  store: { engine: dynamodb, ledger: migrations }
environments:
  local: { targets: { store: { region: us-east-1, table_prefix: deep_ } } }
migrations:
  - id: 1-Things
    target: store
    steps:
      - create_table: { name: things, key: { id: S }, billing: { provisioned: { read: 5, write: 5 } }, tags: { team: a }, indexes: { ByKind: { key: { kind: S } } } }
      - put_items: { table: things, items: [ { id: a, kind: x, price: 2, quantity: 3 }, { id: b, kind: y, price: 5, quantity: 1, old: 1 }, { id: c, kind: z } ] }
  - id: 2-Totals
    target: store
    steps:
      - raise_capacity: { table: things, capacity: { read: 50, write: 100 }, indexes: { ByKind: { read: 5, write: 100 } }, for: ["transform_items:things"] }
      - transform_items: { table: things, set: { total: "item.price * item.quantity" }, remove: [old], segments: 2, max_wcu: 1000, max_rcu: 1000 }
      - set_tags: { table: things, tags: { team: b, owner: me } }
      - assert: { table: things, every: "item.total >= 5", message: a total is below five }
YAML
"$invplan" compile --all >/dev/null || exit 1
run "$invplan" apply -e local --init --report first.json
is "$status" 31 "an item that the expression does not fit: halted"
like "$output" 'item \{"id":\{"S":"c"\}\} of table .deep_things.: set/total: ' "the message names the item and the expression"
is "$(units deep_things)" "5/5 ByKind 5/5" "the raised capacity is put back when the run halts"
like "$output" "letting go" "and that is said"
like "$("$invplan" status -e local)" "2-Totals" "the run can go on"
aws UpdateItem '{"TableName":"deep_things","Key":{"id":{"S":"c"}},"UpdateExpression":"SET price = :p, quantity = :q","ExpressionAttributeValues":{":p":{"N":"7"},":q":{"N":"1"}}}' >/dev/null
before=$(count UpdateTable)
run "$invplan" apply -e local --report report.json
is "$status" 0 "mended, it goes on"
is "$(($(count UpdateTable) - before))" 2 "the capacity is raised again and put back"
is "$(units deep_things)" "5/5 ByKind 5/5" "to what it was"
is "$(consumed first.json put_items:things/put)" "3.0 3.0 False True" "the report has what seeding consumed: a look at three keys, and a put of each"
like "$(consumed report.json transform_items:things/transform)" "^[12]\.0 2\.0 True True$" "and changing: a scan of the segments that were left, and an update in a transaction"
is "$(consumed report.json set_tags:things/add)" "0.0 0.0 False True" "what asks for no item consumes nothing but the ledger's rows"
run python3 "$root/tests/e2e/report_schema.py" "$root/spec/schema/report.schema.json" report.json
is "$status" 0 "the report keeps to its schema"
is "$(items deep_things | grep -c '"total"')" 3 "every item is changed"
like "$(items deep_things)" '"total": \{"N": "6"\}' "exactly: 2 * 3"
unlike "$(items deep_things)" '"old"' "what is removed is gone"
like "$(aws ListTagsOfResource "{\"ResourceArn\":\"$(aws DescribeTable '{"TableName":"deep_things"}' | sed 's/.*"TableArn": "\([^"]*\)".*/\1/')\"}")" '"owner"' "the tags are set"
run "$invplan" verify -e local
is "$status" 0 "nothing has drifted"
aws UpdateItem '{"TableName":"deep_things","Key":{"id":{"S":"b"}},"UpdateExpression":"SET note = :n","ExpressionAttributeValues":{":n":{"S":"by hand"}}}' >/dev/null
run "$invplan" rollback -e local --to 1-Things --report back.json
is "$status" 0 "rollback"
is "$(consumed back.json transform_items:things/transform)" "3.0 2.0 True True" "its report has what it consumed: three items were looked at, two put back"
like "$output" "1 items were changed or deleted by somebody else since" "an item that somebody changed since is named"
is "$(items deep_things)" '{"id": {"S": "a"}, "kind": {"S": "x"}, "price": {"N": "2"}, "quantity": {"N": "3"}}
{"id": {"S": "b"}, "kind": {"S": "y"}, "note": {"S": "by hand"}, "price": {"N": "5"}, "quantity": {"N": "1"}, "total": {"N": "5"}}
{"id": {"S": "c"}, "kind": {"S": "z"}, "price": {"N": "7"}, "quantity": {"N": "1"}}' "and stays; the others are as they were"

# Killed while the capacity is raised: the next run goes on with it and puts it back.
run env INVPLAN_KILL_AT='ddb.transform.after_item#2' "$invplan" apply -e local
is "$status" 137 "killed in the middle of the transformation"
is "$(units deep_things)" "50/100 ByKind 5/100" "the capacity is raised still"
run "$invplan" apply -e local
is "$status" 0 "the next run goes on"
is "$(items deep_things | grep -c '"total"')" 3 "every item is changed"
is "$(units deep_things)" "5/5 ByKind 5/5" "the capacity is what it was"

# Killed when everything is changed, or changed back, and not yet written down: the probe tells, and nothing is begun again.
events() { aws Query '{"TableName":"deep_migrations_journal","KeyConditionExpression":"pk = :l","ExpressionAttributeValues":{":l":{"S":"ledger"}}}' | python3 -c "
import json, sys
print(*[i['event']['S'] for i in json.load(sys.stdin)['Items'] if i['step']['S'].endswith('things/transform')][-3:])"; }
run env INVPLAN_KILL_AT='ddb.undo.effect_done#3' "$invplan" rollback -e local --to 1-Things
is "$status" 137 "killed when all pre-images are put back"
run "$invplan" rollback -e local --to 1-Things
is "$status $(events)" "0 APPLIED UNDO_STARTED UNDONE" "the next rollback finds that by the probe"
run env INVPLAN_KILL_AT='ddb.apply.effect_done#2' "$invplan" apply -e local
is "$status $(events)" "137 UNDO_STARTED UNDONE STARTED" "killed when all items are changed"
run "$invplan" apply -e local
is "$status $(events)" "0 UNDONE STARTED APPLIED" "the next apply finds that by the probe"
is "$(items deep_things | grep -c '"total"')" 3 "and every item was changed once"

# An index that takes long.
cat >>migrations.yaml <<'YAML'
  - id: 3-ByPrice
    target: store
    steps: [{ add_index: { table: things, name: ByPrice, key: { kind: S, price: N } } }]
YAML
aws PutItem '{"TableName":"deep_things","Item":{"id":{"S":"d"},"kind":{"S":"x"},"price":{"S":"cheap"},"total":{"N":"9"}}}' >/dev/null
"$invplan" compile --all >/dev/null
script '{"creating":100000}'
before=$(count UpdateTable)
run "$invplan" apply -e local --deadline 3s
is "$status" 75 "a build that outlasts the deadline: resumable"
run "$invplan" apply -e local --deadline 2s
is "$status" 75 "the next run waits for the same build"
is "$(($(count UpdateTable) - before))" 1 "it was asked for once"
script '{"creating":1}'
run "$invplan" apply -e local
is "$status" 0 "and when the build is through, the third run finds it"
is "$(($(count UpdateTable) - before))" 1 "still asked for once"
like "$output" '1 items are not in the index, .* for example \{"id":\{"S":"d"\}' "an item that does not fit the index is named"
is "$(psql -V >/dev/null; "$invplan" verify -e local >/dev/null; echo $?)" 0 "nothing has drifted"

# Given up while it is being built.
cat >>migrations.yaml <<'YAML'
  - id: 4-ByQuantity
    target: store
    steps: [{ add_index: { table: things, name: ByQuantity, key: { quantity: N }, look_for_violations: false } }]
YAML
"$invplan" compile --all >/dev/null
script '{"creating":100000}'
run "$invplan" apply -e local --deadline 2s
is "$status" 75 "a build that is given up: resumable at first"
script '{"creating":1000000}' # from now on it counts as backfilling: it can be deleted
# The build ends when its deletion was asked for: a rollback that waited for it would wait for ever.
asked_for_deletion() { tail -n +"$logged" "$TEST_AWS_LOG" | grep -q '"action": "UpdateTable".*Delete.*ByQuantity'; }
logged=$(wc -l <"$TEST_AWS_LOG")
(until asked_for_deletion; do sleep 0.1; done; script '{"creating":1}') &
run "$invplan" rollback -e local --to 3-ByPrice
wait
is "$status" 0 "a rollback does not wait for the build to end"
is "$(aws DescribeTable '{"TableName":"deep_things"}' | grep -c ByQuantity)" 0 "the index is gone"

# Two executors, one of them stopped in the middle.
cat >>migrations.yaml <<'YAML'
  - id: 5-Count
    target: store
    steps: [{ transform_items: { table: many, set: { n: "item.n + 1" }, segments: 4, max_wcu: 40 } }]
YAML
python3 - <<'PYTHON'
text = open("migrations.yaml").read()
items = ", ".join("{ id: i%d, n: %d }" % (i, i) for i in range(60))
table = """  - id: 5-Many
    target: store
    steps:
      - create_table: { name: many, key: { id: S } }
      - put_items: { table: many, items: [%s] }
""" % items
at = text.index("  - id: 5-Count")
open("migrations.yaml", "w").write(text[:at] + table + text[at:])
PYTHON
"$invplan" compile --all >/dev/null
run "$invplan" apply -e local --to 5-Many
is "$status" 0 "sixty items to count"
INVPLAN_LEASE_MS=2000 "$build/invplan-executor" apply -e local >"$work/first" 2>&1 &
first=$!
for ((i = 0; i < 200; i++)); do
    [ "$(grep -c 'TransactWriteItems.*deep_many' "$TEST_AWS_LOG")" -lt 20 ] || break
    sleep 0.05
done
kill -STOP $first
run env INVPLAN_LEASE_MS=2000 "$invplan" apply -e local
is "$status" 0 "the second one waits for the first one's lease to pass, takes it over, and does the rest"
kill -CONT $first
wait $first
is "$?" 20 "the first one wakes up and finds its lease gone"
is "$(items deep_many | python3 -c "
import json, sys
items = [json.loads(line) for line in sys.stdin]
print(len(items), all(int(i['n']['N']) == int(i['id']['S'][1:]) + 1 for i in items))")" "60 True" "every item was counted exactly once"
finish
