#!/usr/bin/env bash
# `invplan export typescript`: the module gives what `invplan upcast` gives, for 10,000 events and more of every operator;
# what cannot be translated is refused.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

if ! command -v node >/dev/null; then
    echo "60-typescript.t: NODE IS MISSING: the exported upcasters are NOT compared with invplan's own" >&2
    skip_all "node is missing: the exported upcasters are not compared with invplan's own"
fi

cases=$root/tests/e2e/typescript
cd "$work" || exit 1
cp "$cases/migrations.yaml" .

run "$invplan" export typescript --js -o events.mjs
is "$status" 0 "the module is written as JavaScript"
run "$invplan" export typescript --js -o events.mjs
is "$output" "events.mjs unchanged" "and is the same bytes again"
run "$invplan" export typescript -o events.ts
is "$status" 0 "and as TypeScript"
unlike "$(cat events.mjs events.ts)" '/\*:' "no notes of types are left over in either"
run node --check events.mjs
is "$status" 0 "node reads it"
tsc=${TSC:-$(command -v tsc)}
if [ -n "$tsc" ]; then
    run "$tsc" --strict --noEmit --target es2022 --module es2022 --lib es2022 events.ts
    is "$status $output" "0 " "TypeScript's own compiler finds nothing wrong, strictly and without any library"
else
    echo "# tsc is missing (set TSC): the types are not checked by TypeScript's own compiler"
fi

# compare FORM COUNT OPTION …
compare() {
    local form=$1 count=$2
    shift 2
    node "$cases/generate.mjs" events.mjs "$count" "$form" >"$form.jsonl"
    is "$(wc -l <"$form.jsonl")" "$count" "$count events are generated ($form)"
    "$invplan" upcast --on-error skip "$@" "$form.jsonl" >"$form.out" 2>"$form.err"
    is $? 6 "invplan upcasts them, and leaves out those that cannot be ($form)"
    run node "$cases/compare.mjs" events.mjs "$form.jsonl" "$form.out" "$form.err" "$form"
    is "$status" 0 "the module gives the same events and refuses the same ones ($form)"
    printf '# %s\n' "${output//$'\n'/$'\n'# }"
    like "$output" " 0 differences" "and there was something to compare ($form)"
}
compare plain 78000
for type in $(grep -oE '^    [A-Z][A-Za-z]*:' migrations.yaml | tr -d ' :'); do
    # All operators of a type stand in the way of its events of version 1, which need not say so.
    count=$(grep "\"type\":\"$type\"" plain.jsonl | grep -cvE '"version":([2-9]|1[^,}])')
    [ "$count" -ge 10000 ] || fail "there are 10,000 events for the operators of $type, not $count"
done
compare items 2000 --dynamodb
for operator in default set remove rename move convert map_values split combine each when rename_type split_event drop_event; do
    grep -qE "(^|[ {])$operator:" migrations.yaml || fail "the project uses $operator"
done

cat >use.mjs <<'JS'
import { Decimal, parse, stringify, upcast, upcastRenamed, upcastRenamedV1, UpcastError } from "./events.mjs";

const say = (name, value) => console.log(`${name}: ${value}`);
const refused = (run) => { try { run(); return "no"; } catch (error) { return error instanceof UpcastError && error.message; } };
const huge = "12345678901234567890123456789012345678";
say("digits", stringify(parse(`{"a":${huge},"b":1.50,"c":-1E+5}`)));
say("equal", new Decimal("1.50").equals(new Decimal(1.5)));
say("integer", new Decimal("1e3").toBigInt());
say("rounding", refused(() => JSON.stringify({ a: new Decimal(huge) })));
say("number", refused(() => upcastRenamedV1({ type: "Renamed", version: 1 })));
say("one", stringify(upcastRenamedV1({ type: "Renamed", x: new Decimal("1.00") })));
say("latest", stringify(upcastRenamed({ type: "Moved", version: new Decimal(2) })));
say("unknown", refused(() => upcast({ type: "Other" })));
say("names", refused(() => upcast(parse('{"type":"Collections","list":[],"other":[],"count":0,"map":{"9":1,"a":1}}'))));
say("prototype", stringify(upcast(parse('{"type":"Renamed","__proto__":{"x":1}}'))[0]));
say("twice", refused(() => parse('{"a":1,"a":2}')));
JS
output=$(node use.mjs 2>&1)
like "$output" '^digits: \{"a":12345678901234567890123456789012345678,"b":1.50,"c":-1E\+5\}$' "38 digits are read and written as they stand"
like "$output" '^equal: true$' "Decimals are compared by value"
like "$output" '^integer: 1000$' "and become integers"
like "$output" '^rounding: .*use stringify' "JSON.stringify() does not round them in silence"
like "$output" "^number: .*not a whole number" "a number in the place of a Decimal is refused"
like "$output" '^one: \{"type":"Moved","x":1.00,"before":"Renamed","now":"Moved","version":2\}$' "one version can be upcast to the next"
like "$output" '^latest: \{"type":"Moved","version":2\}$' "an event at the latest version stays as it is"
like "$output" '^unknown: no event of a type' "an unknown event is refused"
like "$output" '^names: JavaScript does not keep the order' "a macro over names that are numbers is refused"
like "$output" '^prototype: .*"__proto__":\{"x":1\}' "__proto__ is a name like any other"
like "$output" "^twice: key 'a' is there twice" "a key that is there twice is refused"

