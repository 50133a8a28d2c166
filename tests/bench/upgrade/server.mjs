// dynalite in memory on a free port of 127.0.0.1, each answer DELAY milliseconds later, as over a network. Prints the port.
//     node server.mjs FOLDER_OF_DYNALITE DELAY
// It has no backups, which are off here, and no transactions: each write of one is made by itself, which is enough where nobody
// else writes.
import { createServer, request as send } from "node:http";
import { createRequire } from "node:module";

const dynalite = createRequire(process.argv[2] + "/")("dynalite")({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
const delay = Number(process.argv[3]);

const inside = createServer((request, response) => dynalite.emit("request", request, response));
const single = (headers, action, body) => new Promise((resolve) => {
    const text = JSON.stringify(body);
    const own = { ...headers, "x-amz-target": `DynamoDB_20120810.${action}`, "content-length": Buffer.byteLength(text) };
    send({ port: inside.address().port, method: "POST", path: "/", headers: own }, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode === 200));
    }).end(text);
});

async function transact(request, response) {
    let text = "";
    for await (const piece of request) text += piece;
    let ok = true;
    for (const item of JSON.parse(text).TransactItems)
        for (const action of ["Put", "Update", "Delete"])
            if (item[action]) ok = ok && await single(request.headers, `${action}Item`, item[action]);
    response.writeHead(ok ? 200 : 400, { "content-type": "application/x-amz-json-1.0" });
    response.end(ok ? "{}" : '{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"cancelled"}');
}

const backups = JSON.stringify({ ContinuousBackupsDescription: { ContinuousBackupsStatus: "ENABLED",
    PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: "DISABLED" } } });

const server = createServer((request, response) => {
    if (delay) {
        const end = response.end.bind(response);
        response.end = (...all) => setTimeout(() => end(...all), delay);
    }
    const action = request.headers["x-amz-target"];
    if (action === "DynamoDB_20120810.TransactWriteItems") transact(request, response);
    else if (action === "DynamoDB_20120810.DescribeContinuousBackups") request.resume().on("end", () => response.end(backups));
    else dynalite.emit("request", request, response);
});
server.keepAliveTimeout = 60000;
inside.listen(0, "127.0.0.1", () => server.listen(0, "127.0.0.1", () => console.log(server.address().port)));
process.on("SIGTERM", () => process.exit(0));
