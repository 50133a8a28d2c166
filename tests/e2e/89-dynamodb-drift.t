#!/usr/bin/env bash
# What somebody changes on a DynamoDB table by hand, attribute by attribute: verify names it, and is clean when it is changed
# back.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_aws
mkdir -p "$work/project" && cd "$work/project" || exit 1
cat >migrations.yaml <<'YAML'
invplan: 1
project: drift
targets:
  store: { engine: dynamodb, ledger: ledger }
environments:
  local: { targets: { store: { region: us-east-1, table_prefix: drift_ } } }
migrations:
  - id: 1-Things
    target: store
    steps:
      - create_table:
          name: things
          key: { id: S, at: N }
          billing: { provisioned: { read: 5, write: 6 } }
          indexes: { ByKind: { key: { kind: S }, projection: [price, colour] } }
          local_indexes: { BySize: { key: { id: S, size: N }, projection: keys_only } }
          tags: { team: a, stage: test }
          ttl: expires
YAML
"$invplan" compile --all >/dev/null || exit 1
run "$invplan" apply -e local --init
is "$status" 0 "set up"
arn=$(aws DescribeTable '{"TableName":"drift_things"}' | sed -n 's/.*"TableArn": "\([^"]*\)".*/\1/p')
# call ACTION MEMBERS: on the table
call() { aws "$1" "{\"TableName\":\"drift_things\",$2}" >>"$work/calls" 2>&1; }
tag() { aws TagResource "{\"ResourceArn\":\"$arn\",\"Tags\":[{\"Key\":\"$1\",\"Value\":\"$2\"}]}" >/dev/null; }
untag() { aws UntagResource "{\"ResourceArn\":\"$arn\",\"TagKeys\":[\"$1\"]}" >/dev/null; }
# drifts NAME REGEX: verify sees it, and says so; back NAME: it does not any more
drifts() {
    run "$invplan" verify -e local
    is "$status" 16 "$1: verify sees it"
    like "$output" "$2" "$1: and names it"
}
back() {
    run "$invplan" verify -e local
    is "$status" 0 "$1: changed back, nothing has drifted"
}
provisioned='"BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6}'
by_kind='"AttributeDefinitions":[{"AttributeName":"kind","AttributeType":"S"},{"AttributeName":"id","AttributeType":"S"},{"AttributeName":"at","AttributeType":"N"},{"AttributeName":"size","AttributeType":"N"}]'
# by_kind_index PROJECTION READ_UNITS: makes the index
by_kind_index() {
    call UpdateTable "$by_kind,\"GlobalSecondaryIndexUpdates\":[{\"Create\":{\"IndexName\":\"ByKind\",\"KeySchema\":[{\"AttributeName\":\"kind\",\"KeyType\":\"HASH\"}],\"Projection\":$1,\"ProvisionedThroughput\":{\"ReadCapacityUnits\":$2,\"WriteCapacityUnits\":6}}}]"
    settled
}
settled() { # no index is being made or deleted
    local tries=0
    while aws DescribeTable '{"TableName":"drift_things"}' | grep -qE '"IndexStatus": "(CREATING|DELETING)"'; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || return 1
    done
}
delete_index() {
    call UpdateTable '"GlobalSecondaryIndexUpdates":[{"Delete":{"IndexName":"ByKind"}}]'
    settled
}

call UpdateTable '"ProvisionedThroughput":{"ReadCapacityUnits":9,"WriteCapacityUnits":6}'
drifts "read units" ': read_units is 9, was 5'
call UpdateTable '"ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":7}'
drifts "write units" ': write_units is 7, was 6'
call UpdateTable '"ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6}'
back "units"
call UpdateTable '"GlobalSecondaryIndexUpdates":[{"Update":{"IndexName":"ByKind","ProvisionedThroughput":{"ReadCapacityUnits":8,"WriteCapacityUnits":6}}}]'
drifts "an index's units" 'ByKind.*: read_units is 8, was 5'
call UpdateTable '"GlobalSecondaryIndexUpdates":[{"Update":{"IndexName":"ByKind","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6}}}]'
back "an index's units"
call UpdateTable '"BillingMode":"PAY_PER_REQUEST"'
drifts "billing" 'billing'
call UpdateTable "$provisioned"
back "billing"
call UpdateTable '"DeletionProtectionEnabled":true'
drifts "deletion protection" 'deletion_protection'
call UpdateTable '"DeletionProtectionEnabled":false'
back "deletion protection"
call UpdateTable '"TableClass":"STANDARD_INFREQUENT_ACCESS"'
drifts "table class" 'class'
call UpdateTable '"TableClass":"STANDARD"'
back "table class"
call UpdateTable '"SSESpecification":{"Enabled":true,"SSEType":"KMS"}'
drifts "encryption" 'encryption'
call UpdateTable '"SSESpecification":{"Enabled":false}'
back "encryption"
call UpdateTimeToLive '"TimeToLiveSpecification":{"Enabled":false,"AttributeName":"expires"}'
drifts "time to live off" 'ttl.*expires'
call UpdateTimeToLive '"TimeToLiveSpecification":{"Enabled":true,"AttributeName":"another"}'
drifts "time to live by another attribute" 'ttl.*another'
call UpdateTimeToLive '"TimeToLiveSpecification":{"Enabled":false,"AttributeName":"another"}'
call UpdateTimeToLive '"TimeToLiveSpecification":{"Enabled":true,"AttributeName":"expires"}'
back "time to live"
call UpdateContinuousBackups '"PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}'
drifts "point-in-time recovery" 'point_in_time|pitr'
call UpdateContinuousBackups '"PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":false}'
back "point-in-time recovery"
tag team b
drifts "a tag's value" 'tags.*team'
tag team a
tag owner me
drifts "another tag" 'tags.*owner'
untag owner
untag stage
drifts "a tag that is gone" 'tags.*stage'
tag stage test
back "tags"
delete_index
drifts "an index that is gone" 'ByKind of dynamodb_table drift_things is gone'
by_kind_index '{"ProjectionType":"ALL"}' 5
drifts "an index with another projection" 'ByKind.*: projection is ALL, was INCLUDE'
delete_index
by_kind_index '{"ProjectionType":"INCLUDE","NonKeyAttributes":["price"]}' 5
drifts "an index that lacks an attribute" 'ByKind.*: projected is ..price.., was ..colour.,.price..'
delete_index
by_kind_index '{"ProjectionType":"INCLUDE","NonKeyAttributes":["colour","price"]}' 5
back "indexes"
call UpdateTable '"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}'
drifts "a stream" 'stream.*NEW_IMAGE'
aws DeleteTable '{"TableName":"drift_things"}' >/dev/null
run "$invplan" verify -e local
is "$status" 16 "the table is gone: verify sees it"
like "$output" "drift_things" "and names it"
aws CreateTable '{"TableName":"drift_things","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},
    "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"N"},{"AttributeName":"at","AttributeType":"N"}],
    "KeySchema":[{"AttributeName":"id","KeyType":"HASH"},{"AttributeName":"at","KeyType":"RANGE"}]}' >/dev/null
aws DescribeTable '{"TableName":"drift_things"}' >/dev/null
drifts "another type of key" 'attributes.*id'
finish
