export const EVENTS = Number(process.env.EVENTS);

/** The n-th event of version 1, in DynamoDB's JSON. */
export const event = (n) => ({
    inventoryItemId: { S: `item-${n % 50}` }, sequenceNumber: { N: String(n) }, eventType: { S: "ItemReceived" },
    timestamp: { S: "2026-01-01T00:00:00.000Z" }, sku: { S: `SKU-${n}` }, name: { S: "Folding chair, model 7, oak" },
    qty: { N: String(n % 500) }, price: { N: "19.9" }, status: { S: "A" }, city: { S: "Zürich" }, zip: { S: "8000" },
    tags: { SS: ["batch-1", "new"] },
});
