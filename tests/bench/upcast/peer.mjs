// What a service would write by hand: JSON.parse, the changes of migrations.yaml, JSON.stringify. Doubles, as JavaScript
// has them, and no checks. Reads and writes in large pieces.
//     node peer.mjs EVENTS.jsonl >OUT
import { openSync, readSync, writeSync } from "node:fs";

function upcast(event) {
    if (event.eventVersion === undefined || event.eventVersion === 1) {
        if (event.warehouseId === undefined) event.warehouseId = "default";
        if (event.createdBy === undefined) event.createdBy = "system";
        event.quantity = event.qty;
        delete event.qty;
        event.address = { city: event.city, zip: event.zip };
        delete event.city;
        delete event.zip;
        event.eventVersion = 2;
    }
    if (event.eventVersion === 2) {
        event.total = event.quantity * event.price;
        event.status = event.status === "A" ? "active" : "inactive";
        event.eventVersion = 3;
    }
    return event;
}

const file = openSync(process.argv[2]);
const chunk = Buffer.alloc(1 << 18);
let rest = "";
const decoder = new TextDecoder();

for (let got; (got = readSync(file, chunk, 0, chunk.length, null)) > 0;) {
    const lines = (rest + decoder.decode(chunk.subarray(0, got), { stream: true })).split("\n");
    let out = "";
    rest = lines.pop();
    for (const line of lines) out += JSON.stringify(upcast(JSON.parse(line))) + "\n";
    writeSync(1, out);
}
