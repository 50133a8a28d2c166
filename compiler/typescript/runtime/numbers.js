// --- numbers of expressions ------------------------------------------------------------------------------------------

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

const checkInt = (value/*: bigint */) => (value < INT_MIN || value > INT_MAX ? fail("the result overflows int")
    : value);
const checkUint = (value/*: bigint */) =>
    (value < 0n || value > UINT_MAX ? fail("the result overflows uint") : new Uint(value));

const NANOS = 1000000000n, TIMESTAMP_MIN = -62135596800n, TIMESTAMP_MAX = 253402300799n;
const floorDivide = (a/*: bigint */, b/*: bigint */) => (a - (((a % b) + b) % b)) / b;

function makeTimestamp(nanos/*: bigint */)/*: Timestamp */ {
    const seconds = floorDivide(nanos, NANOS);
    return seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX ? fail("timestamps have years 1 to 9999")
        : new Timestamp(nanos);
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
        if ((typeof a === "string" && typeof b === "string") || (a instanceof Uint8Array && b instanceof Uint8Array)) {
            spend((a.length + b.length) / 64);
            return typeof a === "string" ? a + b : Uint8Array.from([...a, ...b]);
        }
        if (isList(a) && isList(b)) {
            const made = new CelList(itemsOf(a).concat(itemsOf(b)));
            spend(made.items.length);
            return made;
        }
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
    spend(1);
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

