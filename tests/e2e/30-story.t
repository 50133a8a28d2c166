#!/usr/bin/env bash
# The Inventory Service's history, applied, verified, rolled back and applied again on both databases.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_project
new_database story
new_aws
plan=(-e local)

run "$invplan" apply "${plan[@]}"
is "$status" 19 "apply before init: exit status 19"
like "$output" "invplan apply .*--init" "it says what to type"

run "$invplan" apply "${plan[@]}" --init --dry-run
is "$status" 0 "a dry run"
is "$(sql "select count(*) from pg_namespace where nspname = 'invplan'")" 0 "touches nothing"

run "$invplan" apply "${plan[@]}" --init --to 1708301040000-CreateInventorySnapshots
is "$status" 0 "apply up to a migration"
schema_dump "$work/early.sql"
sql "insert into warehouses (code, name) select 'WH-' || g, 'Warehouse ' || g from generate_series(1, 20) g;
     insert into inventory_items (sku, name, warehouse_id, quantity)
     select 'SKU-' || g, 'Item ' || g, (select id from warehouses where code = 'WH-' || (1 + g % 20)), 10
       from generate_series(1, 12000) g;
     insert into stock_transactions (inventory_item_id, kind, quantity_delta)
     select id, 'receipt', 10 from inventory_items"
schema_dump "$work/rows.sql"

run "$invplan" apply "${plan[@]}"
is "$status" 40 "apply stops at the gate: exit status 40"
like "$output" "--pass readers-understand-v2" "and says what to type"
is "$(sql "select count(*) from inventory_items where attributes->>'brand' = 'Unknown'")" 12000 "the backfill reached every row"
is "$(sql "select count(*) from stock_transactions where warehouse_id is null")" 0 "the second one too"
is "$(sql "select count(*) from pg_index where not indisvalid")" 0 "no index is invalid"
is "$(sql "select name from migrations where \"timestamp\" = 1709123456789 order by name" | tr '\n' ' ')" \
    "AddInventoryItemAttributes1709123456789 AddWarehouseGeolocation1709123456789 " "TypeORM's table lists what is applied"
like "$(aws GetItem '{"TableName":"local_inventory_dynamodb_migrations","Key":{"id":{"S":"1709123456789-CreateInventoryEventsTable"}}}')" \
    '"description"' "so does the registry of DynamoDB migrations"
like "$(aws DescribeTable '{"TableName":"local_inventory_events"}')" 'NEW_AND_OLD_IMAGES' "the event table has its stream"

run "$invplan" verify "${plan[@]}"
is "$status" 0 "verify finds no drift"
run "$invplan" status "${plan[@]}" --format json
is "$status" 0 "status"
is "$(python3 -c 'import json,sys; json.load(sys.stdin); print("json")' <<<"$output")" json "as JSON"

number=3.1415926535897932384626433832795028841
aws PutItem '{"TableName":"local_inventory_events","Item":{"inventoryItemId":{"S":"i1"},"sequenceNumber":{"N":"1"},
    "eventType":{"S":"InventoryItemCreated"},"timestamp":{"S":"t"},"sku":{"S":"S"},"name":{"S":"n"},"quantity":{"N":"1"},
    "weight":{"N":"'$number'"},"tags":{"SS":["b","a"]},"blob":{"B":"AAEC"}}}' >/dev/null
aws PutItem '{"TableName":"local_inventory_events","Item":{"inventoryItemId":{"S":"i1"},"sequenceNumber":{"N":"2"},
    "eventType":{"S":"InventoryItemCreated"},"eventVersion":{"N":"2"},"timestamp":{"S":"t"},"sku":{"S":"S"},"name":{"S":"n"},
    "quantity":{"N":"1"},"warehouseId":{"S":"WH-9"},"createdBy":{"S":"me"}}}' >/dev/null
