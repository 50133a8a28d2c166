// Requests to DynamoDB's API without a library: `call` for one, `all` for many with so many in flight.
import { Agent, request } from "node:http";

const { hostname, port } = new URL(process.env.AWS_ENDPOINT_URL);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const headers = {
    "content-type": "application/x-amz-json-1.0", "x-amz-date": "20260101T000000Z",
    authorization: "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
};

export const call = (action, body) => new Promise((resolve, reject) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const sent = request({ hostname, port, agent, method: "POST", path: "/",
        headers: { ...headers, "x-amz-target": `DynamoDB_20120810.${action}`, "content-length": Buffer.byteLength(text) } },
    (response) => {
        let answer = "";
        response.on("data", (piece) => { answer += piece; });
        response.on("end", () => (response.statusCode === 200 ? resolve(JSON.parse(answer)) : reject(new Error(answer))));
    });
    sent.on("error", reject);
    sent.end(text);
});

/** work(item) for each of them, so many at once. */
export async function all(items, flying, work) {
    let next = 0;
    await Promise.all(Array.from({ length: flying }, async () => {
        while (next < items.length) await work(items[next++]);
    }));
}

/** Creates tables for who has no others, and waits for them: NAME, HASH, and RANGE and its TYPE where there is one. */
export async function create(...tables) {
    for (const [TableName, hash, range, type] of tables) {
        const keys = [[hash, "S", "HASH"], [range, type, "RANGE"]].filter(([name]) => name);
        await call("CreateTable", { TableName, BillingMode: "PAY_PER_REQUEST",
            AttributeDefinitions: keys.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
            KeySchema: keys.map(([AttributeName, , KeyType]) => ({ AttributeName, KeyType })) });
        while ((await call("DescribeTable", { TableName })).Table.TableStatus !== "ACTIVE");
    }
}

/** Writes item(0) to item(count - 1). */
export async function fill(table, count, item) {
    const batches = [];
    for (let n = 0; n < count; n += 25)
        batches.push(Array.from({ length: Math.min(25, count - n) }, (_, i) => ({ PutRequest: { Item: item(n + i) } })));
    await all(batches, 8, (batch) => call("BatchWriteItem", { RequestItems: { [table]: batch } }));
}
