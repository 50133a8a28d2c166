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
        spend((text.length + 1) * by.length / 64);
        return ["", ...charsOf(text)].reduce((made, char) => made + char + (left-- !== 0n ? by
            : ((left = 0n), "")), "");
    }
    let made = "", from = 0;
    for (let found = text.indexOf(old); left !== 0n && found >= 0; found = text.indexOf(old, from), left--) {
        spend((found - from + by.length) / 64);
        made += text.slice(from, found) + by;
        from = found + old.length;
    }
    return made + text.slice(from);
}

function joinTexts(texts/*: string[] */, separator/*: string */)/*: string */ {
    texts.forEach((text) => spend(1 + (text.length + separator.length) / 64));
    return texts.join(separator);
}

function splitText(text/*: string */, separator/*: string */, limit/*: bigint */)/*: CelList */ {
    if (limit === 0n || (text === "" && separator === "")) return new CelList([]);
    const parts = separator === "" ? charsOf(text) : text.split(separator);
    spend(parts.length);
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
    if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59
        || second > 59) fail(bad);
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

const fractionOf = (nanos/*: bigint */) => (nanos === 0n ? ""
    : "." + String(nanos).padStart(9, "0").replace(/0+$/, ""));

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
        return value > -(2 ** 63) && value < 2 ** 63 ? BigInt(Math.trunc(value))
            : fail("the value is out of the range of int");
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
        return value > -1 && value < 2 ** 64 ? new Uint(BigInt(Math.trunc(value)))
            : fail("the value is out of the range of uint");
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
    if (typeof value === "string") return printDecimal(readDecimal(value)
        || fail("the string is no decimal of at most 38 digits"));
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
    return (digits.length % 4 === 1 || isPaddedWrong ? undefined : fromDigits(digits))
        || fail("the string is no base64");
}

function extremum(wanted/*: number */, value/*: Cel */)/*: Cel */ {
    if (isNumber(value)) return value;
    const items = isList(value) ? itemsOf(value) : cannot("math", value);
    if (items.length === 0) fail("the list is empty");
    return items.reduce((best, item) =>
        !isNumber(item) ? cannot("math", item) : best === undefined || orderNumbers(item, best) === wanted ? item
            : best, undefined);
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
    return a instanceof Uint && b instanceof Uint ? new Uint(BigInt.asUintN(64, make(a.value, b.value)))
        : cannot(name, a, b);
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
    return (...args) => {
        if (!args.every((arg, i) => fits[letters[i]](arg))) cannot(name, ...args);
        args.forEach((arg) => spend((arg.length || 0) / 64));
        return body(...args);
    };
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
        typeof separator === "string" ? joinTexts(itemsOf(list), separator) : cannot("join", list, separator)),
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
