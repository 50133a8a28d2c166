// --- places in maps -------------------------------------------------------------------------------------------------

function notAMap(value/*: any */)/*: never */ {
    return fail(`what stands above it is ${typeOf(value)}, not a map`);
}

function get(map/*: any */, path/*: Path */)/*: any */ {
    let value = map;
    for (const name of path.names) {
        if (value === undefined || value === null) return undefined;
        if (!isMap(value)) notAMap(value);
        value = own(value, name);
    }
    return value;
}

function put(map/*: Event | undefined */, path/*: Path */, value/*: Value */, at = 0)/*: Event */ {
    const name = path.names[at], inner = own(map, name);
    if (at === path.names.length - 1) return withMember(map, name, value);
    if (inner !== undefined && !isMap(inner)) notAMap(inner);
    return withMember(map, name, put(inner, path, value, at + 1));
}

/** Refuses a place that is taken, and an empty map on the way: a downcast could not tell them apart. */
function putNew(map/*: Event */, path/*: Path */, value/*: Value */)/*: Event */ {
    const last = path.names.length - 1;
    let above/*: any */ = map;
    for (let i = 0; i < last && above !== undefined; i++) {
        above = own(above, path.names[i]);
        if (isMap(above) && namesOf(above).length === 0) fail(`the map above '${path.text}' is there and empty`);
    }
    if (own(above, path.names[last]) !== undefined) fail(`'${path.text}' is already there`);
    return put(map, path, value);
}

function without(map/*: Event */, path/*: Path */, prune/*: boolean */, at = 0)/*: Event */ {
    const name = path.names[at];
    if (at === path.names.length - 1) return withMember(map, name, undefined);
    const inner = without(own(map, name), path, prune, at + 1);
    return withMember(map, name, prune && namesOf(inner).length === 0 ? undefined : inner);
}

function take(map/*: Event */, path/*: Path */, prune/*: boolean */)/*: [Event, any] */ {
    const value = get(map, path);
    return [value === undefined ? map : without(map, path, prune), value];
}

// --- operators ------------------------------------------------------------------------------------------------------

function evaluate(expression/*: Expression */, scope/*: Scope */)/*: Cel */ {
    const { run } = scope;
    if (++run.evaluations > 100000) fail("more than 100000 expressions evaluated for one event");
    run.steps -= run.given - stepsLeft; // by the expression before
    run.given = stepsLeft = Math.min(1000000, run.steps);
    return expression(scope);
}

const evaluateValue = (expression/*: Expression */, scope/*: Scope */)/*: Value */ =>
    toEvent(evaluate(expression, scope), 0);

function test(value/*: Cel */)/*: boolean */ {
    return typeof value === "boolean" ? value
        : fail(`a condition must be true or false, and this gave ${kindOf(value)}`);
}

function assign(isDefault/*: boolean */, items/*: [Path, Expression][] */)/*: Operator */ {
    return {
        apply(map, scope) {
            const values = items.map(([path, expression]) => {
                const old = get(map, path);
                return isDefault && old !== undefined ? undefined : evaluateValue(expression, scope);
            });
            return items.reduce((result, [path], i) => {
                const value = values[i];
                return value === undefined ? result : put(result, path, value);
            }, map);
        },
    };
}

function remove(paths/*: Path[] */)/*: Operator */ {
    return { apply: (map) => paths.reduce((result, path) => take(result, path, false)[0], map) };
}

/** rename and move: everything is taken out first, so that names can be swapped. */
function move(pairs/*: [Path, Path][] */)/*: Operator */ {
    return {
        apply(map) {
            let result = map;
            const values = pairs.map(([from]) => {
                const [rest, value] = take(result, from, true);
                result = rest;
                return value;
            });
            pairs.forEach(([, to], i) => {
                if (values[i] !== undefined) result = putNew(result, to, values[i]);
                else if (get(result, to) !== undefined) fail(`'${to.text}' is already there`);
            });
            return result;
        },
    };
}

function isKind(value/*: any */, kind/*: string */)/*: boolean */ {
    return kind === "integer" ? value instanceof Decimal && readNumber(value.text).e >= 0 : typeOf(value) === kind;
}

function sameScalar(a/*: any */, b/*: any */)/*: boolean */ {
    if (a instanceof Decimal) return a.equals(b);
    return a instanceof Uint8Array ? toBase64(a) === toBase64(b) : a === b;
}

