#!/usr/bin/env bash
# SIGKILL of the executor at any moment of an apply and of a rollback, then the same command again from another working
# folder: it ends in the same state as a run that was left alone. The moments are random, spread over the time that a whole
# run takes here; KILL_SEED repeats them, KILL_ROUNDS asks for more.
set -uo pipefail
. "$(dirname "$0")/../e2e/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
rounds=${KILL_ROUNDS:-6}
RANDOM=${KILL_SEED:-$((RANDOM))}
seed=${KILL_SEED:-$RANDOM}
RANDOM=$seed
echo "# KILL_SEED=$seed"
new_project
apply=("$invplan" apply -p "$work/project/plans/local.plan" --init --pass readers-understand-v2 --reason test)
rollback=("$invplan" rollback -p "$work/project/plans/local.plan" --to 1708301040000-CreateInventorySnapshots --yes)

seed_rows="insert into warehouses (code, name) values ('A', 'a');
    insert into inventory_items (id, sku, name, warehouse_id, quantity)
    select ('00000000-0000-0000-0000-' || lpad(g::text, 12, '0'))::uuid, 'S' || g, 'n', (select id from warehouses), 1
      from generate_series(1, 30000) g;
    insert into stock_transactions (inventory_item_id, kind, quantity_delta) select id, 'receipt', 1 from inventory_items order by id"

# prepare NAME: a database with the tables and rows that the history meets half way, and no DynamoDB tables
prepare() {
    new_database "$1"
    new_aws
    "$invplan" apply -p "$work/project/plans/local.plan" --init --to 1708301040000-CreateInventorySnapshots >/dev/null 2>&1 || exit 1
    sql "$seed_rows"
}

# state FILE: what must be the same, however often the run was killed: schema, rows, DynamoDB, and what the ledgers call applied
state() {
    {
        pg_dump --no-owner --schema-only --exclude-schema=invplan "$DATABASE_URL" | grep -v '^.\(un\)\{0,1\}restrict '
        sql "select md5(string_agg(t::text, '|' order by sku)) from (select sku, name, quantity,
                 to_jsonb(i) -> 'attributes' from inventory_items i) t"
        sql "select count(*), count(to_jsonb(s) -> 'warehouse_id') from stock_transactions s"
        sql "select \"timestamp\", name from migrations order by 1, 2"
        sql "select distinct step from invplan.ledger l where event in ('APPLIED', 'ADOPTED', 'GATE_PASSED')
                 and seq = (select max(seq) from invplan.ledger m where m.step = l.step) order by step"
        sql "select step, count(*) from invplan.ledger l where event in ('APPLIED', 'ADOPTED') group by step
                 having count(*) <> 1 order by step"
        for table in local_inventory_events local_inventory_event_schemas; do
            aws DescribeTable '{"TableName":"'$table'"}' | python3 -c 'import json, sys
table = json.load(sys.stdin).get("Table") or {}
print(json.dumps({k: table.get(k) for k in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "StreamSpecification")},
                 sort_keys=True))'
        done
        aws Scan '{"TableName":"local_inventory_event_schemas"}' | python3 -c 'import json, sys
print(sorted((i["eventType"]["S"], i["version"]["N"], i["digest"]["S"]) for i in json.load(sys.stdin).get("Items", [])))'
        aws Scan '{"TableName":"local_inventory_dynamodb_migrations"}' | python3 -c 'import json, sys
print(sorted(i["id"]["S"] for i in json.load(sys.stdin).get("Items", [])))'
    } >"$1" 2>&1
}

prepare calm
start=$(date +%s%N)
"${apply[@]}" >"$work/calm.log" 2>&1 || { fail "a run that is left alone" "$(tail -20 "$work/calm.log")"; finish; }
apply_ms=$((($(date +%s%N) - start) / 1000000))
state "$work/calm.applied"
start=$(date +%s%N)
"${rollback[@]}" >"$work/calm.log" 2>&1 || { fail "a rollback that is left alone" "$(tail -20 "$work/calm.log")"; finish; }
rollback_ms=$((($(date +%s%N) - start) / 1000000))
state "$work/calm.undone"
pass "a run and a rollback that are left alone ($apply_ms ms, $rollback_ms ms)"

# killed MS COMMAND …: starts it in a folder of its own and kills it after that many milliseconds; true if it was killed
killed() {
    local ms=$1 pid
    shift
    mkdir -p "$work/there.$tries"
    (cd "$work/there.$tries" && exec "$@") >"$work/killed.log" 2>&1 &
    pid=$!
    # Waiting is the point here: the moment of the kill is what is being varied.
    sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    [ $? -eq 137 ]
}

# survive MS COMMAND …: killed again and again until one run gets through
survive() {
    local ms=$1
    shift
    kills=0
    for tries in 1 2 3; do
        killed $((RANDOM * ms / 32768)) "$@" && kills=$((kills + 1))
    done
    mkdir -p "$work/at-last"
    (cd "$work/at-last" && "$@") >"$work/last.log" 2>&1
}

for round in $(seq 1 "$rounds"); do
    prepare "round$round"
    if survive "$apply_ms" "${apply[@]}"; then
        state "$work/now"
        same_files "$work/calm.applied" "$work/now" "round $round: killed $kills times while applying, the state is the same"
    else
        fail "round $round: killed $kills times, apply gets through" "$(tail -20 "$work/last.log")"
    fi
    if survive "$rollback_ms" "${rollback[@]}"; then
        state "$work/now"
        same_files "$work/calm.undone" "$work/now" "round $round: killed $kills times while rolling back, the state is the same"
    else
        fail "round $round: killed $kills times, rollback gets through" "$(tail -20 "$work/last.log")"
    fi
done
finish
