// --- values ---------------------------------------------------------------------------------------------------------
// Numbers of events are Decimals: their text is kept, 38 digits and all. Binary is a Uint8Array, sets are Sets.

/*:: export type Value = null | boolean | string | Decimal | Uint8Array | Value[] | Set<string> | Set<Decimal>
    | Set<Uint8Array> | { [name: string]: Value | undefined }; */
/*:: export type Event = { [name: string]: Value | undefined }; */
/*:: type Cel = any; // a value inside an expression */
/*:: type Scope = { meta: Cel; event: Cel; item?: Cel; run: { evaluations: number; steps: number; given: number } }; */
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

/** What is left of the work that an expression may cause: elements, and text in pieces of 64. */
let stepsLeft/*: number */ = 0;

function spend(steps/*: number */)/*: void */ {
    stepsLeft -= steps;
    if (stepsLeft < 0) fail("an expression costs more than 1000000 steps, or those of one event more than 10000000");
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

