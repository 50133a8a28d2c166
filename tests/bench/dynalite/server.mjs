// dynalite in memory on a free port of 127.0.0.1, each answer DELAY milliseconds later, as over a network. Prints the port.
//     node server.mjs FOLDER_OF_DYNALITE DELAY [TABLE …]
// The items of the TABLEs are kept by store.mjs, which is faster.
// It has no backups, which are off here, and no transactions: each write of one is made by itself, which is enough where nobody
// else writes.
import { createServer, request as send } from "node:http";
import { createRequire } from "node:module";
import { isRefusal, Store } from "./store.mjs";

const dynalite = createRequire(process.argv[2] + "/")("dynalite")({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
const delay = Number(process.argv[3]);
const store = process.argv.length > 4 ? new Store(process.argv.slice(4)) : undefined;

const inside = createServer((request, response) => dynalite.emit("request", request, response));
const forward = (headers, text, take) =>
    send({ port: inside.address().port, method: "POST", path: "/", headers }, take).end(text);
const single = (headers, action, body) => new Promise((resolve) => {
    const text = JSON.stringify(body);
    const own = { ...headers, "x-amz-target": `DynamoDB_20120810.${action}`, "content-length": Buffer.byteLength(text) };
    forward(own, text, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode === 200));
    });
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

async function keep(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const text = Buffer.concat(pieces).toString(), action = request.headers["x-amz-target"].split(".")[1];
    let status = 200, answer;
    try {
        answer = store.answer(action, JSON.parse(text));
    } catch (error) {
        if (!isRefusal(error)) console.error(error);
        const type = isRefusal(error) ? "ConditionalCheckFailedException" : "ValidationException";
        [status, answer] = [400, { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: error.message }];
    }
    if (!answer) {
        forward(request.headers, text, (from) => { response.writeHead(from.statusCode, from.headers); from.pipe(response); });
        return;
    }
    response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
    response.end(JSON.stringify(answer));
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
    else if (store) keep(request, response);
    else dynalite.emit("request", request, response);
});
server.keepAliveTimeout = 60000;
inside.listen(0, "127.0.0.1", () => server.listen(0, "127.0.0.1", () => console.log(server.address().port)));
process.on("SIGTERM", () => process.exit(0));
