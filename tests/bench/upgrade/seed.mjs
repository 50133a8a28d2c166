// Writes the events of version 1, and makes the table for who has no other.
import { all, call, event, EVENTS } from "./client.mjs";

if (process.argv[2] === "table") {
    for (const [TableName, hash, range, type] of [["bench_events", "inventoryItemId", "sequenceNumber", "N"], ["bench_undo", "pk", "sk", "S"]]) {
        await call("CreateTable", { TableName, BillingMode: "PAY_PER_REQUEST",
            AttributeDefinitions: [{ AttributeName: hash, AttributeType: "S" }, { AttributeName: range, AttributeType: type }],
            KeySchema: [{ AttributeName: hash, KeyType: "HASH" }, { AttributeName: range, KeyType: "RANGE" }] });
        while ((await call("DescribeTable", { TableName })).Table.TableStatus !== "ACTIVE");
    }
}
const batches = [];
for (let n = 0; n < EVENTS; n += 25)
    batches.push(Array.from({ length: Math.min(25, EVENTS - n) }, (_, i) => ({ PutRequest: { Item: event(n + i) } })));
await all(batches, 8, (bench_events) => call("BatchWriteItem", { RequestItems: { bench_events } }));
