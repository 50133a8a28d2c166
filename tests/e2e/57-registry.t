#!/usr/bin/env bash
# The registry of event versions: `status` lists them, `verify` says which is missing, changed or unknown.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

new_aws
cd "$work" || exit 1
{ events_of registry; cat <<'YAML'; } >migrations.yaml
    Counted:
      compatibility: none
      versions:
        1: { schema: { type: object, required: [qty] } }
        2: { schema: { type: object }, upcast: [ { rename: { qty: quantity } } ] }
        3: { schema: { type: object }, upcast: [] }
    Moved:
      compatibility: none
      versions:
        1: { schema: { type: object } }
migrations:
  - id: 1-Register
    target: store
    steps:
      - register_event: { event: Counted, version: 1 }
      - register_event: { event: Counted, version: 2 }
      - register_event: { event: Moved, version: 1 }
  - id: 2-Third
    target: store
    steps:
      - register_event: { event: Counted, version: 3 }
YAML
"$invplan" compile --env local >/dev/null || exit 1
run "$invplan" apply --env local --init --to 1-Register
is "$status" 0 "three versions are registered"
run "$invplan" status --env local
like "$output" '^  Counted: registered 1, 2, pending 3$' "status lists the versions of each type"
like "$output" '^  Moved: registered 1$' "in the plan's order"
run "$invplan" verify --env local
is "$status" 0 "verify finds the registry as it was left"
update() { # VERSION ATTRIBUTE TEXT
    aws UpdateItem "{\"TableName\":\"registry_schemas\",\"Key\":{\"eventType\":{\"S\":\"Counted\"},\"version\":{\"N\":\"$1\"}},\"UpdateExpression\":\"SET #a = :a\",\"ExpressionAttributeNames\":{\"#a\":\"$2\"},\"ExpressionAttributeValues\":{\":a\":{\"S\":\"$3\"}}}" >/dev/null
}
update 1 schema '{}'
update 2 digest 0000
aws DeleteItem '{"TableName":"registry_schemas","Key":{"eventType":{"S":"Moved"},"version":{"N":"1"}}}' >/dev/null
aws PutItem '{"TableName":"registry_schemas","Item":{"eventType":{"S":"Moved"},"version":{"N":"7"},"digest":{"S":"x"}}}' >/dev/null
aws PutItem '{"TableName":"registry_schemas","Item":{"eventType":{"S":"Counted"},"version":{"N":"3"},"digest":{"S":"y"}}}' >/dev/null
run "$invplan" verify --env local
is "$status" 16 "differences are drift"
like "$output" "^  event 'Counted', version 1: changed in the registry: digest is " "a schema that was changed is found, though its digest was left"
like "$output" "^  event 'Counted', version 2: changed in the registry: digest is " "and so is an upcaster or digest that was changed"
like "$output" "^  event 'Moved', version 1: missing in the registry$" "a version that is gone is missing"
like "$output" "^  event 'Moved', version 7: unknown: " "one that nobody registered is unknown"
like "$output" "^  event 'Counted', version 3: unknown: " "also when the plan is about to register it"
like "$output" 'concerns pending step 2-Third/' "and then the pending step is named"
run "$invplan" verify --env local --format json
is "$(python3 -c 'import json,sys; print(sorted((d["kind"], d["object"]) for d in json.loads(sys.stdin.read().split("\ninvplan:")[0])["targets"][0]["drift"]))' <<<"$output")" \
    "[('added', 'event_schema Counted@3'), ('added', 'event_schema Moved@7'), ('changed', 'event_schema Counted@1'), ('changed', 'event_schema Counted@2'), ('gone', 'event_schema Moved@1')]" \
    "as JSON, too"
run "$invplan" apply --env local
is "$status" 16 "apply refuses to register over what somebody else did"
finish