function toSet(value/*: any */, item/*: string */)/*: any */ {
    if (!Array.isArray(value)) return undefined;
    if (value.length === 0) fail("a set cannot be empty");
    if (value.some((element) => typeOf(element) !== item)) fail("the list has an element of another type");
    value.forEach((element, i) => {
        if (value.slice(0, i).some((other) => sameScalar(element, other))) fail("the list has the same element twice");
    });
    return new Set(value);
}

/** undefined where values of its type cannot be converted to that. */
function convertTo(value/*: any */, to/*: string */)/*: any */ {
    const isText = typeof value === "string", isNumber = value instanceof Decimal;
    if (isKind(value, to)) return value;
    switch (to) {
        case "string":
            if (isNumber) return value.text;
            if (typeof value === "boolean") return String(value);
            return value instanceof Uint8Array ? toBase64(value) : undefined;
        case "number": case "integer":
            if (typeof value === "boolean") return new Decimal(value ? 1 : 0);
            if (!isText && !isNumber) return undefined;
            if (isText && !NUMBER.test(value)) fail("its text is not a number");
            if (isText && !isStorable(value)) fail("its text is a number of more than 38 digits or out of range");
            if (to === "integer" && readNumber(String(value)).e < 0) fail("it has a fraction");
            return isNumber ? value : new Decimal(value);
        case "boolean": {
            if (isText) return value === "true" || (value === "false" ? false : fail("neither 'true' nor 'false'"));
            if (!isNumber) return undefined;
            const { n, e } = readNumber(value.text);
            return n === 0n ? false : n === 1n && e === 0 ? true : fail("it is neither 0 nor 1");
        }
        case "binary":
            return isText ? fromBase64(value) || fail("its text is not base 64") : undefined;
        case "list":
            return value instanceof Set ? [...value] : undefined;
        default:
            return toSet(value, to === "string_set" ? "string" : to === "number_set" ? "number" : "binary");
    }
}

function convert(items/*: [Path, string | null, string][] */)/*: Operator */ {
    return {
        apply: (map) => items.reduce((result, [path, from, to]) => {
            const old = get(result, path);
            if (old === undefined) return result;
            if (from !== null && !isKind(old, from)) fail(`'${path.text}' is of type ${typeOf(old)}, not ${from}`);
            const value = convertTo(old, to);
            return value === undefined ? fail(`cannot convert '${path.text}' to ${to}`) : put(result, path, value);
        }, map),
    };
}

function mappingMatches(old/*: string */, value/*: any */)/*: boolean */ {
    if (value instanceof Decimal) return NUMBER.test(old) && new Decimal(old).equals(value);
    return typeof value === "string" ? old === value : (value === null || typeof value === "boolean")
        && old === String(value);
}

function mapValues(items/*: [Path, [string, Value][], Expression | null][] */)/*: Operator */ {
    return {
        apply(map, scope) {
            const values = items.map(([path, mappings, otherwise]) => {
                const old = get(map, path);
                if (old === undefined) return undefined;
                const found = mappings.find(([text]) => mappingMatches(text, old));
                if (found) return found[1];
                return otherwise ? evaluateValue(otherwise, scope)
                    : fail(`'map_values' does not list what '${path.text}' holds`);
            });
            return items.reduce((result, [path], i) => {
                const value = values[i];
                return value === undefined ? result : put(result, path, value);
            }, map);
        },
    };
}

function split(field/*: Path */, into/*: Path[] */, by/*: string */)/*: Operator */ {
    return {
        apply(map) {
            let [result, rest] = take(map, field, true), more = rest !== undefined;
            if (more && typeof rest !== "string") fail(`cannot split '${field.text}': it is of type ${typeOf(rest)}, not string`);
            into.forEach((path, i) => {
                if (get(result, path) !== undefined) fail(`'${path.text}' is already there`);
                if (!more) return;
                const at = i + 1 < into.length ? rest.indexOf(by) : -1;
                result = putNew(result, path, at < 0 ? rest : rest.slice(0, at));
                more = at >= 0;
                if (more) rest = rest.slice(at + by.length);
            });
            return result;
        },
    };
}

function combine(fields/*: Path[] */, into/*: Path */, separator/*: string */)/*: Operator */ {
    return {
        apply(map) {
            let result = map;
            const parts/*: string[] */ = [];
            for (const path of fields) {
                const [rest, part] = take(result, path, true);
                result = rest;
                if (part === undefined) continue;
                if (typeof part !== "string") fail(`cannot combine '${path.text}': it is of type ${typeOf(part)}, not string`);
                parts.push(part);
            }
            if (parts.length) return putNew(result, into, parts.join(separator));
            return get(result, into) === undefined ? result : fail(`'${into.text}' is already there`);
        },
    };
}

