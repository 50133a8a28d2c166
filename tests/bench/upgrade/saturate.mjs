// As many conditional writes as the endpoint takes, 64 in flight: for each event a pre-image and a change as invplan makes
// them, and nothing else: no reading, no upcasting, no checkpoints.
import { all, call } from "../dynalite/client.mjs";
import { event, EVENTS } from "./event.mjs";

const events = Array.from({ length: EVENTS }, (_, n) => {
    const { qty, ...rest } = event(n), names = Object.keys(rest);
    const values = { ":a": { S: "default" }, ":b": { S: "system" }, ":c": qty, ":d": { N: "2" }, ":q": qty };
    names.forEach((name, i) => { values[`:${i}`] = rest[name]; });
    return [
        JSON.stringify({ TableName: "bench_undo", ReturnConsumedCapacity: "TOTAL", Item: {
            pk: { S: `3-Upgrade/upgrade_events:ItemReceived.2/upgrade#${n % 64}` }, sk: { S: String(n).padStart(64, "0") },
            before: { M: event(n) }, before_digest: { S: "0".repeat(64) }, after_digest: { S: "1".repeat(64) }, from: { N: "1" },
            at: { S: "2026-01-01T00:00:00.000Z" } }, ConditionExpression:
                "attribute_not_exists(pk) OR (before_digest = :b AND after_digest = :a AND attribute_not_exists(kept))",
            ExpressionAttributeValues: { ":b": { S: "0".repeat(64) }, ":a": { S: "1".repeat(64) } } }),
        JSON.stringify({ TableName: "bench_events", ReturnConsumedCapacity: "TOTAL",
            Key: { inventoryItemId: rest.inventoryItemId, sequenceNumber: rest.sequenceNumber },
            UpdateExpression: "SET #a=:a,#b=:b,#c=:c,#d=:d REMOVE #q",
            ConditionExpression: "attribute_not_exists(#a) AND attribute_not_exists(#b) AND attribute_not_exists(#c) AND " +
                "attribute_not_exists(#d) AND #q=:q" + names.map((_, i) => ` AND #${i}=:${i}`).join(""),
            ExpressionAttributeNames: { "#a": "warehouseId", "#b": "createdBy", "#c": "quantity", "#d": "eventVersion", "#q": "qty",
                ...Object.fromEntries(names.map((name, i) => [`#${i}`, name])) },
            ExpressionAttributeValues: values }),
    ];
});
await all(events, 64, async ([before, change]) => { await call("PutItem", before); await call("UpdateItem", change); });
