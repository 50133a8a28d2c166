// Writes the items, and makes the tables for who has no others.
import { create, fill } from "../dynalite/client.mjs";
import { item, ITEMS } from "./item.mjs";

if (process.argv[2] === "table") await create(["bench_items", "id"], ["bench_undo", "pk", "sk", "S"]);
await fill("bench_items", ITEMS, item);
