#!/usr/bin/env bash
# `invplan` finds its programs beside itself and where they are installed, and refuses what it does not know.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

run "$invplan"
is "$status" 2 "no command: exit status 2"
like "$output" "'invplan help' lists the commands" "no command: help is offered"

run "$invplan" aply
is "$status" 2 "an unknown command: exit status 2"
like "$output" "did you mean 'invplan apply'\?" "an unknown command: the one that was meant is named"

run "$invplan" help
is "$status" 0 "help: exit status 0"
for command in compile lint show diff explain init apply rollback status verify resolve unlock; do
    like "$output" "^  $command " "help names $command"
    run_help=$("$invplan" "$command" --help 2>&1)
    like "$run_help" "^usage: invplan $command " "$command --help says how it is called"
    is "$run_help" "$("$invplan" help "$command")" "help $command is the same text"
done

run "$invplan" --version
like "$output" '^invplan [0-9]+\.[0-9]+\.[0-9]+$' "--version prints the version"

run "$invplan" apply --deadlin 5m
is "$status" 2 "an unknown option: exit status 2"
like "$output" "did you mean '--deadline'\?" "an unknown option: the one that was meant is named"

ln -s "$(readlink -f "$invplan")" "$work/invplan"
run "$work/invplan" show --help
is "$status" 0 "called by a symbolic link it finds its programs"

mkdir -p "$work/usr/bin" "$work/usr/libexec/invplan"
cp "$invplan" "$work/usr/bin/"
run "$work/usr/bin/invplan" show x.plan
is "$status" 74 "without its programs: exit status 74"
like "$output" "install all three programs" "without its programs: says what to do"
cp "$build/invplan-compiler" "$work/usr/libexec/invplan/"
run "$work/usr/bin/invplan" show "$work/none.plan"
is "$status" 74 "installed, it finds them in libexec: the compiler reports the missing plan"
like "$output" "none.plan' cannot be read: No such file or directory" "and names it"

for form in text markdown sql json mermaid; do
    run "$invplan" show --format "$form" "$root/plans/local.plan"
    is "$status" 0 "show --format $form: exit status 0"
    unlike "$output" $'\033' "show --format $form: no colours outside a terminal"
done
run "$invplan" show --since "$root/plans/local.plan" "$root/plans/local.plan"
like "$output" '^0 steps in 0 migrations on 0 targets$' "nothing is new since the same plan"

run "$invplan" show --schema --at 1708992000000-TouchInventoryItemUpdatedAt "$root/plans/local.plan"
is "$status" 0 "show --schema: exit status 0"
unlike "$output" 'attributes  type: jsonb' "a column is not there before the migration that adds it"
run "$invplan" show --schema --at 1709123456789-AddInventoryItemAttributes "$root/plans/local.plan"
like "$output" "^      attributes  type: jsonb, not_null: true, default: '\{\}'\$" "and is after it"
like "$output" '^  index public.idx_inventory_item_attributes$' "as is its index"
run "$invplan" show --schema "$root/plans/local.plan"
like "$output" '^event_store after 1712000000000-UpgradeInventoryItemCreated$' "the schema of the other target follows"
like "$output" '^  dynamodb_table local_inventory_events$' "with its tables"
"$invplan" show --schema --format json "$root/plans/local.plan" >"$work/schema.json"
run python3 -c '
import json, sys
targets = json.load(open(sys.argv[1]))["targets"]
print(targets["operational"]["table public.warehouses"]["columns"]["location"]["type"])' "$work/schema.json"
is "$output" "geography(Point)" "show --schema --format json is JSON"
run "$invplan" show --schema --at Nothing "$root/plans/local.plan"
is "$status $output" "2 invplan: --at: the plan has no migration 'Nothing'" "a migration that is not in the plan is refused"
run "$invplan" show --at Nothing "$root/plans/local.plan"
is "$status" 2 "--at without --schema is refused"
run "$invplan" show --schema --format sql "$root/plans/local.plan"
is "$status" 2 "and so is --schema in a form that it does not have"

run "$invplan" explain
is "$status" 0 "explain: exit status 0"
like "$output" '^SPEC001 ' "explain lists the codes"
run "$invplan" explain spec001
is "$status" 0 "explain CODE: exit status 0, whatever the case"
like "$output" '^(error|warning|info)\[SPEC001\]: ' "explain CODE prints its page"
run "$invplan" explain SPEC999
is "$status" 2 "explain of an unknown code: exit status 2"
run "$invplan" schema plan
is "$output" "$(cat "$root/spec/schema/plan.schema.json")" "schema plan prints the committed schema"

run "$invplan" diff "$root/plans/local.plan" "$root/plans/local.plan"
is "$status" 0 "diff of a plan with itself: exit status 0"
run "$invplan" diff "$root/plans/staging.plan" "$root/plans/production.plan"
is "$status" 1 "diff of two environments: exit status 1"
run "$invplan" diff "$root/plans/staging.plan" "$work/none.plan"
is "$status" 2 "diff with a plan that is not there: exit status 2"
"$invplan" diff --format json "$root/plans/staging.plan" "$root/plans/production.plan" >"$work/diff.json"
run python3 -m json.tool "$work/diff.json"
is "$status" 0 "diff --format json is JSON"
if [ -e /dev/full ]; then
    "$invplan" show "$root/plans/local.plan" >/dev/full 2>"$work/full"
    is $? 74 "a full disk: exit status 74"
fi
finish
