#!/usr/bin/env bash
# A plan that was changed, or is of another place, is refused with its own exit status, and nothing is touched.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
new_project
new_database refused
new_aws

# seal FILE: a trailer that fits, as somebody would write who tampers with care
seal() {
    local body=$work/body
    sed '$d' "$1" >"$body"
    { cat "$body"; printf '{"end":{"lines":%d,"digest":"%s"}}\n' "$(wc -l <"$body")" "$(sha256sum <"$body" | cut -d' ' -f1)"; } >"$1"
}
untouched() {
    is "$(sql "select count(*) from pg_namespace where nspname = 'invplan'")" 0 "$1: the database is untouched"
}
refused() { # STATUS PATTERN NAME, for $work/plan
    run "$invplan" apply -p "$work/plan" --init
    is "$status" "$1" "$3: exit status $1"
    like "$output" "$2" "$3: the message says so"
    untouched "$3"
}

size=$(stat -c %s plans/local.plan)
for at in 10 $((size / 3)) $((size / 2)) $((size - 40)); do
    cp plans/local.plan "$work/plan"
    byte=$(dd if="$work/plan" bs=1 skip="$at" count=1 status=none)
    if [ "$byte" = x ]; then byte=y; else byte=x; fi
    printf '%s' "$byte" | dd of="$work/plan" bs=1 seek="$at" conv=notrunc status=none
    refused 10 "digest|damaged|changed" "byte $at changed"
done

cp plans/local.plan "$work/plan"
truncate -s $((size - 200)) "$work/plan"
refused 10 "" "a plan that was cut off"

sed 's/"instruction":"pg.exec"/"instruction":"pg.evil"/' plans/local.plan >"$work/plan"
seal "$work/plan"
refused 10 "pg.evil" "an unknown instruction"

sed '1s/"project":/"surprise":1,"project":/' plans/local.plan >"$work/plan"
seal "$work/plan"
refused 10 "surprise" "an unknown key"

run "$invplan" apply -e production
is "$status" 17 "a plan whose policy this executor cannot keep: exit status 17"
like "$output" "backup" "it names the backup"
like "$output" "metrics|cloudwatch" "and the metrics"
untouched "production plan"

run "$invplan" apply -e local --init --to 1708300800000-CreateWarehouses
is "$status" 0 "the local plan is applied in part"
before=$(sql "select count(*), max(seq) from invplan.ledger")

sed '1s/"environment":"local"/"environment":"other"/' plans/local.plan >"$work/plan"
seal "$work/plan"
run "$invplan" apply -p "$work/plan"
is "$status" 12 "a plan of another environment: exit status 12"
like "$output" "other" "it names the plan's"
like "$output" "local" "and the target's"

sed '1s/"project":"inventory-service"/"project":"billing-service"/' plans/local.plan >"$work/plan"
seal "$work/plan"
run "$invplan" apply -p "$work/plan"
is "$status" 12 "a plan of another project: exit status 12"

sed "s/code <> ''/code <> 'x'/g" migrations.yaml >"$work/changed.yaml"
cp "$work/changed.yaml" migrations.yaml
"$invplan" compile -e local -o "$work/changed.plan" >/dev/null 2>&1
run "$invplan" apply -p "$work/changed.plan"
is "$status" 14 "a plan that changes an applied step: exit status 14"
like "$output" "1708300800000-CreateWarehouses" "it names the migration"

is "$(sql "select count(*), max(seq) from invplan.ledger")" "$before" "none of them wrote to the ledger"
run "$invplan" apply -p /nonexistent.plan
is "$status" 74 "a plan that is not there: exit status 74"
finish
