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
const itemsOf = (value/*: Cel */)/*: Cel[] */ => {
    if (value instanceof CelList) return value.items;
    if (Array.isArray(value)) return value;
    spend(value.size);
    return [...value];
};
const isCelMap = (value/*: Cel */) => value instanceof CelMap || isMap(value);
const entriesOf = (value/*: Cel */)/*: [Cel, Cel][] */ => {
    if (value instanceof CelMap) return value.entries;
    const names = namesOf(value);
    spend(names.length);
    return names.map((name) => [name, value[name]]);
};
/** Parts may be shared many times over: what is stored is paid for as a whole. */
const weigh = (value/*: any */)/*: void */ => {
    spend(1 + (typeof value === "string" ? value.length / 64 : 0));
    if (Array.isArray(value)) value.forEach(weigh);
    else if (value instanceof Set) spend(value.size);
    else if (isMap(value)) namesOf(value).forEach((name) => weigh(value[name]));
};
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
    if (value instanceof CelList) spend(value.items.length);
    if (value instanceof CelList) return value.items.map((item) => toEvent(item, depth + 1));
    if (value instanceof CelMap) {
        return value.entries.reduce((map/*: Event */, [key, item]) => typeof key === "string"
            ? withMember(map, key, toEvent(item, depth + 1))
            : fail("the result is a map with a key that is not a string"), {});
    }
    if (value instanceof Timestamp || value instanceof Duration || value instanceof Type || value instanceof Optional)
        return fail(`the result is a ${kindOf(value)}, which cannot be stored`);
    weigh(value);
    return value;
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
            if (!(error instanceof UpcastError) || stepsLeft < 0) throw error;
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
    if (typeof key !== "string" && typeof key !== "boolean"
        && !isNumber(key)) fail(`${kindOf(key)} cannot be the key of a map`);
    return lookup(operand, key);
}

function at(operand/*: Cel */, key/*: Cel */, isOptional = false)/*: Cel */ {
    const inner = operand instanceof Optional ? operand.value : operand;
    const found = inner === undefined ? undefined : find(inner, key);
    if (isOptional || operand instanceof Optional) return new Optional(found);
    return found === undefined ? fail(typeof key === "string" ? `there is no field '${key}'`
        : "there is no such element") : found;
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
        if (typeof key !== "string" && typeof key !== "boolean"
            && !isExact(key)) fail(`${kindOf(key)} cannot be the key of a map`);
        if (lookup(map, key) !== undefined) fail("the map has the same key twice");
        for (const item of isOptional ? given(value) : [value]) map.entries.push([key, item]);
    }
    return map;
}

/** Pairs for a macro of two variables: index and element, or key and value. */
function pairsOf(range/*: Cel */, ordered/*: boolean */)/*: [Cel, Cel][] */ {
    if (isList(range)) {
        const items = itemsOf(range);
        spend(items.length);
        return items.map((item, i) => [BigInt(i), item]);
    }
    if (!isCelMap(range)) return fail(`a macro goes over lists and maps, not ${kindOf(range)}`);
    const entries = entriesOf(range);
    spend(entries.length);
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

function choose(range/*: Cel */, count/*: number */, condition/*: Step | null */, ordered/*: boolean */)/*: [Cel, Cel][] */ {
    const holds = (value/*: Cel */) => (typeof value === "boolean" ? value
        : fail("the condition of a macro is a bool"));
    return pairsOf(range, ordered).filter((pair) => !condition || holds(condition(...variables(range, pair, count))));
}

const all = (range/*: Cel */, count/*: number */, condition/*: Step */) => quantify(false, range, count, condition);
const exists = (range/*: Cel */, count/*: number */, condition/*: Step */) => quantify(true, range, count, condition);
const existsOne = (range/*: Cel */, count/*: number */, condition/*: Step */) =>
    choose(range, count, condition, false).length === 1;
const filter = (range/*: Cel */, count/*: number */, condition/*: Step */) =>
    new CelList(choose(range, count, condition, true).map((pair) => variables(range, pair, 1)[0]));

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

