#!/usr/bin/env bash
# Every setting of a table, there and back; and what the service refuses for the moment is asked for again.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_aws
script() { curl -sS -d "$1" "$TEST_AWS_ENDPOINT/_script" >/dev/null; }
trap "script '{}'; cleanup" EXIT
# What can be seen of the table, but for times and counts.
table() { aws DescribeTable '{"TableName":"faults_things"}' | python3 -c "
import json, sys
table = json.load(sys.stdin)['Table']
keep = ['KeySchema', 'BillingModeSummary', 'GlobalSecondaryIndexes', 'StreamSpecification', 'TableClassSummary',
        'SSEDescription', 'DeletionProtectionEnabled']
for index in table.get('GlobalSecondaryIndexes', []): index.pop('WarmThroughput', None)
print(json.dumps({k: table.get(k) for k in keep}, sort_keys=True))"; aws Scan '{"TableName":"faults_things"}' | tr ',' '\n' | sort; }

mkdir -p "$work/project" && cd "$work/project" || exit 1
cat >migrations.yaml <<'YAML'
invplan: 1
project: faults
targets:
  store: { engine: dynamodb, ledger: ledger }
environments:
  local: { targets: { store: { region: us-east-1, table_prefix: faults_ } } }
migrations:
  - id: 1-Things
    target: store
    steps:
      - create_table: { name: things, key: { id: S }, billing: { provisioned: { read: 5, write: 5 } }, indexes: { ByKind: { key: { kind: S } } } }
      - put_items: { table: things, items: [ { id: a, n: 1, kind: x }, { id: b, n: 2 }, { id: c, n: 3 }, { id: d, n: 4 }, { id: e, n: 5 }, { id: f, n: 6 } ] }
  - id: 2-All
    target: store
    steps:
      - set_capacity: { table: things, capacity: { read: 6, write: 6 }, indexes: { ByKind: { read: 7, write: 7 } } }
      - transform_items: { table: things, set: { n: "item.n + 1" }, segments: 3 }
      - add_index: { table: things, name: ByM, key: { m: N } }
      - drop_index: { table: things, name: ByKind }
      - set_stream: { table: things, stream: new_image }
      - set_encryption: { table: things, key: aws_managed }
      - set_table_class: { table: things, class: standard_infrequent_access }
      - set_deletion_protection: { table: things, enabled: true }
      - set_billing: { table: things, billing: on_demand }
      - set_tags: { table: things, tags: { owner: me } }
YAML
"$invplan" compile --all >/dev/null || exit 1
run "$invplan" apply -e local --init --to 1-Things
is "$status" 0 "set up"
table >"$work/before"
script '{"fail":[{"action":"UpdateTable","times":3,"status":400,"type":"LimitExceededException"}]}'
run "$invplan" apply -e local
is "$status" 0 "every setting, though too much is under way at first"
is "$(tail -n 500 "$TEST_AWS_LOG" | grep -c '"UpdateTable".*"refused": "scripted"')" 3 "what is refused for that is asked for again"
run "$invplan" verify -e local
is "$status" 0 "nothing has drifted"
run "$invplan" rollback -e local --to 1-Things
is "$status" 0 "and back"
table | sed 's/"BillingModeSummary": {"BillingMode": "PROVISIONED"[^}]*}/"BillingModeSummary": null/; s/"TableClassSummary": {"TableClass": "STANDARD"}/"TableClassSummary": null/' >"$work/back"
sed -i 's/"BillingModeSummary": {"BillingMode": "PROVISIONED"[^}]*}/"BillingModeSummary": null/' "$work/before"
same_files "$work/before" "$work/back" "everything is as it was"

finish
