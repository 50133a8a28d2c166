#!/usr/bin/env bash
# `invplan upcast`: a filter over JSON lines. Digits and kinds survive, what is wrong is named with its line, and memory
# does not grow with the input.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

cd "$work" || exit 1
cat >migrations.yaml <<'YAML'
invplan: 1
project: filter
targets:
  store: { engine: dynamodb, ledger: ledger }
environments:
  local: { targets: { store: { region: us-east-1 } } }
events:
  store: store
  table: events
  stream: stream
  sequence: sequence
  type: type
  version: version
  registry: schemas
  types:
    Counted:
      compatibility: none
      versions:
        1: { schema: { type: object, additionalProperties: true, properties: { qty: { type: number, minimum: 0 } } } }
        2:
          schema: { type: object, additionalProperties: true, properties: { quantity: { type: number, maximum: 1000 } } }
          upcast: [ { rename: { qty: quantity } } ]
        3:
          schema: { type: object, additionalProperties: true }
          upcast: [ { set: { double: "event.quantity * 2" } } ]
    Parted:
      compatibility: none
      versions:
        1: { schema: { type: object, additionalProperties: true } }
        2:
          schema: { type: object, additionalProperties: true }
          upcast:
            - drop_event: { if: "has(event.drop)" }
            - split_event: [ { type: Left }, { type: Right } ]
YAML
upcast() { printf '%s\n' "$1" | "$invplan" upcast "${@:2}" 2>&1; }

