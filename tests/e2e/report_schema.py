#!/usr/bin/env python3
"""Checks a JSON file against spec/schema/report.schema.json: report_schema.py SCHEMA FILE. Knows the keywords that this
schema uses and stops at any other, so that nothing in it is passed over."""
import json
import re
import sys

NOTES = {"$schema", "$id", "$defs", "title", "description"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def check(root, schema, value, place):
    for key, wanted in schema.items():
        ok = True
        if key in NOTES:
            continue
        if key == "$ref":
            check(root, root["$defs"][wanted.rsplit("/", 1)[1]], value, place)
        elif key == "type":
            ok = any(is_type(value, name) for name in ([wanted] if isinstance(wanted, str) else wanted))
        elif key == "enum":
            ok = value in wanted
        elif key == "const":
            ok = value == wanted
        elif key == "pattern":
            ok = not isinstance(value, str) or re.search(wanted, value)
        elif key == "minimum":
            ok = not is_type(value, "number") or value >= wanted
        elif key == "maximum":
            ok = not is_type(value, "number") or value <= wanted
        elif key == "required":
            ok = not isinstance(value, dict) or all(name in value for name in wanted)
        elif key == "properties":
            for name, inner in wanted.items():
                if isinstance(value, dict) and name in value:
                    check(root, inner, value[name], f"{place}/{name}")
        elif key == "additionalProperties":
            ok = wanted is not False or not isinstance(value, dict) or set(value) <= set(schema["properties"])
        elif key == "items":
            for index, item in enumerate(value if isinstance(value, list) else []):
                check(root, wanted, item, f"{place}/{index}")
        elif key in ("anyOf", "oneOf"):
            ok = any(passes(root, inner, value, place) for inner in wanted)
        else:
            sys.exit(f"the schema uses '{key}', which this check does not know")
        if not ok:
            raise ValueError(f"{place or '/'}: '{key}' is not kept: {json.dumps(value)[:200]}")


def passes(root, schema, value, place):
    try:
        check(root, schema, value, place)
    except ValueError:
        return False
    return True


with open(sys.argv[1], encoding="utf-8") as schema_file, open(sys.argv[2], encoding="utf-8") as report_file:
    report_schema = json.load(schema_file)
    try:
        check(report_schema, report_schema, json.load(report_file), "")
    except ValueError as error:
        sys.exit(str(error))
