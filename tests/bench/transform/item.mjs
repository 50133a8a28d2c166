export const ITEMS = Number(process.env.ITEMS);

/** The n-th item, in DynamoDB's JSON. */
export const item = (n) => ({
    id: { S: `item-${n}` }, sku: { S: `SKU-${n}` }, name: { S: "Folding chair, model 7, oak" }, price: { N: "19.9" },
    quantity: { N: String(n % 500) }, status: { S: "A" }, city: { S: "Zürich" }, zip: { S: "8000" }, old: { N: "1" },
    tags: { SS: ["batch-1", "new"] },
});
