// Upcasts the events with the module and compares with what `invplan upcast --on-error skip` gave: the same events, to
// the last digit, and the same lines left out. Prints what differs; exit status 1 when anything does.
//     node compare.mjs MODULE EVENTS INVPLAN_STDOUT INVPLAN_STDERR plain|items
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , path, eventsPath, outPath, errorsPath, form] = process.argv;
const { parse, stringify, fromItem, toItem, upcast, UpcastError, Decimal } = await import(pathToFileURL(path));
const items = form === "items";

// One text for each value: members by name, sets by their sorted elements.
function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value instanceof Set) return `set(${[...value].map(canonical).sort().join(",")})`;
    if (value === null || typeof value !== "object" || value instanceof Decimal || value instanceof Uint8Array)
        return (value instanceof Uint8Array ? "binary " : "") + stringify(value);
    return `{${Object.keys(value).filter((name) => value[name] !== undefined).sort()
        .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

// As the command writes it: what plain JSON has no form for has lost its kind there.
const asWritten = (event) => canonical(items ? fromItem(toItem(event)) : parse(stringify(event)));
const read = (line) => (items ? fromItem(JSON.parse(line)) : parse(line));
const lines = (file) => readFileSync(file, "utf8").split("\n").filter(Boolean);

const expected = lines(outPath).map((line) => canonical(read(line)));
const reasons = new Map(lines(errorsPath).flatMap((line) => {
    const found = /:(\d+): (.*)/.exec(line);
    return found ? [[Number(found[1]), found[2]]] : [];
}));
let at = 0, differences = 0, made = 0;

function differ(number, line, ...what) {
    if (++differences <= 10) console.log([`line ${number}: ${line}`, ...what].join("\n    "));
}

lines(eventsPath).forEach((line, i) => {
    const number = i + 1;
    let results = [];
    try {
        results = upcast(read(line));
        if (reasons.has(number)) differ(number, line, `invplan: ${reasons.get(number)}`, `module: ${results.map(stringify)}`);
    } catch (error) {
        if (!(error instanceof UpcastError)) throw error;
        if (!reasons.has(number)) {
            differ(number, line, `module: ${error.message}`);
            const sequence = read(line).sequence.text;
            while (at < expected.length && expected[at].includes(`"sequence":${sequence},`)) at++;
        }
        return;
    }
    if (reasons.has(number)) return;
    for (const result of results) {
        const text = asWritten(result);
        if (text !== expected[at]) differ(number, line, `module:  ${text}`, `invplan: ${expected[at]}`);
        at++;
        made++;
    }
});
if (at !== expected.length) differ(0, "", `invplan gave ${expected.length} events, the module ${at}`);
console.log(`${lines(eventsPath).length} events, ${made} results, ${reasons.size} refused by both, ${differences} differences`);
process.exit(differences ? 1 : 0);
