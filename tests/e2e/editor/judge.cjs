// Validates YAML files with a JSON Schema as an editor does: judge.cjs SCHEMA FILE …
// One line a file: "accepted FILE", or "refused FILE: place message; …". A file that is no YAML is refused.
"use strict";
const fs = require("fs");
const Ajv = require("ajv");
const yaml = require("js-yaml");

const [schema, ...files] = process.argv.slice(2);
const validate = new Ajv({ allErrors: true }).compile(JSON.parse(fs.readFileSync(schema, "utf8")));

for (const file of files) {
    let problems;
    try {
        const accepted = validate(yaml.load(fs.readFileSync(file, "utf8"), { schema: yaml.CORE_SCHEMA }));
        problems = accepted ? null : validate.errors.map((error) => `${error.dataPath} ${error.message}`).join("; ");
    } catch (error) {
        problems = error.message.split("\n")[0];
    }
    console.log(problems === null ? `accepted ${file}` : `refused ${file}: ${problems}`);
}