event() { aws GetItem '{"TableName":"local_inventory_events","ConsistentRead":true,"Key":{"inventoryItemId":{"S":"i1"},"sequenceNumber":{"N":"'"$1"'"}}}'; }
before=$(event 1)
newer=$(event 2)

run "$invplan" apply "${plan[@]}" --pass readers-understand-v2 --reason "test"
is "$status" 0 "the gate is passed and the rest applied"
after=$(event 1)
like "$after" '"warehouseId": ?\{"S": ?"default"\}' "a stored event got its new field"
like "$after" '"eventVersion": ?\{"N": ?"2"\}' "and its new version"
like "$after" "$number" "a number of 38 digits is unchanged"
like "$after" '"AAEC"' "binary is unchanged"
is "$(event 2)" "$newer" "an event of version 2 is unchanged"

run "$invplan" apply "${plan[@]}"
is "$status" 0 "apply again finds nothing to do"
run "$invplan" verify "${plan[@]}"
is "$status" 0 "verify finds no drift"
sql "alter table inventory_items alter column name set default 'x'; drop index idx_inventory_items_sku"
run "$invplan" verify "${plan[@]}"
is "$status" 16 "after a change behind invplan's back: exit status 16"
like "$output" "inventory_items.*name|name.*inventory_items" "verify names the column"
like "$output" "idx_inventory_items_sku" "and the index that is gone"
sql "alter table inventory_items alter column name drop default; create index idx_inventory_items_sku on inventory_items (sku)"
run "$invplan" verify "${plan[@]}"
is "$status" 0 "put right, there is no drift"

run "$invplan" rollback "${plan[@]}" --to 1709300000000-RecoverInventoryEvents
is "$status" 0 "rollback of the event migrations"
is "$(event 1)" "$before" "the stored event is what it was"
is "$(event 2)" "$newer" "the one written at version 2 too"

run "$invplan" rollback "${plan[@]}" --to 1708301040000-CreateInventorySnapshots
unlike "$status" '^0$' "a rollback that would lose events is refused"
like "$output" "local_inventory_events" "and names their table"
is "$(event 2)" "$newer" "nothing is undone"

aws DeleteItem '{"TableName":"local_inventory_events","Key":{"inventoryItemId":{"S":"i1"},"sequenceNumber":{"N":"1"}}}' >/dev/null
aws DeleteItem '{"TableName":"local_inventory_events","Key":{"inventoryItemId":{"S":"i1"},"sequenceNumber":{"N":"2"}}}' >/dev/null
run "$invplan" rollback "${plan[@]}" --to 1708301040000-CreateInventorySnapshots
like "$output" "attributes" "what a rollback loses in PostgreSQL is named"
run "$invplan" rollback "${plan[@]}" --to 1708301040000-CreateInventorySnapshots --yes
is "$status" 0 "with --yes it rolls back"
schema_dump "$work/again.sql"
is "$(sql "select count(*) from pg_extension where extname = 'postgis'")" 1 "the extension is kept, as the migration says"
# Of TypeORM's table only the rows of what was undone are gone; its counter only grows. updated_at is the trigger's.
normal() {
    grep -vE "postgis|spatial_ref_sys|migrations_id_seq|^SELECT pg_catalog.setval|^[0-9]+	17(08|09|1)" "$1" |
        sed -E 's/^([0-9a-f-]{36}	.*)	[^	]+$/\1/' | grep -v '^--' | sort -u
}
normal "$work/rows.sql" >"$work/rows.normal"
normal "$work/again.sql" >"$work/again.normal"
same_files "$work/rows.normal" "$work/again.normal" "the schema and rows are what they were"
run "$invplan" apply "${plan[@]}" --pass readers-understand-v2 --reason again
is "$status" 0 "and everything is applied again"
run "$invplan" verify "${plan[@]}"
is "$status" 0 "without drift"
python3 -c 'import json; r = json.load(open("migration-report.json")); print(r["outcome"])' >"$work/outcome" 2>&1
like "$(cat "$work/outcome")" "applied|done|success" "the report says so"
finish
