// Writes the events of version 1, and makes the table for who has no other.
import { create, fill } from "../dynalite/client.mjs";
import { event, EVENTS } from "./event.mjs";

if (process.argv[2] === "table")
    await create(["bench_events", "inventoryItemId", "sequenceNumber", "N"], ["bench_undo", "pk", "sk", "S"]);
await fill("bench_events", EVENTS, event);
