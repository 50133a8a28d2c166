// As many transactions as the endpoint takes, 32 in flight: for each item a pre-image and a change as invplan makes them, and
// nothing else: no reading, no expression, no checkpoints.
import { all, call } from "../dynalite/client.mjs";
import { item, ITEMS } from "./item.mjs";

const transactions = Array.from({ length: ITEMS }, (_, n) => {
    const { old, ...rest } = item(n), names = Object.keys(rest);
    const values = { ":n1": { N: String(19.9 * (n % 500)) }, ":0": old };
    names.forEach((name, i) => { values[`:${i + 2}`] = rest[name]; });
    return JSON.stringify({ ReturnConsumedCapacity: "TOTAL", TransactItems: [
        { Put: { TableName: "bench_undo", Item: { pk: { S: `u${n % 64}` }, sk: { S: String(n) }, before: { M: item(n) },
            before_digest: { S: "0".repeat(64) }, after_digest: { S: "1".repeat(64) }, at: { S: "2026-01-01T00:00:00.000Z" } },
        ConditionExpression: "attribute_not_exists(pk) OR attribute_exists(kept)" } },
        { Update: { TableName: "bench_items", Key: { id: rest.id }, UpdateExpression: "SET #1=:n1 REMOVE #0",
            ConditionExpression: "#0=:0 AND attribute_not_exists(#1)" + names.map((_, i) => ` AND #${i + 2}=:${i + 2}`).join(""),
            ExpressionAttributeNames: { "#0": "old", "#1": "total", ...Object.fromEntries(names.map((name, i) => [`#${i + 2}`, name])) },
            ExpressionAttributeValues: values } },
    ] });
});
await all(transactions, 32, (body) => call("TransactWriteItems", body));
