// What people write by hand: for each stream its events by a query, and each event put back one by one, with the AWS SDK.
//     node loop.mjs FOLDER_OF_THE_SDK
import { createRequire } from "node:module";
import { EVENTS } from "./event.mjs";

const { DynamoDBClient, PutItemCommand, QueryCommand } = createRequire(process.argv[2] + "/")("@aws-sdk/client-dynamodb");
const client = new DynamoDBClient({ endpoint: process.env.AWS_ENDPOINT_URL, region: "us-east-1" });
let upgraded = 0;

for (let stream = 0; stream < 50; stream++) {
    let ExclusiveStartKey;
    do {
        const page = await client.send(new QueryCommand({ TableName: "bench_events", ExclusiveStartKey,
            KeyConditionExpression: "inventoryItemId = :id", ExpressionAttributeValues: { ":id": { S: `item-${stream}` } } }));
        for (const { qty, ...rest } of page.Items) {
            if (rest.eventVersion) continue;
            const Item = { warehouseId: { S: "default" }, createdBy: { S: "system" }, ...rest, quantity: qty, eventVersion: { N: "2" } };
            await client.send(new PutItemCommand({ TableName: "bench_events", Item }));
            upgraded++;
        }
        ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
}
if (upgraded !== EVENTS) throw new Error(`${upgraded} of ${EVENTS} events`);
