// --- the events of the project -------------------------------------------------------------------------------------

const envelope: Envelope = { stream: "stream", sequence: "sequence", type: "type", version: "version" };

function knownVersion(event: Event, latest: number): number {
    const version = versionOf(event, envelope.version);
    return version >= 1 && version <= latest ? version : fail(`no version ${version}, the latest is ${latest}`);
}

export type Stock_moved_twiceV1 = {
    id: string;
    "the count": Decimal;
    kind: ("a" | Decimal | null | true);
    only?: "here";
    place: {
        city: string;
        inner?: Value;
    };
    tags?: (string)[] | Set<string>;
    ratios?: (Decimal)[] | Set<Decimal>;
    either?: (string | Decimal);
    maybe?: string | null;
    blob?: string | Uint8Array;
    lines?: ({
            n?: Decimal;
            [name: string]: Value | undefined;
        })[];
    never?: undefined;
    any?: Value;
};
export type Stock_moved_twice = Stock_moved_twiceV1;

const chainStock_moved_twice: Operator[][] = [];

/** From the version that it has to the latest, 1. */
export function upcastStock_moved_twice(event: Stock_moved_twiceV1): Stock_moved_twiceV1 {
    const events = runChain(chainStock_moved_twice, event, knownVersion(event, 1), 1, envelope);
    return events[0] as Stock_moved_twiceV1;
}

export type Decimal_V1 = {
};
export type Decimal_ = Decimal_V1;

const chainDecimal_: Operator[][] = [];

/** From the version that it has to the latest, 1. */
export function upcastDecimal_(event: Decimal_V1): Decimal_V1 {
    const events = runChain(chainDecimal_, event, knownVersion(event, 1), 1, envelope);
    return events[0] as Decimal_V1;
}

export type DecimalV1_V1 = {
    a?: Decimal;
};
export type DecimalV1_V2 = {
    [name: string]: Value | undefined;
};
export type DecimalV1_ = DecimalV1_V2;

const chainDecimalV1_: Operator[][] = [
    [
        assign(false, [[{ names: ["x", "y.z"], text: "x.y\\.z" }, (s) => (test(and(() => has(s.event, "a"), () => greater(optOrValue(select(s.event, "a", true), () => 1n), 2.5))) ? "a\"b" : "*/ ${x}")], [{ names: ["list"], text: "list" }, (s) => new CelList([1n, new Uint(2n), (-3n), 1.5, true, null, decodeBase64("AP8=")])]]),
        dropEvent((s) => or(() => exists(select(s.event, "list"), 1, ($0: Cel) => equal($0, 1n)), () => equal(select(s.meta, "version"), 2n))),
    ],
];

/** From version 1 to 2. */
export function upcastDecimalV1_V1(event: DecimalV1_V1): Event[] {
    const events = runChain(chainDecimalV1_, event, 1, 2, envelope);
    return events;
}

/** From the version that it has to the latest, 2. */
export function upcastDecimalV1_(event: DecimalV1_V1 | DecimalV1_V2): Event[] {
    const events = runChain(chainDecimalV1_, event, knownVersion(event, 2), 2, envelope);
    return events;
}

const chains = new Map<string, Operator[][]>([
    ["stock.moved-twice", chainStock_moved_twice],
    ["Decimal", chainDecimal_],
    ["DecimalV1", chainDecimalV1_],
]);

/** Any event of the project, by the type and the version that it says it has, to its latest version. */
export function upcast(event: Event): Event[] {
    const chain = chains.get(String(own(event, envelope.type))) || fail(`no event of a type that is known`);
    return runChain(chain, event, knownVersion(event, chain.length + 1), chain.length + 1, envelope);
}
