// --- values ---------------------------------------------------------------------------------------------------------
// Numbers of events are Decimals: their text is kept, 38 digits and all. Binary is a Uint8Array, sets are Sets.

/*:: export type Value = null | boolean | string | Decimal | Uint8Array | Value[] | Set<string> | Set<Decimal>
    | Set<Uint8Array> | { [name: string]: Value | undefined }; */
/*:: export type Event = { [name: string]: Value | undefined }; */
/*:: type Cel = any; // a value inside an expression */
/*:: type Scope = { meta: Cel; event: Cel; item?: Cel; run: { evaluations: number } }; */
/*:: type Expression = (s: Scope) => Cel; */
/*:: type Path = { names: string[]; text: string }; */
/*:: type Operator = { apply?: (map: Event, scope: Scope) => Event; fan?: (event: Event, scope: Scope) => Event[] }; */
/*:: type Envelope = { stream: string; sequence: string; type: string; version: string }; */
/*:: type Number10 = { n: bigint; e: number }; // n × 10^e */
/*:: declare class TextEncoder { encode(text: string): Uint8Array; } */
/*:: declare class TextDecoder {
    constructor(label: string, options: object);
    decode(bytes: Uint8Array): string;
} */

/** An event that cannot be upcast, or a text that is none. */
export class UpcastError extends Error {}

function fail(message/*: string */)/*: never */ {
    throw new UpcastError(message);
}

const NUMBER = /^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/;
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

/** A number by its decimal text: `new Decimal("1.50")`. It is never rounded; toNumber() is where digits may be lost. */
export class Decimal {
    /*:: readonly text: string; */
    /*:: readonly isComputed: boolean; */
    constructor(text/*: string | number | bigint */, isComputed/*: boolean */ = false) {
        this.text = String(text);
        this.isComputed = isComputed;
        if (!NUMBER.test(this.text)) fail(`'${this.text}' is not a number`);
    }
    toNumber()/*: number */ {
        return Number(this.text);
    }
    /** Throws where the number has a fraction. */
    toBigInt()/*: bigint */ {
        const { n, e } = readNumber(this.text);
        if (e < 0 || e > 400) fail(`'${this.text}' is not a whole number of reasonable size`);
        return n * 10n ** BigInt(e);
    }
    /** By value: 1.50 equals 1.5. */
    equals(other/*: Decimal */)/*: boolean */ {
        return compareNumbers(readNumber(this.text), readNumber(other.text)) === 0;
    }
    toString()/*: string */ {
        return this.text;
    }
    toJSON()/*: unknown */ {
        return fail("JSON.stringify() would round this number; use stringify() of this module");
    }
}

/** The value of a text that is a number, without needless zeros. */
function readNumber(text/*: string */)/*: Number10 */ {
    const [mantissa, exponent] = text.toLowerCase().split("e");
    const [whole, fraction = ""] = mantissa.replace(/^[-+]/, "").split(".");
    const digits = (whole + fraction).replace(/^0+/, "");
    const significant = digits.replace(/0+$/, "");
    if (!significant) return { n: 0n, e: 0 };
    const e = Number(exponent || 0) - fraction.length + digits.length - significant.length;
    return { n: mantissa.startsWith("-") ? -BigInt(significant) : BigInt(significant), e };
}

function digitCount(n/*: bigint */)/*: number */ {
    return n === 0n ? 0 : String(n < 0n ? -n : n).length;
}

function compareNumbers(a/*: Number10 */, b/*: Number10 */)/*: number */ {
    const sign = (n/*: bigint */) => (n > 0n ? 1 : n < 0n ? -1 : 0);
    if (sign(a.n) !== sign(b.n) || a.n === 0n) return Math.sign(sign(a.n) - sign(b.n));
    const power = digitCount(a.n) + a.e - digitCount(b.n) - b.e;
    if (power !== 0) return Math.sign(power) * sign(a.n);
    const e = Math.min(a.e, b.e);
    const x = a.n * 10n ** BigInt(a.e - e), y = b.n * 10n ** BigInt(b.e - e);
    return x > y ? 1 : x < y ? -1 : 0;
}

/** Within DynamoDB's limits: 38 digits, magnitude 0 or 1E-130 to 9.99…E+125. */
function isStorable(text/*: string */)/*: boolean */ {
    const { n, e } = readNumber(text), magnitude = digitCount(n) + e;
    return n === 0n || (digitCount(n) <= 38 && magnitude >= -129 && magnitude <= 126);
}

function isMap(value/*: any */)/*: value is Event */ {
    if (typeof value !== "object" || value === null) return false;
    const prototype = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
}

function typeOf(value/*: any */)/*: string */ {
    if (value === null) return "null";
    if (typeof value === "boolean" || typeof value === "string") return typeof value;
    if (value instanceof Decimal) return "number";
    if (value instanceof Uint8Array) return "binary";
    if (Array.isArray(value)) return "list";
    if (isMap(value)) return "map";
    if (value instanceof Set) {
        const [item] = value;
        return typeof item === "string" ? "string_set" : item instanceof Decimal ? "number_set" : "binary_set";
    }
    return fail(`a ${typeof value} is no value of an event; numbers are Decimals`);
}

function own(map/*: any */, name/*: string */)/*: any */ {
    return isMap(map) && Object.prototype.hasOwnProperty.call(map, name) ? map[name] : undefined;
}

function withMember(map/*: Event | undefined */, name/*: string */, value/*: Value | undefined */)/*: Event */ {
    const copy/*: Event */ = { ...map };
    if (value === undefined) delete copy[name];
    else Object.defineProperty(copy, name, { value, writable: true, enumerable: true, configurable: true });
    return copy;
}

const namesOf = (map/*: Event */) => Object.keys(map).filter((name) => map[name] !== undefined);

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function toBase64(bytes/*: Uint8Array */)/*: string */ {
    let text = "";
    for (let i = 0; i < bytes.length; i += 3) {
        const group = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
        for (let k = 0; k < 4; k++) text += i + k <= bytes.length ? BASE64[(group >> (18 - 6 * k)) & 63] : "=";
    }
    return text;
}

/** undefined for a digit that is none. */
function fromDigits(text/*: string */)/*: Uint8Array | undefined */ {
    const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
    let group = 0, at = 0;
    for (let i = 0; i < text.length; i++) {
        const digit = BASE64.indexOf(text[i]);
        if (digit < 0) return undefined;
        group = ((group << 6) | digit) & 0xffff;
        if (i % 4) bytes[at++] = (group >> (6 - 2 * (i % 4))) & 255;
    }
    return bytes;
}

/** Base 64 (RFC 4648), strict: padded, one text for each byte string. */
function fromBase64(text/*: string */)/*: Uint8Array | undefined */ {
    const bytes = text.length % 4 ? undefined : fromDigits(text.replace(/={1,2}$/, ""));
    return bytes && toBase64(bytes) === text ? bytes : undefined;
}

// --- JSON and DynamoDB's JSON ---------------------------------------------------------------------------------------

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const SPACE_Y = /[ \t\n\r]*/y;
const STRING_Y = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const NUMBER_Y = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;