digits=12345678901234567890123456789012345678
is "$(upcast "{\"type\":\"Counted\",\"qty\":1.50,\"huge\":$digits,\"more\":[-0.0,1E-7,1e+5],\"s\":\"ü😀\\n\",\"none\":null}")" \
    "{\"type\":\"Counted\",\"huge\":$digits,\"more\":[-0.0,1E-7,1e+5],\"s\":\"ü😀\\n\",\"none\":null,\"quantity\":1.50,\"version\":3,\"double\":3.00}" \
    "what no operator names comes out as it stood, every digit of it"
is "$(upcast '{"type":"Counted","qty":1}' --to 2)" '{"type":"Counted","quantity":1,"version":2}' "--to names the version"
is "$(upcast '{"type":"Counted","version":3,"x":1.0}')" '{"type":"Counted","version":3,"x":1.0}' "an event at the latest version stays as it is"
is "$(upcast '{"qty":1}' --event Counted --to 2)" '{"quantity":1,"version":2}' "--event says what the events are"
is "$(upcast '{"type":"Parted","a":1}')" $'{"type":"Left","a":1,"version":2}\n{"type":"Right","a":1,"version":2}' "one event may become two"
is "$(upcast '{"type":"Parted","drop":1}')" "" "or none"
is "$(printf '\n {"type":"Counted","version":3}\r\n\r\n{"type":"Counted","version":3}' | "$invplan" upcast)" \
    $'{"type":"Counted","version":3}\n{"type":"Counted","version":3}' "blank lines, CRLF and a last line without its end are no trouble"
is "$(upcast '{"type":{"S":"Counted"},"qty":{"N":"1.50"},"b":{"B":"AAEC"},"s":{"SS":["b","a"]},"n":{"NS":["1.0","2"]},"m":{"M":{"x":{"NULL":true}}}}' --dynamodb --to 2)" \
    '{"type":{"S":"Counted"},"b":{"B":"AAEC"},"s":{"SS":["b","a"]},"n":{"NS":["1.0","2"]},"m":{"M":{"x":{"NULL":true}}},"quantity":{"N":"1.50"},"version":{"N":"2"}}' \
    "items of DynamoDB keep their kinds"

cat >events.jsonl <<'JSON'
{"type":"Counted","qty":1}
{"type":"Counted","qty":"two"}
{"type":"Unknown"}
not json
[1]
{"type":"Counted","version":9}
{"type":"Counted","version":"x"}
{"sequence":1}
{"type":"Counted","qty":3}
JSON
run "$invplan" upcast events.jsonl
is "$status" 6 "an event that cannot be upcast stops the filter"
is "$(head -1 <<<"$output")" '{"type":"Counted","quantity":1,"version":3,"double":2}' "what came before it was written"
like "$output" "^invplan: events.jsonl:2: 'Counted' cannot be upcast to version 3: /0/set/double: " "it is named with file, line, type, version and operator"
unlike "$output" "events.jsonl:3" "nothing behind it is read"
"$invplan" upcast --on-error skip events.jsonl >out 2>err
is $? 6 "with --on-error skip it is left out, and the exit status says so"
is "$(wc -l <out)" 2 "all others are written"
is "$(cut -d: -f3 err | tr -d ' \n')" 2345678 "each line that was left out is named"
like "$(cat err)" "^invplan: 7 events were left out$" "and counted"
like "$(cat err)" "events.jsonl:4: not JSON at column 1" "with what is wrong with it: the JSON"
like "$(cat err)" "events.jsonl:3: the events section declares no event 'Unknown'" "the type"
like "$(cat err)" "events.jsonl:6: 'Counted' has no version 9, its latest is 3" "the version"

like "$(upcast '{"type":"Counted","qty":-1}' --validate)" "line|:1: not valid as version 1 of 'Counted': /qty: " "--validate looks at the event as it is"
like "$(upcast '{"type":"Counted","qty":2000}' --validate --to 2)" ":1: not valid as version 2 of 'Counted': /quantity: " "and as it becomes"
is "$(upcast '{"type":"Counted","qty":-1}' --to 2)" '{"type":"Counted","quantity":-1,"version":2}' "which nobody asks for by default"
like "$(upcast '{"type":"Counted","version":3}' --to 2)" "at version 3 already, later than 2" "there is no way back"

run "$invplan" upcast --event Nothing events.jsonl
is "$status" 2 "an --event that is not declared is refused"
run "$invplan" upcast --event Counted --to 4 events.jsonl
is "$status" 2 "and a version that it does not have"
run "$invplan" upcast missing.jsonl
is "$status" 74 "a file that is not there is an error of its own"
like "$output" "cannot open 'missing.jsonl'" "and is named"
sed 's/qty: quantity/qty: [/' migrations.yaml >broken.yaml
run "$invplan" upcast -f broken.yaml events.jsonl
is "$status" 3 "a project with errors upcasts nothing"

# What was made is written before more is asked for.
mkfifo pipe
"$invplan" upcast <pipe >answers &
filter=$!
exec 9>pipe
echo '{"type":"Counted","version":3}' >&9
for ((i = 0; i < 200; i++)); do
    [ -s answers ] && break
    sleep 0.05
done
is "$(cat answers)" '{"type":"Counted","version":3}' "an event is answered before the next one comes"
exec 9>&-
wait "$filter"
is $? 0 "and the end of the input ends the filter"

# peak COUNT: kilobytes of the filter at its largest, when it has answered so many events
peak() {
    "$build/invplan-compiler" upcast <pipe >answers 2>&1 &
    local filter=$! i
    exec 9>pipe
    yes '{"type":"Counted","qty":3,"note":"0123456789012345678901234567890123456789012345678901234567890123456789"}' | head -n "$1" >&9
    for ((i = 0; i < 600 && $(wc -l <answers) < $1; i++)); do sleep 0.05; done
    sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$filter/status"
    exec 9>&-
    wait "$filter"
}
small=$(peak 2000)
large=$(peak 200000)
is "$(wc -l <answers)" 200000 "many events are answered"
if [ -n "$small" ] && [ "$large" -lt $((small + 2000)) ]; then pass "memory does not grow with the input"
else fail "memory does not grow with the input" "$small KB for 2,000 events, $large KB for 200,000"; fi
echo "# at its largest: $small KB for 2,000 events, $large KB for 200,000"
finish