mkdir hostile && cd hostile || exit 1
cat >migrations.yaml <<'YAML'
invplan: 1
project: hostile
targets: { store: { engine: dynamodb, ledger: ledger } }
environments: { local: { targets: { store: { region: us-east-1 } } } }
events:
  store: store
  table: events
  stream: stream
  sequence: sequence
  type: type
  version: version
  registry: schemas
  types:
    Loops: { compatibility: none, versions: { 1: { schema: { type: object, additionalProperties: true } }, 2: { schema: { type: object, additionalProperties: true }, upcast: [ { set: { x: "event.l.map(a, event.l.map(b, event.l.filter(c, a == b && b == c).size()))" } } ] } } }
    Absorbs: { compatibility: none, versions: { 1: { schema: { type: object, additionalProperties: true } }, 2: { schema: { type: object, additionalProperties: true }, upcast: [ { set: { x: "event.l.exists(a, event.l.exists(b, event.l.exists(c, a + b + c < 0)))" } } ] } } }
    Copies: { compatibility: none, versions: { 1: { schema: { type: object, additionalProperties: true } }, 2: { schema: { type: object, additionalProperties: true }, upcast: [ { set: { x: "event.l.map(a, event.l.map(b, event.l))" } } ] } } }
    Texts: { compatibility: none, versions: { 1: { schema: { type: object, additionalProperties: true } }, 2: { schema: { type: object, additionalProperties: true }, upcast: [ { set: { x: "event.t.replace('', event.t).replace('', event.t)" } } ] } } }
    Each: { compatibility: none, versions: { 1: { schema: { type: object, additionalProperties: true } }, 2: { schema: { type: object, additionalProperties: true }, upcast: [ { each: { field: m, do: [ { set: { x: "event.m.filter(a, a.n == item.n).size()" } } ] } } ] } } }
    Shares: { compatibility: none, versions: { 1: { schema: { type: object, additionalProperties: true } }, 2: { schema: { type: object, additionalProperties: true }, upcast: [ { each: { field: m, do: [ { set: { x: "event.m.size()" } } ] } } ] } } }
YAML
python3 - >events.jsonl <<'PY'
import json
numbers = list(range(1500))
maps = [{"n": n} for n in range(6000)]
for name, more in (("Loops", {"l": numbers}), ("Absorbs", {"l": numbers}), ("Copies", {"l": numbers}), ("Texts", {"t": "x" * 30000}),
                   ("Each", {"m": maps}), ("Shares", {"m": maps})):
    print(json.dumps({"type": name, **more}))
PY
run "$invplan" export typescript --js -o events.mjs
is "$status" 0 "upcasters with nested loops are exported"
output=$(timeout 60 "$invplan" upcast --on-error skip events.jsonl 2>&1 >out)
is "$? $(wc -l <out)" "6 1" "what one event may cost is bounded: five hostile events are refused, one that is only long is not"
is "$(grep -c 'costs\{0,1\} more than' <<<"$output")" 5 "each for its cost"
cat >hostile.mjs <<'JS'
import { readFileSync } from "node:fs";
import { parse, upcast } from "./events.mjs";
for (const line of readFileSync("events.jsonl", "utf8").trim().split("\n"))
    try { console.log(upcast(parse(line)).length); } catch (error) { console.log(error.message); }
JS
is "$(timeout 120 node hostile.mjs | sort | uniq -c | sed 's/^ *//')" \
    $'1 1\n5 an expression costs more than 1000000 steps, or those of one event more than 10000000' "and by the exported module, too"
cd .. || exit 1

mkdir refused && cd refused || exit 1
sed 's/"event.s.trim()"/"event.s.matches(event.t)"/' ../migrations.yaml >migrations.yaml
run "$invplan" export typescript -o module.ts
is "$status" 3 "an expression without a faithful translation is refused"
like "$output" "TS001.*'matches' has no faithful translation" "by its name"
like "$output" '\^' "with a caret under it"
is "$(find . -name module.ts)" "" "and no module is written"
run "$invplan" export kubernetes
is "$status" 2 "there is no export to what is not known"
finish
