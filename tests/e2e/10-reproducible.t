#!/usr/bin/env bash
# The plan is the same bytes from another folder, time zone, locale, umask and order of files, with gcc and with clang.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

new_project
run "$invplan" compile --all
is "$status" 0 "the project compiles"
for environment in local staging production; do
    same_files "plans/$environment.plan" "$root/plans/$environment.plan" "plans/$environment.plan is what is committed"
done

mkdir -p "$work/elsewhere/a b/ünï"
cp -r migrations migrations.yaml "$work/elsewhere/a b/ünï/"
cd "$work/elsewhere/a b/ünï" || exit 1
(
    umask 077
    TZ=Pacific/Kiritimati LC_ALL=C LANG=tr_TR.UTF-8 HOME=/nonexistent "$invplan" compile --all
) >"$work/log" 2>&1
is $? 0 "it compiles in another folder, with another time zone, locale, umask and home"
same_files plans/production.plan "$root/plans/production.plan" "and gives the same bytes"

if [ -x "$build/asan/invplan" ]; then
    run "$build/asan/invplan" compile --all -o "$work/clang"
    is "$status" 0 "the build with clang compiles it"
    same_files "$work/clang/production.plan" "$root/plans/production.plan" "and gives the same bytes"
fi

# Includes are sorted by bytes, whatever order the folder lists them in.
mkdir -p "$work/split/parts"
cd "$work/split" || exit 1
cat >migrations.yaml <<'YAML'
invplan: 1
project: split
include: [parts/*.yaml]
targets:
  db: { engine: postgres, version: 15, ledger: invplan }
environments:
  local: { targets: { db: { url: "${env:DATABASE_URL}" } } }
YAML
part() { printf 'migrations:\n  - id: %s\n    target: db\n    steps:\n      - create_schema: %s\n' "$1" "$1"; }
part one >parts/b.yaml
part two >parts/B.yaml
part three >parts/a.yaml
run "$invplan" compile --all
is "$status" 0 "a project in parts compiles"
cp plans/local.plan "$work/first.plan"
rm -r parts
mkdir parts
part three >parts/a.yaml
part two >parts/B.yaml
part one >parts/b.yaml
"$invplan" compile --all >/dev/null 2>&1
same_files plans/local.plan "$work/first.plan" "files made in another order give the same bytes"
is "$(grep -o '^{"migration":"[a-z]*' plans/local.plan | cut -d'"' -f4 | tr '\n' ' ')" "two three one " "they are taken in the order of their bytes"

echo "# a comment" >>migrations.yaml
run "$invplan" compile --all --check
is "$status" 4 "compile --check says that a plan is stale"
like "$output" "plans/local.plan" "and names it"
finish