/** Reads JSON as JSON.parse() does, but numbers become Decimals, and a key that is there twice is an error. */
export function parse(text/*: string */)/*: Value */ {
    let at = 0;
    const match = (pattern/*: RegExp */)/*: string */ => {
        pattern.lastIndex = at;
        const found = pattern.exec(text);
        if (!found) return fail(`not JSON at ${at}`);
        at += found[0].length;
        return found[0];
    };
    const take = (token/*: string */)/*: boolean */ => {
        match(SPACE_Y);
        if (!text.startsWith(token, at)) return false;
        at += token.length;
        return true;
    };
    const want = (token/*: string */) => take(token) || fail(`not JSON at ${at}: '${token}' is wanted`);
    const string = ()/*: string */ => {
        const token = match(STRING_Y);
        const decoded = token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
        return LONE_SURROGATE.test(decoded) ? fail(`half of a surrogate pair before ${at}`) : decoded;
    };
    const read = (depth/*: number */)/*: Value */ => {
        if (depth > 200) fail("nested deeper than 200 levels");
        if (take("{")) {
            const names = new Set/*:: <string> */();
            let map/*: Event */ = {};
            if (take("}")) return map;
            do {
                match(SPACE_Y);
                const name = string();
                if (names.has(name)) fail(`key '${name}' is there twice`);
                names.add(name);
                want(":");
                const value = read(depth + 1);
                if (name === "__proto__") map = withMember(map, name, value);
                else map[name] = value;
            } while (take(","));
            want("}");
            return map;
        }
        if (take("[")) {
            const items/*: Value[] */ = [];
            if (take("]")) return items;
            do items.push(read(depth + 1));
            while (take(","));
            want("]");
            return items;
        }
        if (take("true")) return true;
        if (take("false")) return false;
        if (take("null")) return null;
        return text[at] === '"' ? string() : new Decimal(match(NUMBER_Y));
    };
    const value = read(0);
    match(SPACE_Y);
    return at === text.length ? value : fail(`not JSON at ${at}: the end is wanted`);
}

/** A JSON number of the same value. */
function toJsonNumber(text/*: string */)/*: string */ {
    if (JSON_NUMBER.test(text)) return text;
    const { n, e } = readNumber(text), digits = String(n < 0n ? -n : n), sign = n < 0n ? "-" : "";
    const point = digits.length + e;
    if (n === 0n) return "0";
    if (e >= 0 && point <= 40) return sign + digits + "0".repeat(e);
    if (e < 0 && point > 0) return sign + digits.slice(0, point) + "." + digits.slice(point);
    if (e < 0 && e >= -40) return sign + "0." + "0".repeat(-point) + digits;
    const power = point - 1;
    return sign + digits[0] + (digits.length > 1 ? "." : "") + digits.slice(1) + "E" + (power < 0 ? "" : "+") + power;
}

/** JSON with every digit; binary as base 64, sets as arrays. */
export function stringify(value/*: Value */)/*: string */ {
    if (typeof value === "string") return JSON.stringify(value).replace(/\u007f/g, "\\u007f");
    if (value === null || typeof value === "boolean") return String(value);
    if (value instanceof Decimal) return toJsonNumber(value.text);
    if (value instanceof Uint8Array) return `"${toBase64(value)}"`;
    if (Array.isArray(value)) return `[${value.map(stringify).join(",")}]`;
    if (value instanceof Set) return stringify([...value]);
    if (!isMap(value)) return fail(`a ${typeof value} is no value of an event; numbers are Decimals`);
    return `{${namesOf(value).map((name) => `${stringify(name)}:${stringify(value[name]/*:: as Value */)}`).join(",")}}`;
}

/** From DynamoDB's JSON, as GetItem and Query of the low-level client give it: `{ id: { S: "x" } }`. */
export function fromItem(item/*: any */)/*: Event */ {
    const bytes = (value/*: any */) => (typeof value === "string" ? fromBase64(value) || fail("not base 64") : value);
    const read = (attribute/*: any */)/*: Value */ => {
        const [kind] = Object.keys(attribute), content = attribute[kind];
        switch (kind) {
            case "NULL": return null;
            case "BOOL": case "S": return content;
            case "N": return new Decimal(content);
            case "B": return bytes(content);
            case "L": return content.map(read);
            case "M": return fromItem(content);
            case "SS": return new Set/*:: <string> */(content);
            case "NS": return new Set(content.map((text/*: string */) => new Decimal(text)))/*:: as Set<Decimal> */;
            case "BS": return new Set(content.map(bytes))/*:: as Set<Uint8Array> */;
            default: return fail(`'${kind}' is no type of DynamoDB`);
        }
    };
    let map/*: Event */ = {};
    for (const name of Object.keys(item)) map = withMember(map, name, read(item[name]));
    return map;
}

/** To DynamoDB's JSON, as PutItem of the low-level client takes it. */
export function toItem(event/*: Event */)/*: Record<string, any> */ {
    const scalar = (value/*: any */) => (value instanceof Decimal ? value.text : value);
    const write = (value/*: any */)/*: any */ => {
        switch (typeOf(value)) {
            case "null": return { NULL: true };
            case "boolean": return { BOOL: value };
            case "string": return { S: value };
            case "number": return { N: value.text };
            case "binary": return { B: value };
            case "list": return { L: value.map(write) };
            case "map": return { M: toItem(value) };
            case "string_set": return { SS: [...value] };
            case "number_set": return { NS: [...value].map(scalar) };
            default: return { BS: [...value] };
        }
    };
    let item/*: Event */ = {};
    for (const name of namesOf(event)) item = withMember(item, name, write(event[name]));
    return item;
}

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
    if (++scope.run.evaluations > 100000) fail("more than 100000 expressions evaluated for one event");
    return expression(scope);
}

const evaluateValue = (expression/*: Expression */, scope/*: Scope */)/*: Value */ =>
    toEvent(evaluate(expression, scope), 0);

function test(value/*: Cel */)/*: boolean */ {
    return typeof value === "boolean" ? value : fail(`a condition must be true or false, and this gave ${kindOf(value)}`);
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
    return typeof value === "string" ? old === value : (value === null || typeof value === "boolean") && old === String(value);
}