function each(field/*: Path */, operators/*: Operator[] */)/*: Operator */ {
    return {
        apply(map, scope) {
            const list = get(map, field);
            if (list === undefined) return map;
            if (!Array.isArray(list)) return fail(`cannot change each of '${field.text}': it is of type ${typeOf(list)}, not list`);
            const items = list.map((item, i) => {
                if (!isMap(item)) fail(`element ${i} of '${field.text}' is of type ${typeOf(item)}, not map`);
                return runOperators(operators, 0, item, { ...scope, item })[0];
            });
            return put(map, field, items);
        },
    };
}

function when(condition/*: Expression */, yes/*: Operator[] */, no/*: Operator[] */, fans/*: boolean */)/*: Operator */ {
    const run = (map/*: Event */, scope/*: Scope */) =>
        runOperators(test(evaluate(condition, scope)) ? yes : no, 0, map, scope);
    return fans ? { fan: run } : { apply: (map, scope) => run(map, scope)[0] };
}

function renameType(attribute/*: string */, from/*: string | null */, to/*: string */)/*: Operator */ {
    return {
        apply(event) {
            if (from !== null && own(event, attribute) !== from) fail(`the event is not of type '${from}'`);
            return withMember(event, attribute, to);
        },
    };
}

function splitEvent(attribute/*: string */, branches/*: [string, Operator[]][] */)/*: Operator */ {
    return {
        fan: (event, scope) =>
            branches.map(([type, operators]) => withMember(runOperators(operators, 0, event, scope)[0], attribute, type)),
    };
}

function dropEvent(condition/*: Expression */)/*: Operator */ {
    return { fan: (event, scope) => (test(evaluate(condition, scope)) ? [] : [event]) };
}

function runOperators(operators/*: Operator[] */, first/*: number */, map/*: Event */, scope/*: Scope */)/*: Event[] */ {
    let value = map;
    for (let i = first; i < operators.length; i++) {
        const { apply, fan } = operators[i];
        const inside = scope.item === undefined ? { ...scope, event: value } : { ...scope, item: value };
        if (apply) {
            value = apply(value, inside);
        } else if (fan) {
            return fan(value, inside).flatMap((part) => runOperators(operators, i + 1, part, scope));
        }
    }
    return [value];
}

function nesting(value/*: any */)/*: number */ {
    const parts = Array.isArray(value) || value instanceof Set ? [...value] : isMap(value) ? Object.values(value) : [];
    return 1 + parts.reduce((deepest, part) => Math.max(deepest, nesting(part)), 0);
}

/** The version that an event says it has; 1 where it says none. */
function versionOf(event/*: Event */, attribute/*: string */)/*: number */ {
    const version/*: any */ = own(event, attribute);
    if (version === undefined) return 1;
    const number = version instanceof Decimal ? readNumber(version.text) : { n: -1n, e: 0 };
    const value = number.e < 0 || number.e > 10 ? -1n : number.n * 10n ** BigInt(number.e);
    return value >= 0n && value < 2n ** 31n ? Number(value)
        : fail(`the event's version '${attribute}' is not a whole number`);
}

function runUpcaster(operators/*: Operator[] */, event/*: Event */, to/*: number */, envelope/*: Envelope */)/*: Event[] */ {
    const value = (name/*: string */) => { const found = own(event, name); return found === undefined ? null : found; };
    stepsLeft = 0;
    const meta = new CelMap([
        ["stream", value(envelope.stream)],
        ["sequence", value(envelope.sequence)],
        ["type", value(envelope.type)],
        ["version", BigInt(versionOf(event, envelope.version))],
    ]);
    const results = runOperators(operators, 0, event, { meta, event, run: { evaluations: 0, steps: 10000000, given: 0 } });
    if (results.length > 100) fail("one event becomes more than 100 events");
    return results.map((result) => {
        const made = withMember(result, envelope.version, new Decimal(to));
        return nesting(made) > 33 ? fail("the event nests deeper than the 32 levels that an item can") : made;
    });
}

function runChain(chain/*: Operator[][] */, event/*: Event */, from/*: number */, to/*: number */,
    envelope/*: Envelope */)/*: Event[] */ {
    let events = [event];
    for (let version = from; version < to; version++)
        events = events.flatMap((one) => runUpcaster(chain[version - 1], one, version + 1, envelope));
    return events;
}

