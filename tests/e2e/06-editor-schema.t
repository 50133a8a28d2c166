#!/usr/bin/env bash
# spec/schema/migrations.schema.json, by which editors complete and check: ajv accepts with it what the compiler accepts, and
# refuses what is wrong in its structure.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

export NODE_PATH=/usr/share/nodejs # where Debian puts node's libraries, also for a node that is not Debian's
if ! node -e 'require("ajv"); require("js-yaml")' 2>/dev/null; then
    echo "06-editor-schema.t: NODE, node-ajv OR node-js-yaml IS MISSING: the editors' schema is NOT tested; 'make deps' installs them" >&2
    skip_all "node, node-ajv or node-js-yaml is missing: the editors' schema is not tested"
fi
judge() { node "$root/tests/e2e/editor/judge.cjs" spec/schema/migrations.schema.json "$@"; }
cd "$root" || exit 1

# What depends on more than the structure of the one file: the engine of the step's target, and what includes the file.
beyond=(spec001-targets-in-included-file spec001-typeorm-on-dynamodb spec003-variable spec025)
is_beyond() {
    local name
    for name in "${beyond[@]}"; do [[ $1 == *"$name"* ]] && return 0; done
    return 1
}

mapfile -t good < <(find migrations.yaml tests/golden/plans tests/golden/lint tests/golden/exports tests/crash/projects -name '*.yaml' | sort)
judged=$(judge "${good[@]}")
is "$(grep -v '^accepted' <<<"$judged")" "" "ajv accepts the ${#good[@]} files that the compiler accepts"

wrong=()
for file in tests/golden/errors/*.yaml; do
    if grep -qE 'error\[(SPEC00[1-9]|SPEC01[0134]|EVENT003)\]' "${file%.yaml}.err" && ! is_beyond "$file"; then wrong+=("$file"); fi
done
judged=$(judge "${wrong[@]}")
is "$(grep '^accepted' <<<"$judged")" "" "ajv refuses the ${#wrong[@]} files with an unknown, missing or wrong key, word, number or step"
like "$(judge tests/golden/errors/spec014-two-steps-in-one.yaml)" 'steps\[0\] should NOT have more than 1 prop' "and says where"
if [ "${#good[@]}" -ge 40 ] && [ "${#wrong[@]}" -ge 40 ]; then
    pass "there are many of both"
else
    fail "there are many of both" "${#good[@]} good, ${#wrong[@]} wrong"
fi

# shellcheck disable=SC2016
undescribed=$(node -e '
    const schema = JSON.parse(require("fs").readFileSync("spec/schema/migrations.schema.json", "utf8"));
    for (const [name, body] of Object.entries(schema.definitions)) {
        if (name !== "variable" && !body.description) console.log(name);
        for (const [key, value] of Object.entries(body.properties || {})) if (!value.description) console.log(`${name}.${key}`);
    }')
is "$undescribed" "" "every key and every mapping has a description"
finish
