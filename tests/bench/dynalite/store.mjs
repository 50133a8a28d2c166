// Tables in memory, for benches in which a server's own speed must not be the limit: dynalite spends about a millisecond of its
// one thread on a write under the conditions of an upgrade. Items are checked and changed as the expressions say, which are
// compiled once each; what these do not cover fails loudly.
import { createHash } from "node:crypto";

const PAGE_BYTES = 1 << 20;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const number = (value) => (value && value.N !== undefined ? Number(value.N) : NaN);

/** Text of a condition → (item, names, values) => boolean. */
function compileCondition(text) {
    const tokens = text.match(/[#:]?[A-Za-z_0-9]+|>=|[=(),]/g);
    let at = 0;
    const take = (token) => tokens[at] === token && ++at > 0;
    const need = (token) => { if (!take(token)) throw new Error(`'${token}' is wanted in '${text}'`); };
    const operand = () => {
        const token = tokens[at++];
        if (token.startsWith(":")) return (item, names, values) => values[token];
        return (item, names) => item[token.startsWith("#") ? names[token] : token];
    };
    const primary = () => {
        if (take("NOT")) { const inner = primary(); return (...all) => !inner(...all); }
        if (take("(")) { const inner = either(); need(")"); return inner; }
        const absent = tokens[at] === "attribute_not_exists";
        if (absent || tokens[at] === "attribute_exists") {
            at++; need("("); const path = operand(); need(")");
            return (...all) => (path(...all) === undefined) === absent;
        }
        const left = operand(), equal = take("=");
        if (!equal) need(">=");
        const right = operand();
        return equal ? (...all) => same(left(...all), right(...all)) : (...all) => number(left(...all)) >= number(right(...all));
    };
    const both = () => {
        let left = primary();
        while (take("AND")) { const first = left, second = primary(); left = (...all) => first(...all) && second(...all); }
        return left;
    };
    const either = () => {
        let left = both();
        while (take("OR")) { const first = left, second = both(); left = (...all) => first(...all) || second(...all); }
        return left;
    };
    const result = either();
    if (at !== tokens.length) throw new Error(`'${tokens[at]}' is not known in '${text}'`);
    return result;
}

/** "SET #a=:b,… REMOVE #c,…" → (item, names, values) => void. */
function compileUpdate(text) {
    const [, set, remove] = /^(?:SET (.+?))?(?: ?REMOVE (.+))?$/.exec(text);
    const pairs = (set ?? "").split(",").filter(Boolean).map((pair) => pair.split("="));
    const gone = (remove ?? "").split(",").filter(Boolean);
    return (item, names, values) => {
        for (const [name, value] of pairs) item[names[name]] = values[value];
        for (const name of gone) delete item[names[name]];
    };
}

const compiled = new Map();
function once(compile, text) {
    if (!compiled.has(text)) compiled.set(text, compile(text));
    return compiled.get(text);
}

class Refused extends Error {}

export class Store {
    #tables = new Map(); // name → { keys, items: Map of partitions: Map of items }

    constructor(names) { for (const name of names) this.#tables.set(name, undefined); }

    /** The answer as an object; undefined where the request is not for one of these tables. */
    answer(action, body) {
        const name = body.TableName ?? Object.keys(body.RequestItems ?? {})[0];
        if (!this.#tables.has(name)) return undefined;
        if (action === "CreateTable") {
            const keys = body.KeySchema.map((key) => key.AttributeName);
            this.#tables.set(name, { keys, items: new Map() });
            return undefined; // dynalite has it as well, for who asks about the table
        }
        const table = this.#tables.get(name), answer = this[action]?.(table, body, name);
        if (answer && body.ReturnConsumedCapacity) answer.ConsumedCapacity = { TableName: name, CapacityUnits: 1 };
        return answer;
    }

    #partition(table, key) {
        const hash = JSON.stringify(key[table.keys[0]]);
        if (!table.items.has(hash)) table.items.set(hash, new Map());
        return table.items.get(hash);
    }

    #range(table, key) { return table.keys[1] ? JSON.stringify(key[table.keys[1]]) : ""; }

    #check(body, item) {
        const { ConditionExpression: text, ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = body;
        if (text && !once(compileCondition, text)(item ?? {}, names, values)) throw new Refused();
        return [names, values];
    }

    GetItem(table, { Key }) {
        const item = this.#partition(table, Key).get(this.#range(table, Key));
        return item ? { Item: item } : {};
    }

    PutItem(table, body) {
        const partition = this.#partition(table, body.Item), range = this.#range(table, body.Item);
        this.#check(body, partition.get(range));
        partition.set(range, body.Item);
        return {};
    }

    UpdateItem(table, body) {
        const partition = this.#partition(table, body.Key), range = this.#range(table, body.Key), old = partition.get(range);
        const [names, values] = this.#check(body, old), item = { ...body.Key, ...old };
        once(compileUpdate, body.UpdateExpression)(item, names, values);
        partition.set(range, item);
        return {};
    }

    DeleteItem(table, body) {
        const partition = this.#partition(table, body.Key), range = this.#range(table, body.Key);
        this.#check(body, partition.get(range));
        partition.delete(range);
        return {};
    }

    BatchWriteItem(table, { RequestItems }, name) {
        for (const { PutRequest } of RequestItems[name]) this.PutItem(table, PutRequest);
        return { UnprocessedItems: {} };
    }

    Query(table, body) {
        const [, value] = /^[#a-zA-Z]+ = (:\w+)$/.exec(body.KeyConditionExpression);
        return this.#page(table, body, [...this.#partition(table, { [table.keys[0]]: body.ExpressionAttributeValues[value] }).values()]);
    }

    Scan(table, body) {
        const mine = [...table.items].filter(([hash]) =>
            createHash("md5").update(hash).digest().readUInt32LE() % (body.TotalSegments ?? 1) === (body.Segment ?? 0));
        return this.#page(table, body, mine.flatMap(([, partition]) => [...partition.values()]));
    }

    #page(table, body, items) {
        const { FilterExpression: text, ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = body;
        const key = (item) => Object.fromEntries(table.keys.map((name) => [name, item[name]]));
        const Items = [];
        let at = body.ExclusiveStartKey ? items.findIndex((item) => same(key(item), body.ExclusiveStartKey)) + 1 : 0, bytes = 0;
        for (; at < items.length && bytes < PAGE_BYTES && Items.length < (body.Limit ?? Infinity); at++) {
            bytes += JSON.stringify(items[at]).length;
            if (!text || once(compileCondition, text)(items[at], names, values)) Items.push(items[at]);
        }
        return { Items, Count: Items.length, ...(at < items.length ? { LastEvaluatedKey: key(items[at - 1]) } : {}) };
    }
}

export const isRefusal = (error) => error instanceof Refused;
