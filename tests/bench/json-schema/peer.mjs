// The same verdicts by ajv: JSON.parse of each line, and the compiled schema.
//     node peer.mjs FOLDER_OF_AJV PLAN EVENTS.jsonl
import { openSync, readFileSync, readSync } from "node:fs";
import { createRequire } from "node:module";

const Ajv = createRequire(process.argv[2] + "/")("ajv/dist/2020.js").default;
const step = readFileSync(process.argv[3], "utf8").split("\n").filter((line) => line.includes('"event.register"'))
    .map((line) => JSON.parse(line))[0];
const validate = new Ajv({ strict: false }).compile(step.action.forward.schema);
const file = openSync(process.argv[4]);
const chunk = Buffer.alloc(1 << 18);
const decoder = new TextDecoder();
let rest = "", events = 0, failed = 0;

for (let got; (got = readSync(file, chunk, 0, chunk.length, null)) > 0;) {
    const lines = (rest + decoder.decode(chunk.subarray(0, got), { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines) {
        events++;
        if (!validate(JSON.parse(line))) failed++;
    }
}
console.log(events, failed);
