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

export const EVENTS = Number(process.env.EVENTS);

/** The n-th event of version 1, in DynamoDB's JSON. */
export const event = (n) => ({
    inventoryItemId: { S: `item-${n % 50}` }, sequenceNumber: { N: String(n) }, eventType: { S: "ItemReceived" },
    timestamp: { S: "2026-01-01T00:00:00.000Z" }, sku: { S: `SKU-${n}` }, name: { S: "Folding chair, model 7, oak" },
    qty: { N: String(n % 500) }, price: { N: "19.9" }, status: { S: "A" }, city: { S: "Zürich" }, zip: { S: "8000" },
    tags: { SS: ["batch-1", "new"] },
});
