// Writes COUNT events of the project beside it, the same ones always: plain, or as items of DynamoDB.
//     node generate.mjs MODULE COUNT plain|items >FILE
import { pathToFileURL } from "node:url";

const { Decimal, stringify, toItem } = await import(pathToFileURL(process.argv[2]));
const count = Number(process.argv[3]), items = process.argv[4] === "items";

let seed = items ? 7 : 20240501;
const random = (limit) => Math.floor(((seed = (seed * 48271) % 2147483647) / 2147483647) * limit);
const pick = (...list) => list[random(list.length)];
const maybe = (value) => (random(3) ? value() : undefined);

const digits = (n) => Array.from({ length: n }, (_, i) => (i ? random(10) : 1 + random(9))).join("");
const number = () => new Decimal(pick(
    () => String(random(20)), () => `-${random(1000)}`, () => `${random(100)}.${digits(1 + random(3))}`, () => "0", () => "1.50",
    () => `${random(1000)}.00`, () => digits(38), () => `0.${"0".repeat(random(8))}${digits(1 + random(20))}`, () => "-0.0",
    () => `${digits(5)}e${random(30) - 15}`, () => `-${digits(18)}.${digits(20)}`, () => `1E+${random(40)}`, () => digits(19),
)());
const words = ["Ada", "King Lovelace", "Zürich", "a-b-c", "", " x ", "😀😀 ok", "\u2028", "naïve\ttab", "ﬀ\u{10ffff}z", "aXbXc", "\"q\\", "\u0001\u007f", "12", "true", "null"];
const word = () => pick(...words);
const text = () => word() + pick("", " ", "X", "😀") + word();
const list = (make, most) => Array.from({ length: random(most + 1) }, make);
const distinct = (values) => values.filter((value, i) => values.findIndex((other) => String(other) === String(value)) === i);

const make = {
    Fields: (version) => ({
        ...(version < 3 ? { qty: maybe(number), name: maybe(word), title: maybe(word), warehouse: maybe(() => pick(null, "W-1")) } : {}),
        legacy: maybe(word), city: maybe(word), "": maybe(number), "1": maybe(number), "__proto__x": maybe(word),
        address: maybe(() => ({ poBox: maybe(number), zip: maybe(word), street: maybe(word) })),
        price: maybe(() => pick(number(), String(random(1000) / 8), "007", "+5", ".5", pick("x", "1.5.5", true))),
        active: maybe(() => pick("true", "false", "false", "yes")),
        code: maybe(() => pick(number(), true, "x")),
        flag: maybe(() => pick(true, "12", new Decimal("12.0"), new Decimal("1e2"), "1.5")),
        blob: maybe(() => pick("AAEC", "", "AQ==", "AR==", "no")),
        tags: maybe(() => (items && random(2) ? new Set(["b", "a"]) : distinct(list(word, 4)))),
        numbers: maybe(() => pick(distinct(list(number, 4)), [new Decimal("1"), new Decimal("1.0")])),
        old: maybe(() => pick([new Decimal("1")], ...(items ? [new Set([new Decimal("1"), new Decimal("2.50")]), new Set([Uint8Array.of(1, 2)])] : []))),
        status: maybe(() => pick("A", "I", "else", null, true, new Decimal("1.0"), new Decimal("7"), "null")),
        kind: maybe(() => pick("x", new Decimal("1"), new Decimal("10e-1"))),
        full: maybe(() => pick(text(), "One Two Three Four", "One", new Decimal("1"))), first: random(20) ? undefined : word(),
        a: maybe(word), b: maybe(word), c: maybe(() => ({ d: maybe(word) })), joined: random(20) ? undefined : word(),
        lines: maybe(() => list(() => pick(
            () => ({ q: new Decimal(random(12)), inner: maybe(() => list(() => ({ x: number(), y: maybe(number) }), 2)) }),
            () => ({ q: number(), unit: maybe(word) }), ...(random(9) ? [] : [() => word()]))(), 4)),
        raw: items ? maybe(() => pick(Uint8Array.of(0, 255, random(256)), new Set([Uint8Array.of(1)]), new Set(["z"]))) : undefined,
    }),
    Renamed: () => ({ x: maybe(number) }),
    Split: (version) => (version < 3 ? { amount: pick(number(), new Decimal(random(300)), new Decimal("0.00")), extra: maybe(word) } : {}),
    Numbers: (version) => (version < 2 ? {
        a: number(), b: number(), pick: new Decimal(random(10)),
        seconds: pick(new Decimal(random(2 ** 31)), new Decimal(`-${random(2 ** 31)}.${digits(9)}`), new Decimal(`${digits(10)}.5`), number()),
    } : {}),
    Texts: () => ({ s: text(), t: pick("", "X", "a", "😀", " ", "-", word()) }),
    Collections: () => ({
        list: pick(list(number, 4), list(() => new Decimal(random(6)), 5)), other: [], count: new Decimal(random(6)),
        map: Object.fromEntries(list(() => [pick("a", "b", "c", "ü", "zz", "long name"), number()], 4)),
    }),
};
const latest = { Fields: 4, Renamed: 2, Split: 3, Numbers: 2, Texts: 2, Collections: 2 };
const names = Object.keys(make);

for (let i = 1; i <= count; i++) {
    const type = names[i % names.length], version = random(5) ? 1 : 1 + random(latest[type]);
    const event = {
        stream: `s-${random(100)}`, sequence: new Decimal(i), type: type,
        version: version === 1 && random(2) ? undefined : new Decimal(version), ...make[type](version),
    };
    if (!items) {
        console.log(stringify(event));
        continue;
    }
    console.log(JSON.stringify(toItem(event), (key, value) =>
        (value && value.constructor === Uint8Array ? Buffer.from(value).toString("base64") : value)));
}
