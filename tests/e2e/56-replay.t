#!/usr/bin/env bash
# `invplan replay`: the upcasters of a plan tried on real events, from the table and from JSON lines. It reports what would
# fail by type, version and reason, and writes nothing.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

new_aws
cd "$work" || exit 1
{ events_of replay; cat <<'YAML'; } >migrations.yaml
    Counted:
      compatibility: none
      versions:
        1: { schema: { type: object, additionalProperties: true, properties: { qty: { type: number, minimum: 0 } } } }
        2:
          schema: { type: object, additionalProperties: true, properties: { quantity: { type: number, maximum: 1000 } } }
          upcast: [ { rename: { qty: quantity } }, { default: { note: "'none'" } } ]
    Parted:
      compatibility: none
      versions:
        1: { schema: { type: object, additionalProperties: true } }
        2:
          schema: { type: object, additionalProperties: true }
          upcast:
            - drop_event: { if: "has(event.drop)" }
            - split_event: [ { type: Left }, { type: Right } ]
migrations:
  - id: 1-Store
    target: store
    steps:
      - create_table:
          name: replay_events
          key: { stream: S, sequence: N }
          billing: on_demand
  - id: 2-Register
    target: store
    steps:
      - register_event: { event: Counted, version: 1 }
      - register_event: { event: Counted, version: 2 }
      - register_event: { event: Parted, version: 1 }
      - register_event: { event: Parted, version: 2 }