function mapValues(items/*: [Path, [string, Value][], Expression | null][] */)/*: Operator */ {
    return {
        apply(map, scope) {
            const values = items.map(([path, mappings, otherwise]) => {
                const old = get(map, path);
                if (old === undefined) return undefined;
                const found = mappings.find(([text]) => mappingMatches(text, old));
                if (found) return found[1];
                return otherwise ? evaluateValue(otherwise, scope) : fail(`'map_values' does not list what '${path.text}' holds`);
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
    return value >= 0n && value < 2n ** 31n ? Number(value) : fail(`the event's version '${attribute}' is not a whole number`);
}

function runUpcaster(operators/*: Operator[] */, event/*: Event */, to/*: number */, envelope/*: Envelope */)/*: Event[] */ {
    const value = (name/*: string */) => { const found = own(event, name); return found === undefined ? null : found; };
    const meta = new CelMap([
        ["stream", value(envelope.stream)],
        ["sequence", value(envelope.sequence)],
        ["type", value(envelope.type)],
        ["version", BigInt(versionOf(event, envelope.version))],
    ]);
    const results = runOperators(operators, 0, event, { meta, event, run: { evaluations: 0 } });
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

// --- expressions: the Common Expression Language --------------------------------------------------------------------
// An int is a bigint, a double a number, a decimal a Decimal. Data stays what it is, so that what is handed on is the
// original; lists and maps that an expression makes are CelLists and CelMaps until they are stored.

class Uint {
    /*:: readonly value: bigint; */
    constructor(value/*: bigint */) { this.value = value; }
}
class CelList {
    /*:: readonly items: Cel[]; */
    constructor(items/*: Cel[] */) { this.items = items; }
}
class CelMap {
    /*:: readonly entries: [Cel, Cel][]; */
    constructor(entries/*: [Cel, Cel][] */) { this.entries = entries; }
}
class Timestamp {
    /*:: readonly nanos: bigint; */
    constructor(nanos/*: bigint */) { this.nanos = nanos; }
}
class Duration {
    /*:: readonly nanos: bigint; */
    constructor(nanos/*: bigint */) { this.nanos = nanos; }
}
class Type {
    /*:: readonly name: string; */
    constructor(name/*: string */) { this.name = name; }
}
class Optional {
    /*:: readonly value: Cel; // undefined: empty */
    constructor(value/*: Cel */) { this.value = value; }
}

const isList = (value/*: Cel */) => value instanceof CelList || Array.isArray(value) || value instanceof Set;
const itemsOf = (value/*: Cel */)/*: Cel[] */ => (value instanceof CelList ? value.items : [...value]);
const isCelMap = (value/*: Cel */) => value instanceof CelMap || isMap(value);
const entriesOf = (value/*: Cel */)/*: [Cel, Cel][] */ =>
    value instanceof CelMap ? value.entries : namesOf(value).map((name) => [name, value[name]]);
const isNumber = (value/*: Cel */) =>
    typeof value === "bigint" || typeof value === "number" || value instanceof Uint || value instanceof Decimal;
const isExact = (value/*: Cel */) => typeof value === "bigint" || value instanceof Uint;
const wholeOf = (value/*: Cel */)/*: bigint */ => (value instanceof Uint ? value.value : value);

function kindOf(value/*: Cel */)/*: string */ {
    if (value === null) return "null_type";
    if (typeof value === "boolean") return "bool";
    if (typeof value === "bigint") return "int";
    if (value instanceof Uint) return "uint";
    if (typeof value === "number") return "double";
    if (value instanceof Decimal) return "decimal";
    if (typeof value === "string") return "string";
    if (value instanceof Uint8Array) return "bytes";
    if (isList(value)) return "list";
    if (value instanceof Timestamp) return "google.protobuf.Timestamp";
    if (value instanceof Duration) return "google.protobuf.Duration";
    if (value instanceof Type) return "type";
    return value instanceof Optional ? "optional_type" : "map";
}

function cannot(name/*: string */, ...values/*: Cel[] */)/*: never */ {
    return fail(`'${name}' cannot be applied to ${values.map(kindOf).join(" and ")}`);
}

/** What an expression gave, as a value that an item can hold. */
function toEvent(value/*: Cel */, depth/*: number */)/*: Value */ {
    const number = (text/*: string */) =>
        isStorable(text) ? new Decimal(text) : fail("the result is a number of more than 38 digits or out of range");
    if (value instanceof Decimal) return value.isComputed ? number(value.text) : value;
    if (isExact(value)) return number(String(wholeOf(value)));
    if (typeof value === "number") return number(storedDouble(value));
    if (depth > 32) fail("the result nests deeper than an item can");
    if (value instanceof CelList) return value.items.map((item) => toEvent(item, depth + 1));
    if (value instanceof CelMap) {
        return value.entries.reduce((map/*: Event */, [key, item]) => typeof key === "string"
            ? withMember(map, key, toEvent(item, depth + 1))
            : fail("the result is a map with a key that is not a string"), {});
    }
    if (value instanceof Timestamp || value instanceof Duration || value instanceof Type || value instanceof Optional)
        return fail(`the result is a ${kindOf(value)}, which cannot be stored`);
    return value;
}

// --- numbers

const INT_MIN = -(2n ** 63n), INT_MAX = 2n ** 63n - 1n, UINT_MAX = 2n ** 64n - 1n;

/** At most 38 digits, with the places that were written: { n: 150n, e: -2 } for 1.50. undefined when there are more. */
function keep(n/*: bigint */, e/*: number */)/*: Number10 | undefined */ {
    while (digitCount(n) > 38 && n % 10n === 0n) {
        n /= 10n;
        e++;
    }
    return digitCount(n) > 38 || Math.abs(e) > 1000000 ? undefined : { n, e };
}

function readDecimal(text/*: string */)/*: Number10 | undefined */ {
    if (!JSON_NUMBER.test(text)) return undefined;
    const [mantissa, exponent = "0"] = text.toLowerCase().split("e");
    const [whole, fraction = ""] = mantissa.split("."), power = Number(exponent);
    if (Math.abs(power) > 1000000) return undefined;
    const n = BigInt(whole + fraction), e = power - fraction.length;
    return keep(n, n === 0n ? Math.min(e, 0) : e);
}

function printDecimal({ n, e }/*: Number10 */)/*: Decimal */ {
    const digits = n === 0n ? "" : String(n < 0n ? -n : n), power = digits.length + e - 1, sign = n < 0n ? "-" : "";
    const plain = e <= 0 ? power >= -7 && e >= -38 : power < 38;
    if (n === 0n) return new Decimal(e < 0 && e >= -38 ? "0." + "0".repeat(-e) : "0", true);
    if (!plain) {
        const rest = digits.slice(1);
        return new Decimal(`${sign}${digits[0]}${rest ? "." : ""}${rest}e${power < 0 ? "-" : "+"}${Math.abs(power)}`, true);
    }
    if (e >= 0) return new Decimal(sign + digits + "0".repeat(e), true);
    const padded = digits.padStart(1 - e, "0");
    return new Decimal(`${sign}${padded.slice(0, e)}.${padded.slice(e)}`, true);
}

/** The exact value of a finite double. */
function exactDouble(value/*: number */)/*: Number10 */ {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    const bits = view.getBigUint64(0), biased = Number((bits >> 52n) & 2047n), fraction = bits & (2n ** 52n - 1n);
    const power = (biased || 1) - 1075;
    let n = biased ? fraction | (2n ** 52n) : fraction, e = power < 0 ? power : 0;
    n *= power < 0 ? 5n ** BigInt(-power) : 2n ** BigInt(power);
    if (n === 0n) return { n, e: 0 };
    while (n % 10n === 0n) {
        n /= 10n;
        e++;
    }
    return { n: value < 0 ? -n : n, e };
}

/** The fewest digits, from `first` on, that read back as the same double, with the power of ten of the first. */
function shortest(value/*: number */, first/*: number */)/*: { digits: string; power: number } */ {
    let text = "";
    for (let places = first - 1; places <= 16; places++) {
        text = Math.abs(value).toExponential(places);
        if (Number(text) === Math.abs(value)) break;
    }
    const [mantissa, power] = text.split("e");
    return { digits: mantissa.replace(".", "").replace(/(?!^)0+$/, ""), power: Number(power) };
}

/** As C's %.17g writes it. */
function storedDouble(value/*: number */)/*: string */ {
    if (!Number.isFinite(value)) return fail("the result is not a finite number");
    const sign = value < 0 || Object.is(value, -0) ? "-" : "";
    if (value === 0) return sign + "0";
    let places = 15;
    while (places < 17 && Number(value.toExponential(places - 1)) !== value) places++;
    const { digits, power } = shortest(value, 15);
    if (power < -4 || power >= places) {
        const rest = digits.slice(1);
        return `${sign}${digits[0]}${rest ? "." : ""}${rest}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
    }
    if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
    const padded = digits.padEnd(power + 1, "0"), rest = padded.slice(power + 1);
    return sign + padded.slice(0, power + 1) + (rest ? "." + rest : "");
}

function printDouble(value/*: number */)/*: string */ {
    if (!Number.isFinite(value)) return String(value);
    const sign = value < 0 || Object.is(value, -0) ? "-" : "";
    if (value === 0) return sign + "0";
    const { digits, power } = shortest(value, Math.abs(value) < 2.2250738585072014e-308 ? 1 : 15);
    if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
    const padded = digits.padEnd(power + 1, "0"), rest = padded.slice(power + 1);
    return sign + padded.slice(0, power + 1) + (rest ? "." + rest : "");
}

function operand(value/*: Cel */)/*: Number10 */ {
    if (isExact(value)) return { n: wholeOf(value), e: 0 };
    if (typeof value === "number") {
        const exact = Number.isFinite(value) ? exactDouble(value) : { n: 0n, e: NaN };
        return Number.isNaN(exact.e) || digitCount(exact.n) > 38
            ? fail("the double is no exact decimal of at most 38 digits") : exact;
    }
    return readDecimal(value.text) || fail("the decimal has more than 38 digits");
}

function operateDecimal(name/*: string */, left/*: Cel */, right/*: Cel */)/*: Decimal */ {
    const a = operand(left), b = operand(right);
    const e = Math.min(a.e, b.e), shift = (x/*: Number10 */) => x.n * 10n ** BigInt(x.e - e);
    const isWhole = (x/*: Number10 */) => x.e >= 0 || x.n % 10n ** BigInt(Math.min(-x.e, 40)) === 0n;
    const wholePart = (x/*: Number10 */) => (x.e >= 0 ? x.n * 10n ** BigInt(x.e) : x.n / 10n ** BigInt(-x.e));
    let result/*: Number10 | undefined */;
    if (name === "-") b.n = -b.n;
    if ((name === "/" || name === "%") && b.n === 0n) fail("division by zero");
    if (name === "+" || name === "-") {
        if (a.n === 0n || b.n === 0n) {
            const value = a.n === 0n ? b : a;
            result = value.e - e + digitCount(value.n) > 38 ? value : keep(shift(value), e);
        } else if (digitCount(a.n) + a.e - e <= 77 && digitCount(b.n) + b.e - e <= 77) {
            result = keep(shift(a) + shift(b), e);
        }
    } else if (name === "*") {
        result = keep(a.n * b.n, a.e + b.e);
    } else if (name === "/") {
        let quotient = a.n / b.n, rest = a.n % b.n, power = a.e - b.e;
        for (; rest !== 0n && digitCount(quotient) <= 38; power--) {
            quotient = quotient * 10n + (rest * 10n) / b.n;
            rest = (rest * 10n) % b.n;
        }
        result = rest === 0n ? keep(quotient, power) : undefined;
    } else {
        if (!isWhole(a) || !isWhole(b)) fail("'%' takes whole numbers");
        if (digitCount(a.n) + a.e <= 380 && digitCount(b.n) + b.e <= 38) result = keep(wholePart(a) % wholePart(b), 0);
    }
    return printDecimal(result || fail(`the exact result of '${name}' has more than 38 digits`));
}

function operateWhole(name/*: string */, a/*: bigint */, b/*: bigint */)/*: bigint */ {
    if ((name === "/" || name === "%") && b === 0n) fail("division by zero");
    switch (name) {
        case "+": return a + b;
        case "-": return a - b;
        case "*": return a * b;
        case "/": return a / b;
        default: return a === INT_MIN && b === -1n ? fail("'%' overflows int") : a % b;
    }
}

const checkInt = (value/*: bigint */) => (value < INT_MIN || value > INT_MAX ? fail("the result overflows int") : value);
const checkUint = (value/*: bigint */) =>
    (value < 0n || value > UINT_MAX ? fail("the result overflows uint") : new Uint(value));

const NANOS = 1000000000n, TIMESTAMP_MIN = -62135596800n, TIMESTAMP_MAX = 253402300799n;
const floorDivide = (a/*: bigint */, b/*: bigint */) => (a - (((a % b) + b) % b)) / b;

function makeTimestamp(nanos/*: bigint */)/*: Timestamp */ {
    const seconds = floorDivide(nanos, NANOS);
    return seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX ? fail("timestamps have years 1 to 9999") : new Timestamp(nanos);
}

function makeDuration(nanos/*: bigint */)/*: Duration */ {
    return nanos < INT_MIN || nanos > INT_MAX ? fail("durations have at most 292 years") : new Duration(nanos);
}

function arithmetic(name/*: string */, a/*: Cel */, b/*: Cel */)/*: Cel */ {
    if (isNumber(a) && isNumber(b)) {
        if (a instanceof Decimal || b instanceof Decimal) return operateDecimal(name, a, b);
        if (typeof a === "bigint" && typeof b === "bigint") return checkInt(operateWhole(name, a, b));
        if (a instanceof Uint && b instanceof Uint) return checkUint(operateWhole(name, a.value, b.value));
        if (typeof a !== "number" || typeof b !== "number" || name === "%") return cannot(name, a, b);
        return name === "+" ? a + b : name === "-" ? a - b : name === "*" ? a * b : a / b;
    }
    if (name === "+") {
        if (typeof a === "string" && typeof b === "string") return a + b;
        if (a instanceof Uint8Array && b instanceof Uint8Array) return Uint8Array.from([...a, ...b]);
        if (isList(a) && isList(b)) return new CelList([...itemsOf(a), ...itemsOf(b)]);
        if (a instanceof Duration && b instanceof Timestamp) return makeTimestamp(a.nanos + b.nanos);
    }
    if (name === "+" || name === "-") {
        if (a instanceof Timestamp && b instanceof Timestamp && name === "-") return makeDuration(a.nanos - b.nanos);
        if (b instanceof Duration && (a instanceof Timestamp || a instanceof Duration)) {
            const nanos = name === "+" ? a.nanos + b.nanos : a.nanos - b.nanos;
            return a instanceof Timestamp ? makeTimestamp(nanos) : makeDuration(nanos);
        }
    }
    return cannot(name, a, b);
}

const add = (a/*: Cel */, b/*: Cel */)/*: Cel */ => arithmetic("+", a, b);
const subtract = (a/*: Cel */, b/*: Cel */)/*: Cel */ => arithmetic("-", a, b);
const multiply = (a/*: Cel */, b/*: Cel */)/*: Cel */ => arithmetic("*", a, b);
const divide = (a/*: Cel */, b/*: Cel */)/*: Cel */ => arithmetic("/", a, b);
const modulo = (a/*: Cel */, b/*: Cel */)/*: Cel */ => arithmetic("%", a, b);

function negate(value/*: Cel */)/*: Cel */ {
    if (typeof value === "bigint") return checkInt(-value);
    if (typeof value === "number") return -value;
    if (!(value instanceof Decimal)) return cannot("-", value);
    const { n, e } = operand(value);
    return printDecimal({ n: -n, e });
}

/** -1, 0, 1; NaN where there is no order. */
function orderNumbers(a/*: Cel */, b/*: Cel */)/*: number */ {
    const exact = (value/*: Cel */)/*: Number10 | undefined */ => {
        if (isExact(value)) return { n: wholeOf(value), e: 0 };
        if (typeof value === "number") return exactDouble(value);
        const power = Number((/[eE]([-+]?[0-9]+)$/.exec(value.text) || ["", "0"])[1]);
        return JSON_NUMBER.test(value.text) && Math.abs(power) <= 1000000 ? readNumber(value.text) : undefined;
    };
    if (a instanceof Decimal || b instanceof Decimal) {
        if (Number.isNaN(a) || Number.isNaN(b)) return NaN;
        if (a === Infinity || b === -Infinity) return 1;
        if (a === -Infinity || b === Infinity) return -1;
        const x = exact(a), y = exact(b);
        return x && y ? compareNumbers(x, y) : NaN;
    }
    if (typeof a === "number" || typeof b === "number") {
        const x = Number(wholeOf(a)), y = Number(wholeOf(b));
        return x < y ? -1 : x > y ? 1 : x === y ? 0 : NaN;
    }
    return wholeOf(a) < wholeOf(b) ? -1 : wholeOf(a) > wholeOf(b) ? 1 : 0;
}

/** By code points, as bytes of UTF-8 have it. */
function orderTexts(a/*: string */, b/*: string */)/*: number */ {
    let at = 0;
    while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
    if (at === a.length || at === b.length) return Math.sign(a.length - b.length);
    return Number(a.codePointAt(at)) < Number(b.codePointAt(at)) ? -1 : 1;
}

function orderBytes(a/*: Uint8Array */, b/*: Uint8Array */)/*: number */ {
    const at = a.findIndex((byte, i) => byte !== b[i]);
    if (at < 0 || at >= b.length) return Math.sign(a.length - b.length);
    return a[at] < b[at] ? -1 : 1;
}

function order(name/*: string */, a/*: Cel */, b/*: Cel */)/*: number */ {
    if (isNumber(a) && isNumber(b)) return orderNumbers(a, b);
    if (typeof a === "string" && typeof b === "string") return orderTexts(a, b);
    if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
    if (a instanceof Uint8Array && b instanceof Uint8Array) return orderBytes(a, b);
    if ((a instanceof Timestamp && b instanceof Timestamp) || (a instanceof Duration && b instanceof Duration))
        return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
    return cannot(name, a, b);
}

const less = (a/*: Cel */, b/*: Cel */) => order("<", a, b) < 0;
const lessEqual = (a/*: Cel */, b/*: Cel */) => order("<=", a, b) <= 0;
const greater = (a/*: Cel */, b/*: Cel */) => order(">", a, b) > 0;
const greaterEqual = (a/*: Cel */, b/*: Cel */) => order(">=", a, b) >= 0;

function lookup(map/*: Cel */, key/*: Cel */)/*: Cel */ {
    if (typeof key === "string" && !(map instanceof CelMap)) return own(map, key);
    const found = entriesOf(map).find(([other]) => equal(key, other));
    return found && found[1];
}

function equal(a/*: Cel */, b/*: Cel */)/*: boolean */ {
    if (isNumber(a) && isNumber(b))
        return (a instanceof Decimal && b instanceof Decimal && a.text === b.text) || orderNumbers(a, b) === 0;
    if (kindOf(a) !== kindOf(b)) return false;
    if (a instanceof Uint8Array) return orderBytes(a, b) === 0;
    if (isList(a)) {
        const x = itemsOf(a), y = itemsOf(b);
        return x.length === y.length && x.every((item, i) => equal(item, y[i]));
    }
    if (a instanceof Timestamp || a instanceof Duration) return a.nanos === b.nanos;
    if (a instanceof Type) return a.name === b.name;
    if (a instanceof Optional)
        return a.value === undefined || b.value === undefined ? a.value === b.value : equal(a.value, b.value);
    if (!isCelMap(a)) return a === b;
    const entries = entriesOf(a);
    return entries.length === entriesOf(b).length && entries.every(([key, value]) => {
        const other = lookup(b, key);
        return other !== undefined && equal(value, other);
    });
}

const notEqual = (a/*: Cel */, b/*: Cel */) => !equal(a, b);

function isIn(item/*: Cel */, range/*: Cel */)/*: boolean */ {
    if (isCelMap(range)) return lookup(range, item) !== undefined;
    return isList(range) ? itemsOf(range).some((other) => equal(item, other)) : cannot("in", item, range);
}

// --- logic, access, macros

function not(value/*: Cel */)/*: boolean */ {
    return typeof value === "boolean" ? !value : cannot("!", value);
}

/** && and ||: an operand that decides absorbs the failures of the others. */
function decide(deciding/*: boolean */, operands/*: (() => Cel)[] */)/*: boolean */ {
    let failure/*: unknown */;
    for (const run of operands) {
        try {
            const value = run();
            if (typeof value !== "boolean") cannot(deciding ? "||" : "&&", value);
            if (value === deciding) return deciding;
        } catch (error) {
            if (!(error instanceof UpcastError)) throw error;
            failure = failure || error;
        }
    }
    if (failure) throw failure;
    return !deciding;
}

const and = (...operands/*: (() => Cel)[] */) => decide(false, operands);
const or = (...operands/*: (() => Cel)[] */) => decide(true, operands);

function position(key/*: Cel */)/*: number */ {
    if (isExact(key)) return Number(wholeOf(key));
    if (typeof key === "number" && Number.isInteger(key) && Math.abs(key) <= 9e15) return key;
    const number = key instanceof Decimal ? readDecimal(key.text) : undefined;
    if (!number) return fail(`a list cannot be indexed with this ${kindOf(key)}`);
    const { n, e } = readNumber(String(key));
    return e >= 0 && e <= 20 ? Number(n * 10n ** BigInt(e)) : fail("a list cannot be indexed with this decimal");
}

function find(operand/*: Cel */, key/*: Cel */)/*: Cel */ {
    if (isList(operand)) return itemsOf(operand)[position(key)];
    if (!isCelMap(operand)) return fail(`${kindOf(operand)} cannot be indexed`);
    if (typeof key !== "string" && typeof key !== "boolean" && !isNumber(key)) fail(`${kindOf(key)} cannot be the key of a map`);
    return lookup(operand, key);
}

function at(operand/*: Cel */, key/*: Cel */, isOptional = false)/*: Cel */ {
    const inner = operand instanceof Optional ? operand.value : operand;
    const found = inner === undefined ? undefined : find(inner, key);
    if (isOptional || operand instanceof Optional) return new Optional(found);
    return found === undefined ? fail(typeof key === "string" ? `there is no field '${key}'` : "there is no such element") : found;
}

function select(operand/*: Cel */, name/*: string */, isOptional = false)/*: Cel */ {
    const inner = operand instanceof Optional ? operand.value : operand;
    if (inner !== undefined && !isCelMap(inner)) fail(`${kindOf(inner)} has no field '${name}'`);
    return at(operand, name, isOptional);
}

function has(operand/*: Cel */, name/*: string */)/*: boolean */ {
    return select(operand, name, true).value !== undefined;
}

/** The elements that an optional entry of a list gives. */
function given(value/*: Cel */)/*: Cel[] */ {
    if (!(value instanceof Optional)) return fail(`'?' takes an optional here, not ${kindOf(value)}`);
    return value.value === undefined ? [] : [value.value];
}

function makeMap(entries/*: [Cel, Cel, boolean?][] */)/*: CelMap */ {
    const map = new CelMap([]);
    for (const [key, value, isOptional] of entries) {
        if (typeof key !== "string" && typeof key !== "boolean" && !isExact(key)) fail(`${kindOf(key)} cannot be the key of a map`);
        if (lookup(map, key) !== undefined) fail("the map has the same key twice");
        for (const item of isOptional ? given(value) : [value]) map.entries.push([key, item]);
    }
    return map;
}

/** Pairs for a macro of two variables: index and element, or key and value. */
function pairsOf(range/*: Cel */, ordered/*: boolean */)/*: [Cel, Cel][] */ {
    if (isList(range)) return itemsOf(range).map((item, i) => [BigInt(i), item]);
    if (!isCelMap(range)) return fail(`a macro goes over lists and maps, not ${kindOf(range)}`);
    const entries = entriesOf(range);
    if (ordered && isMap(range) && entries.length > 1 && entries.some(([key]) => /^(0|[1-9][0-9]{0,9})$/.test(key)))
        fail("JavaScript does not keep the order of names that are numbers, so this map has none to go by");
    return entries;
}

/** What a macro hands to its functions, for one element. */
function variables(range/*: Cel */, [key, value]/*: [Cel, Cel] */, count/*: number */)/*: Cel[] */ {
    return count === 2 ? [key, value] : [isList(range) ? value : key];
}

/*:: type Step = (...values: Cel[]) => Cel; */

function quantify(deciding/*: boolean */, range/*: Cel */, count/*: number */, condition/*: Step */)/*: boolean */ {
    return decide(deciding, pairsOf(range, false).map((pair) => () => condition(...variables(range, pair, count))));
}

function select2(range/*: Cel */, count/*: number */, condition/*: Step | null */, ordered/*: boolean */)/*: [Cel, Cel][] */ {
    const holds = (value/*: Cel */) => (typeof value === "boolean" ? value : fail("the condition of a macro is a bool"));
    return pairsOf(range, ordered).filter((pair) => !condition || holds(condition(...variables(range, pair, count))));
}

const all = (range/*: Cel */, count/*: number */, condition/*: Step */) => quantify(false, range, count, condition);
const exists = (range/*: Cel */, count/*: number */, condition/*: Step */) => quantify(true, range, count, condition);
const existsOne = (range/*: Cel */, count/*: number */, condition/*: Step */) =>
    select2(range, count, condition, false).length === 1;
const filter = (range/*: Cel */, count/*: number */, condition/*: Step */) =>
    new CelList(select2(range, count, condition, true).map((pair) => variables(range, pair, 1)[0]));

/** Condition and result by turns, as the first failure counts. */
function transform(range/*: Cel */, count/*: number */, condition/*: Step | null */, result/*: Step */, ordered/*: boolean */) {
    const made/*: [Cel, Cel][] */ = [];
    for (const pair of pairsOf(range, ordered)) {
        const values = variables(range, pair, count);
        if (condition && !test(condition(...values))) continue;
        made.push([pair[0], result(...values)]);
    }
    return made;
}

const mapList = (range/*: Cel */, count/*: number */, condition/*: Step | null */, result/*: Step */) =>
    new CelList(transform(range, count, condition, result, true).map(([, value]) => value));
const mapMap = (range/*: Cel */, count/*: number */, condition/*: Step | null */, result/*: Step */) =>
    new CelMap(transform(range, count, condition, result, false));

function optional(value/*: Cel */, name/*: string */)/*: Optional */ {
    return value instanceof Optional ? value : fail(`${name}() is for optionals, not ${kindOf(value)}`);
}

function optMap(value/*: Cel */, step/*: Step */)/*: Optional */ {
    const { value: inner } = optional(value, "optMap");
    return inner === undefined ? value : new Optional(step(inner));
}

function optFlatMap(value/*: Cel */, step/*: Step */)/*: Optional */ {
    const { value: inner } = optional(value, "optFlatMap");
    return inner === undefined ? value : optional(step(inner), "optFlatMap");
}

function optOr(value/*: Cel */, other/*: () => Cel */)/*: Optional */ {
    return optional(value, "or").value === undefined ? optional(other(), "or") : value;
}

function optOrValue(value/*: Cel */, other/*: () => Cel */)/*: Cel */ {
    const { value: inner } = optional(value, "orValue");
    return inner === undefined ? other() : inner;
}

// --- functions

const charsOf = (text/*: string */) => [...text];

/** The place of a character, counted in characters, counted in UTF-16. */
function offsetOf(text/*: string */, index/*: Cel */)/*: number */ {
    const chars = charsOf(text);
    if (index < 0n || index > BigInt(chars.length)) fail(`the position ${index} is outside the string of ${chars.length} characters`);
    return chars.slice(0, Number(index)).join("").length;
}

const indexAt = (text/*: string */, offset/*: number */) =>
    (offset < 0 ? -1n : BigInt(charsOf(text.slice(0, offset)).length));

const WHITE = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const TRIM = new RegExp(`^${WHITE}|${WHITE}$`, "g");

function replaceText(text/*: string */, old/*: string */, by/*: string */, limit/*: bigint */)/*: string */ {
    let left = limit;
    if (old === "") {
        return ["", ...charsOf(text)].reduce((made, char) => made + char + (left-- !== 0n ? by : ((left = 0n), "")), "");
    }
    let made = "", from = 0;
    for (let found = text.indexOf(old); left !== 0n && found >= 0; found = text.indexOf(old, from), left--) {
        made += text.slice(from, found) + by;
        from = found + old.length;
    }
    return made + text.slice(from);
}

function splitText(text/*: string */, separator/*: string */, limit/*: bigint */)/*: CelList */ {
    if (limit === 0n || (text === "" && separator === "")) return new CelList([]);
    const parts = separator === "" ? charsOf(text) : text.split(separator);
    if (limit < 0n || BigInt(parts.length) <= limit) return new CelList(parts);
    const kept = Number(limit) - 1;
    return new CelList([...parts.slice(0, kept), parts.slice(kept).join(separator)]);
}

const TIMESTAMP = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([-+])([0-9]{2}):([0-9]{2}))$/;

function readTimestamp(text/*: string */)/*: Timestamp */ {
    const parts = TIMESTAMP.exec(text), bad = "the string is no timestamp (RFC 3339, years 1 to 9999)";
    if (!parts) return fail(bad);
    const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    date.setUTCHours(hour, minute, second);
    if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) fail(bad);
    const [zoneHour, zoneMinute] = [Number(parts[9] || 0), Number(parts[10] || 0)];
    if (zoneHour > 23 || zoneMinute > 59) fail(bad);
    const offset = BigInt((parts[8] === "-" ? -1 : 1) * (zoneHour * 3600 + zoneMinute * 60));
    const nanos = BigInt((parts[7] || "").padEnd(9, "0"));
    return makeTimestamp((BigInt(date.getTime()) / 1000n - offset) * NANOS + nanos);
}

const UNITS/*: Record<string, bigint> */ = {
    ns: 1n, us: 1000n, "µs": 1000n, ms: 1000000n, s: NANOS, m: 60n * NANOS, h: 3600n * NANOS,
};

function readDuration(text/*: string */)/*: Duration */ {
    const bad = "the string is no duration of at most 292 years", body = text.replace(/^[-+]/, "");
    if (body === "0") return new Duration(0n);
    if (!/^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+$/.test(body)) return fail(bad);
    let total = 0n;
    for (const [, number, unit] of body.matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h)/g)) {
        const [whole, fraction = ""] = number.split("."), places = fraction.slice(0, 15);
        total += BigInt(whole || 0) * UNITS[unit] + (BigInt(places || 0) * UNITS[unit]) / 10n ** BigInt(places.length);
    }
    if (total > (text.startsWith("-") ? INT_MAX + 1n : INT_MAX)) fail(bad);
    return new Duration(text.startsWith("-") ? -total : total);
}

const fractionOf = (nanos/*: bigint */) => (nanos === 0n ? "" : "." + String(nanos).padStart(9, "0").replace(/0+$/, ""));

function printTimestamp({ nanos }/*: Timestamp */)/*: string */ {
    const seconds = floorDivide(nanos, NANOS);
    return new Date(Number(seconds) * 1000).toISOString().slice(0, 19) + fractionOf(nanos - seconds * NANOS) + "Z";
}

function printDuration({ nanos }/*: Duration */)/*: string */ {
    const size = nanos < 0n ? -nanos : nanos;
    return `${nanos < 0n ? "-" : ""}${size / NANOS}${fractionOf(size % NANOS)}s`;
}

/** The calendar at a timestamp, in a zone of fixed offset. */
function calendar(timestamp/*: Timestamp */, zone = "")/*: Date */ {
    const parts = /^([-+]?)([0-9]{1,2}):([0-9]{2})$/.exec(zone);
    let offset = 0;
    if (parts && Number(parts[2]) <= 23 && Number(parts[3]) <= 59)
        offset = (parts[1] === "-" ? -1 : 1) * (Number(parts[2]) * 3600 + Number(parts[3]) * 60);
    else if (zone !== "" && zone !== "UTC" && zone !== "Z") fail("the time zone is not known");
    return new Date((Number(floorDivide(timestamp.nanos, NANOS)) + offset) * 1000);
}

const ofDate = (name/*: string */, part/*: (date: Date) => number */) => (value/*: Cel */, zone/*: Cel */ = "") =>
    value instanceof Timestamp && typeof zone === "string" ? BigInt(part(calendar(value, zone))) : cannot(name, value);

/** Of a duration the whole of it in that unit, of a timestamp the part of the clock. */
const ofClock = (name/*: string */, unit/*: bigint */, part/*: (date: Date) => number */) =>
    (value/*: Cel */, zone/*: Cel */ = undefined) =>
        value instanceof Duration && zone === undefined ? value.nanos / NANOS / unit : ofDate(name, part)(value, zone);

function toInt(value/*: Cel */)/*: bigint */ {
    if (typeof value === "bigint") return value;
    if (value instanceof Uint) return checkInt(value.value);
    if (typeof value === "number")
        return value > -(2 ** 63) && value < 2 ** 63 ? BigInt(Math.trunc(value)) : fail("the value is out of the range of int");
    if (value instanceof Decimal) return checkInt(truncated(operand(value)));
    if (value instanceof Timestamp) return floorDivide(value.nanos, NANOS);
    if (typeof value !== "string") return cannot("int", value);
    return /^-?[0-9]+$/.test(value) ? checkInt(BigInt(value)) : fail("the string is no int of 64 bits");
}

function truncated({ n, e }/*: Number10 */)/*: bigint */ {
    if (digitCount(n) + e > 20) fail("the value is out of range");
    return e >= 0 ? n * 10n ** BigInt(e) : digitCount(n) + e <= 0 ? 0n : n / 10n ** BigInt(-e);
}

function toUint(value/*: Cel */)/*: Uint */ {
    if (value instanceof Uint) return value;
    if (typeof value === "bigint") return checkUint(value);
    if (typeof value === "number")
        return value > -1 && value < 2 ** 64 ? new Uint(BigInt(Math.trunc(value))) : fail("the value is out of the range of uint");
    if (value instanceof Decimal) return checkUint(truncated(operand(value)));
    if (typeof value !== "string") return cannot("uint", value);
    return /^[0-9]+$/.test(value) ? checkUint(BigInt(value)) : fail("the string is no uint of 64 bits");
}

function toDouble(value/*: Cel */)/*: number */ {
    if (typeof value === "number") return value;
    if (isExact(value)) return Number(wholeOf(value));
    const text = value instanceof Decimal ? value.text : value;
    if (typeof text !== "string") return cannot("double", value);
    if (/^[-+]?inf(?:inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
    if (/^nan$/i.test(text)) return NaN;
    const number = NUMBER.test(text) ? Number(text) : Infinity;
    return Number.isFinite(number) ? number : fail("the value is no double");
}

function toDecimal(value/*: Cel */)/*: Decimal */ {
    if (value instanceof Decimal) return value;
    if (typeof value === "string") return printDecimal(readDecimal(value) || fail("the string is no decimal of at most 38 digits"));
    return isNumber(value) ? printDecimal(operand(value)) : cannot("decimal", value);
}

function decode(bytes/*: Uint8Array */)/*: string */ {
    try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        return fail("the bytes are no UTF-8");
    }
}

function toText(value/*: Cel */)/*: string */ {
    if (typeof value === "string") return value;
    if (typeof value === "boolean" || typeof value === "bigint") return String(value);
    if (value instanceof Uint) return String(value.value);
    if (typeof value === "number") return printDouble(value);
    if (value instanceof Decimal) return value.text;
    if (value instanceof Timestamp) return printTimestamp(value);
    if (value instanceof Duration) return printDuration(value);
    return value instanceof Uint8Array ? decode(value) : cannot("string", value);
}

function toBool(value/*: Cel */)/*: boolean */ {
    if (typeof value === "boolean") return value;
    if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
    if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
    return typeof value === "string" ? fail("the string is no bool") : cannot("bool", value);
}

function toTimestamp(value/*: Cel */)/*: Timestamp */ {
    if (value instanceof Timestamp) return value;
    if (typeof value === "bigint") return makeTimestamp(value * NANOS);
    if (typeof value === "string") return readTimestamp(value);
    if (!(value instanceof Decimal)) return cannot("timestamp", value);
    const { n, e } = operand(value), scaled = { n: n * NANOS, e };
    const whole = truncated({ n, e }) * NANOS;
    if (e >= 0) return makeTimestamp(whole);
    return e >= -60 && scaled.n % 10n ** BigInt(-e) === 0n ? makeTimestamp(scaled.n / 10n ** BigInt(-e))
        : n === 0n ? makeTimestamp(0n) : fail("the number of seconds has more than nine places");
}

function sizeOf(value/*: Cel */)/*: bigint */ {
    if (typeof value === "string") return BigInt(charsOf(value).length);
    if (value instanceof Uint8Array) return BigInt(value.length);
    if (isList(value)) return BigInt(itemsOf(value).length);
    return isCelMap(value) ? BigInt(entriesOf(value).length) : cannot("size", value);
}

function isZero(value/*: Cel */)/*: boolean */ {
    if (value === null) return true;
    if (isNumber(value)) return orderNumbers(value, 0n) === 0;
    if (typeof value === "boolean") return !value;
    if (typeof value === "string" || value instanceof Uint8Array) return value.length === 0;
    if (value instanceof Duration) return value.nanos === 0n;
    if (value instanceof Optional) return value.value === undefined;
    return isList(value) || isCelMap(value) ? sizeOf(value) === 0n : false;
}

function decodeBase64(text/*: string */)/*: Uint8Array */ {
    const digits = text.replace(/={1,2}$/, "");
    const isPaddedWrong = digits.length !== text.length && digits.length > 0 && text.length % 4 !== 0;
    return (digits.length % 4 === 1 || isPaddedWrong ? undefined : fromDigits(digits)) || fail("the string is no base64");
}

function extremum(wanted/*: number */, value/*: Cel */)/*: Cel */ {
    if (isNumber(value)) return value;
    const items = isList(value) ? itemsOf(value) : cannot("math", value);
    if (items.length === 0) fail("the list is empty");
    return items.reduce((best, item) =>
        !isNumber(item) ? cannot("math", item) : best === undefined || orderNumbers(item, best) === wanted ? item : best, undefined);
}

function round(value/*: Cel */, ofDouble/*: (x: number) => number */, step/*: (fraction: bigint, unit: bigint) => bigint */)/*: Cel */ {
    if (typeof value === "number") return ofDouble(value);
    if (!(value instanceof Decimal)) return cannot("math", value);
    const { n, e } = operand(value);
    if (e >= 0) return value;
    const unit = 10n ** BigInt(Math.min(-e, 200)), whole = -e > 200 ? 0n : n / unit;
    return printDecimal({ n: n % unit === 0n ? whole : whole + step(n % unit, unit), e: 0 });
}

function bits(name/*: string */, a/*: Cel */, b/*: Cel */, make/*: (a: bigint, b: bigint) => bigint */)/*: Cel */ {
    if (typeof a === "bigint" && typeof b === "bigint") return BigInt.asIntN(64, make(BigInt.asUintN(64, a), BigInt.asUintN(64, b)));
    return a instanceof Uint && b instanceof Uint ? new Uint(BigInt.asUintN(64, make(a.value, b.value))) : cannot(name, a, b);
}

function shiftBits(name/*: string */, a/*: Cel */, places/*: Cel */, make/*: (a: bigint, b: bigint) => bigint */)/*: Cel */ {
    if (typeof places !== "bigint" || !isExact(a)) return cannot(name, a, places);
    if (places < 0n) fail("bits cannot be shifted by a negative number");
    const made = places > 63n ? 0n : make(BigInt.asUintN(64, wholeOf(a)), places);
    return a instanceof Uint ? new Uint(BigInt.asUintN(64, made)) : BigInt.asIntN(64, made);
}

/** Checks kinds by letters, as the language's table of functions has them: s string, i int, y bytes, f double. */
function typed(name/*: string */, letters/*: string */, body/*: (...args: any[]) => Cel */)/*: Step */ {
    const fits/*: Record<string, (value: Cel) => boolean> */ = {
        s: (value) => typeof value === "string",
        i: (value) => typeof value === "bigint",
        y: (value) => value instanceof Uint8Array,
        f: (value) => typeof value === "number",
    };
    return (...args) => (args.every((arg, i) => fits[letters[i]](arg)) ? body(...args) : cannot(name, ...args));
}

const absolute = (value/*: Cel */)/*: Cel */ => {
    if (typeof value === "bigint") return checkInt(value < 0n ? -value : value);
    if (typeof value === "number") return Math.abs(value);
    if (!(value instanceof Decimal)) return value instanceof Uint ? value : cannot("math.abs", value);
    const { n, e } = operand(value);
    return printDecimal({ n: n < 0n ? -n : n, e });
};

const signOf = (value/*: Cel */)/*: Cel */ => {
    if (typeof value === "number") return Number.isNaN(value) ? value : Math.sign(value) + 0;
    const sign = BigInt(isNumber(value) ? orderNumbers(value, 0n) : cannot("math.sign", value));
    return value instanceof Uint ? new Uint(sign) : value instanceof Decimal ? printDecimal({ n: sign, e: 0 }) : sign;
};

/** Halves away from zero, as C's round() has it. */
const awayFromZero = (x/*: number */) => {
    const size = Math.abs(x), whole = Math.floor(size) + (size % 1 >= 0.5 ? 1 : 0);
    return x < 0 || Object.is(x, -0) ? -whole : whole;
};

const functions/*: Record<string, Step> */ = {
    "int": toInt, "uint": toUint, "double": toDouble, "decimal": toDecimal, "string": toText, "bool": toBool,
    "bytes": (value) => (typeof value === "string" ? new TextEncoder().encode(value)
        : value instanceof Uint8Array ? value : cannot("bytes", value)),
    "timestamp": toTimestamp,
    "duration": (value) => (typeof value === "string" ? readDuration(value)
        : value instanceof Duration ? value : cannot("duration", value)),
    "dyn": (value) => value,
    "type": (value) => new Type(kindOf(value)),
    "size": sizeOf, ".size": sizeOf,
    ".contains": typed("contains", "ss", (text, part) => text.includes(part)),
    ".startsWith": typed("startsWith", "ss", (text, part) => text.startsWith(part)),
    ".endsWith": typed("endsWith", "ss", (text, part) => text.endsWith(part)),
    ".charAt": typed("charAt", "si", (text, index) => charsOf(text.slice(offsetOf(text, index)))[0] || ""),
    ".indexOf": typed("indexOf", "ssi", (text, part, from = 0n) => indexAt(text, text.indexOf(part, offsetOf(text, from)))),
    ".lastIndexOf": typed("lastIndexOf", "ssi", (text, part, from) =>
        indexAt(text, text.lastIndexOf(part, from === undefined ? text.length : offsetOf(text, from)))),
    ".lowerAscii": typed("lowerAscii", "s", (text) => text.replace(/[A-Z]/g, (c/*: string */) => c.toLowerCase())),
    ".upperAscii": typed("upperAscii", "s", (text) => text.replace(/[a-z]/g, (c/*: string */) => c.toUpperCase())),
    ".replace": typed("replace", "sssi", (text, old, by, limit = -1n) => replaceText(text, old, by, limit)),
    ".split": typed("split", "ssi", (text, separator, limit = -1n) => splitText(text, separator, limit)),
    ".join": (list, separator = "") => (isList(list) && itemsOf(list).every((item) => typeof item === "string") &&
        typeof separator === "string" ? itemsOf(list).join(separator) : cannot("join", list, separator)),
    ".substring": typed("substring", "sii", (text, start, end) => {
        const from = offsetOf(text, start), to = end === undefined ? text.length : offsetOf(text, end);
        return to < from ? fail("the end of the substring is before its start") : text.slice(from, to);
    }),
    ".trim": typed("trim", "s", (text) => text.replace(TRIM, "")),
    ".reverse": typed("reverse", "s", (text) => charsOf(text).reverse().join("")),
    "strings.quote": typed("strings.quote", "s", (text) => `"${text.replace(/[\x07-\x0d"\\]/g, (c/*: string */) =>
        (c === '"' || c === "\\" ? "\\" + c : "\\" + "abtnvfr"[c.charCodeAt(0) - 7]))}"`),
    "base64.encode": typed("base64.encode", "y", toBase64),
    "base64.decode": typed("base64.decode", "s", decodeBase64),
    ".getFullYear": ofDate("getFullYear", (date) => date.getUTCFullYear()),
    ".getMonth": ofDate("getMonth", (date) => date.getUTCMonth()),
    ".getDate": ofDate("getDate", (date) => date.getUTCDate()),
    ".getDayOfMonth": ofDate("getDayOfMonth", (date) => date.getUTCDate() - 1),
    ".getDayOfWeek": ofDate("getDayOfWeek", (date) => date.getUTCDay()),
    ".getDayOfYear": ofDate("getDayOfYear", (date) => {
        const start = new Date(date.getTime());
        start.setUTCMonth(0, 1);
        return Math.round((date.getTime() - start.getTime()) / 86400000);
    }),
    ".getHours": ofClock("getHours", 3600n, (date) => date.getUTCHours()),
    ".getMinutes": ofClock("getMinutes", 60n, (date) => date.getUTCMinutes()),
    ".getSeconds": ofClock("getSeconds", 1n, (date) => date.getUTCSeconds()),
    ".getMilliseconds": (value, zone) => {
        if (value instanceof Duration && zone === undefined) return (value.nanos % NANOS) / 1000000n;
        ofDate("getMilliseconds", () => 0)(value, zone);
        return (value.nanos - floorDivide(value.nanos, NANOS) * NANOS) / 1000000n;
    },
    "optional.of": (value) => new Optional(value),
    "optional.ofNonZeroValue": (value) => new Optional(isZero(value) ? undefined : value),
    "optional.none": () => new Optional(undefined),
    ".hasValue": (value) => optional(value, "hasValue").value !== undefined,
    ".value": (value) => {
        const inner = optional(value, "value").value;
        return inner === undefined ? fail("the optional is empty") : inner;
    },
    "math.greatest": (value) => extremum(1, value),
    "math.least": (value) => extremum(-1, value),
    "math.abs": absolute,
    "math.sign": signOf,
    "math.ceil": (value) => round(value, Math.ceil, (rest) => (rest > 0n ? 1n : 0n)),
    "math.floor": (value) => round(value, Math.floor, (rest) => (rest < 0n ? -1n : 0n)),
    "math.round": (value) => round(value, awayFromZero, (rest, unit) =>
        (2n * rest >= unit ? 1n : 2n * rest <= -unit ? -1n : 0n)),
    "math.trunc": (value) => round(value, Math.trunc, () => 0n),
    "math.isNaN": typed("math.isNaN", "f", (value) => Number.isNaN(value)),
    "math.isInf": typed("math.isInf", "f", (value) => value === Infinity || value === -Infinity),
    "math.isFinite": typed("math.isFinite", "f", (value) => Number.isFinite(value)),
    "math.bitAnd": (a, b) => bits("math.bitAnd", a, b, (x, y) => x & y),
    "math.bitOr": (a, b) => bits("math.bitOr", a, b, (x, y) => x | y),
    "math.bitXor": (a, b) => bits("math.bitXor", a, b, (x, y) => x ^ y),
    "math.bitNot": (a) => bits("math.bitNot", a, a, (x) => ~x),
    "math.bitShiftLeft": (a, b) => shiftBits("math.bitShiftLeft", a, b, (x, y) => x << y),
    "math.bitShiftRight": (a, b) => shiftBits("math.bitShiftRight", a, b, (x, y) => x >> y),
};
