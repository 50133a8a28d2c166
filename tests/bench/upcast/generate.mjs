// Writes COUNT events of version 1, one on each line: the same ones always.
//     node generate.mjs COUNT >events.jsonl
import { writeSync } from "node:fs";

let seed = 1;
const random = (limit) => (seed = (seed * 48271) % 2147483647) % limit;
const count = Number(process.argv[2]);
let text = "";

for (let i = 1; i <= count; i++) {
    text += JSON.stringify({
        inventoryItemId: `item-${random(1000000)}-${random(1000000)}`,
        sequenceNumber: i,
        eventType: "ItemReceived",
        timestamp: new Date(1.7e12 + i * 1000).toISOString(),
        sku: `SKU-${random(100000)}`,
        name: `Folding chair, model ${random(1000)}, "oak"`,
        qty: 1 + random(500),
        price: (100 + random(100000)) / 100,
        status: random(2) ? "A" : "I",
        city: "Zürich",
        zip: String(8000 + random(100)),
        tags: ["new", `batch-${random(100)}`],
    }) + "\n";
    if (text.length > 1 << 20) {
        writeSync(1, text);
        text = "";
    }
}
writeSync(1, text);