YAML
run "$invplan" compile --env local
is "$status" 0 "the project compiles"
[ "$status" -eq 0 ] || printf '# %s\n' "$output"
replay() { run "$invplan" replay --env local "$@"; }
json() { python3 -c 'import json,sys; r=json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<<"$output"; }

# --- a file ---------------------------------------------------------------------------------------------------------
cat >good.jsonl <<'JSON'
{"stream":"a","sequence":1,"type":"Counted","qty":1.50}
{"stream":"a","sequence":2,"type":"Counted","version":2,"quantity":7}

{"stream":"b","sequence":1,"type":"Parted"}
{"stream":"b","sequence":2,"type":"Parted","drop":true}
JSON
replay good.jsonl
is "$status" 0 "events that can all be upcast give exit status 0"
like "$output" '^4 events of good.jsonl: all are well$' "and the report says so"
like "$output" '^  version 1: 2 events, 1 dropped, split into 2' "what is dropped and split is counted"
cat >bad.jsonl <<'JSON'
{"stream":"a","sequence":1,"type":"Counted","qty":1}
{"stream":"a","sequence":2,"type":"Counted","qty":-1}
{"stream":"a","sequence":3,"type":"Counted","qty":2000}
{"stream":"a","sequence":4,"type":"Counted","qty":1,"quantity":2}
{"stream":"a","sequence":5,"type":"Counted","version":3}
{"stream":"a","sequence":6,"type":"Counted","version":"x"}
{"stream":"b","sequence":1,"type":"Unknown"}
{"stream":"b","sequence":2}
not json
[1]
{"stream":"a","sequence":7,"type":"Counted","qty":3000}
JSON
replay --format json bad.jsonl
is "$status" 6 "events that would fail give exit status 6"
output=${output%%invplan:*}
is "$(json 'r["events"], r["failed"]')" "(11, 10)" "each event is counted once"
is "$(json 'sorted((f["reason"], f["event"], f["version"], f["events"]) for f in r["findings"] if f["event"]=="Counted")')" \
    "[('bad_version', 'Counted', None, 1), ('invalid', 'Counted', 1, 1), ('invalid_upcast', 'Counted', 1, 2), ('unknown_version', 'Counted', 3, 1), ('upcast_fails', 'Counted', 1, 1)]" \
    "findings are gathered by reason, type and version"
is "$(json 'sorted((f["reason"], f["event"], f["events"]) for f in r["findings"] if f["event"]!="Counted")' )" \
    "[('no_type', None, 1), ('not_json', None, 2), ('unknown_type', 'Unknown', 1)]" "what is no event of the plan is a finding, too"
is "$(json '[f["examples"] for f in r["findings"] if f["reason"]=="invalid_upcast"]')" \
    "[[{'line': 3, 'key': {'stream': 'a', 'sequence': 3}}, {'line': 11, 'key': {'stream': 'a', 'sequence': 7}}]]" \
    "with the lines and the keys of events to look at"
is "$(json '[f["at"] for f in r["findings"] if f["reason"]=="upcast_fails"]')" "['2/0/rename']" \
    "and the version and operator that they fail at"
replay bad.jsonl
like "$output" "^Counted version 1: 2 events not valid when it is upcast: /quantity: " "the report for people says the same"
like "$output" '^  line 3, \{"stream":"a","sequence":3\}$' "with the same examples"
like "$output" '^invplan: 10 of 11 events would fail$' "and ends with the sum"
is "$("$invplan" replay --env local - <good.jsonl | head -1)" "4 events of standard input: all are well" "- is standard input"
replay --stream b bad.jsonl
like "$output" '^2 events of bad.jsonl, stream b: |^4 events of bad.jsonl, stream b: ' "--stream looks at one stream alone"
replay --event Parted good.jsonl
like "$output" '^2 events of good.jsonl, Parted alone: all are well' "--event looks at one type alone"
replay --event Nope good.jsonl
is "$status" 2 "a type that the plan does not know is refused"
cat >items.jsonl <<'JSON'
{"Item":{"stream":{"S":"a"},"sequence":{"N":"1"},"type":{"S":"Counted"},"qty":{"N":"12345678901234567890123456789012345678"},"tags":{"SS":["x"]}}}
{"stream":{"S":"a"},"sequence":{"N":"2"},"type":{"S":"Counted"},"qty":{"N":"1"}}
{"stream":"a"}
JSON
replay --dynamodb --format json items.jsonl
output=${output%%invplan:*}
is "$(json '[(f["reason"], f["examples"][0]["line"]) for f in r["findings"]]')" "[('invalid_upcast', 1), ('not_json', 3)]" \
    "--dynamodb reads items, and the lines of an export"
python3 - >large.jsonl <<'PY'
import json
for i, n in enumerate((1000, 409600 - 40, 409600 - 45, 380000)):
    print(json.dumps({"stream": "big", "sequence": i, "type": "Counted", "text": "x" * n}))
PY
replay --format json large.jsonl
output=${output%%invplan:*}
is "$(json '[(f["reason"], f["events"]) for f in r["findings"]], r["near_limit"]["events"]')" "([('too_large', 2)], 3)" \
    "events that would grow beyond 400 KB fail, and those that come near it are named"
is "$(json 'r["types"][0]["versions"][0]["largest_growth"]["bytes_after"] - r["types"][0]["versions"][0]["largest_growth"]["bytes_before"]')" 17 \
    "growth is counted in DynamoDB's bytes"
replay --sample 5 good.jsonl
is "$status" 2 "a sample of a file is refused"
replay missing.jsonl
is "$status" 74 "a file that is not there is an error of its own"
is "$(AWS_ENDPOINT_URL=http://127.0.0.1:9 "$invplan" replay --env local good.jsonl | head -1)" "4 events of good.jsonl: all are well" \
    "a file is judged without any server"

# --- the table ------------------------------------------------------------------------------------------------------
replay
is "$status" 31 "a table that does not exist yet is named"
like "$output" "the table 'replay_events' does not exist" "so that one knows what to do"
aws CreateTable '{"TableName":"replay_events","AttributeDefinitions":[{"AttributeName":"stream","AttributeType":"S"},{"AttributeName":"sequence","AttributeType":"N"}],"KeySchema":[{"AttributeName":"stream","KeyType":"HASH"},{"AttributeName":"sequence","KeyType":"RANGE"}],"BillingMode":"PAY_PER_REQUEST"}' >/dev/null
for ((batch = 0; batch < 8; batch++)); do
    items=
    for ((i = 0; i < 25; i++)); do
        n=$((batch * 25 + i))
        items+="${items:+,}{\"PutRequest\":{\"Item\":{\"stream\":{\"S\":\"s$((n % 8))\"},\"sequence\":{\"N\":\"$n\"},\"type\":{\"S\":\"Counted\"},\"qty\":{\"N\":\"$([ "$n" -eq 77 ] && echo -5 || echo "$n")\"}}}}"
    done
    aws BatchWriteItem "{\"RequestItems\":{\"replay_events\":[$items]}}" >/dev/null
done
dump() { aws Scan '{"TableName":"replay_events"}' | python3 -c 'import json,sys; print(sorted(map(json.dumps, json.load(sys.stdin)["Items"])))'; }
dump >before
replay --format json
is "$status" 6 "the events of the table are judged"
output=${output%%invplan:*}
is "$(json 'r["events"], r["failed"], r["findings"][0]["examples"]')" "(200, 1, [{'key': {'stream': 's5', 'sequence': 77}}])" \
    "all of them, and the one that would fail is named by its key"
is "$(json 'r["consumed_read_units"] > 0')" True "with what reading them consumed"
dump >after
same_files before after "nothing in the table has changed"
is "$(aws ListTables '{}' | grep -c replay_ledger)" 0 "and no ledger was made"
replay --stream s3 --format json
is "$status" 0 "one stream alone"
is "$(json 'r["events"], r["source"]["stream"]')" "(25, 's3')" "is read alone"
replay --sample 60 --format json
output=${output%%invplan:*}
is "$(json 'r["events"]')" 60 "a sample has the size that was asked for"
replay --sample 1000 --format json
output=${output%%invplan:*}
is "$(json 'r["events"]')" 200 "and no more than there is"
replay --event Parted
like "$output" '^0 events of table replay_events, Parted alone' "one type alone"
replay --max-rcu 20
is "$status" 6 "with a limit on what is consumed it reads the same"
"$invplan" apply --env local --init >/dev/null 2>&1
is $? 16 "(the table was not made by the plan, which apply says)"
replay --stream s3
is "$status" 0 "a ledger does not hinder it"
finish
