#!/usr/bin/env python3
"""Derives `operations.json` from Rapid7's description of the API, and checks a running stand-in against that description.

    operations.py openapi.yaml > operations.json      # the method, path, statuses and required members of each operation
    operations.py openapi.yaml --check ORIGIN         # sends each operation there, with the keys in the environment

The description is api/openapi.yaml of https://github.com/ChrisMcKee/rapid7insightops-go. This requires PyYAML.
"""

import argparse
import json
import sys

import yaml

METHODS = ("get", "post", "put", "patch", "delete")


class Description:
    """The description, with its references resolved."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.whole = yaml.safe_load(file)

    def resolve(self, value):
        while "$ref" in value:
            names = value["$ref"].removeprefix("#/").split("/")
            value = self.whole
            for name in names:
                value = value[name]
        return value

    def operations(self):
        for path, operations in self.whole["paths"].items():
            for method in METHODS:
                if method in operations:
                    yield Operation(self, method.upper(), path, operations[method])


class Operation:
    def __init__(self, description, method, path, described):
        self.description, self.method, self.path = description, method, path
        self.responses = {
            int(status): description.resolve(response)
            for status, response in described["responses"].items()
            if status.startswith("2")
        }
        body = description.resolve(described.get("requestBody", {}))
        self.request_schema = self.schema(body)

    def __str__(self):
        return f"{self.method} {self.path}"

    @staticmethod
    def schema(message):
        """The schema of a JSON body, or None."""
        return message.get("content", {}).get("application/json", {}).get("schema")

    def row(self):
        statuses = sorted(self.responses)
        schema = self.schema(self.responses[statuses[0]])
        answer = None if schema is None else Example(self.description, every_member=False).of(schema, is_top=True)
        return {"method": self.method, "path": self.path, "status": statuses, "answer": answer}


class Example:
    """A value of a schema, with the members that it requires, or with every member."""

    def __init__(self, description, every_member):
        self.description, self.every_member = description, every_member

    def of(self, schema, is_top=False):
        schema = self.description.resolve(schema)
        if "oneOf" in schema:
            return self.of(schema["oneOf"][0], is_top)
        if "enum" in schema:
            return schema["enum"][0]
        kind = str(schema.get("type", "object" if is_top or "properties" in schema else "string")).lower()
        if kind == "object":
            return self.of_members(schema, is_top)
        if kind == "array":
            return [self.of(schema["items"])] if self.every_member else []
        return {"integer": 0, "int": 0, "number": 0, "boolean": True}.get(kind, "stand-in")

    def of_members(self, schema, is_top):
        properties = schema.get("properties", {})
        # Where an answer requires nothing, its wrapper (`{"tag": {..}}`) is all that it has.
        names = schema.get("required") or (properties if is_top else [])
        return {name: self.of(properties[name]) for name in (properties if self.every_member else names) if name in properties}


def problems(description, schema, value, at="answer"):
    """What of a value contradicts its schema: a type, an enum, or a required member that is missing."""
    schema = description.resolve(schema)
    if "oneOf" in schema:
        found = [problems(description, choice, value, at) for choice in schema["oneOf"]]
        return min(found, key=len)
    if value is None and schema.get("nullable"):
        return []
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at} is {json.dumps(value)}, not one of {schema['enum']}"]
    kind = str(schema.get("type", "object" if "properties" in schema else "")).lower().rstrip("s")
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "int": int, "number": (int, float), "boolean": bool}
    if kind in kinds and not isinstance(value, kinds[kind]):
        return [f"{at} is no {kind}"]
    if isinstance(value, list):
        return [found for n, item in enumerate(value) for found in problems(description, schema.get("items", {}), item, f"{at}[{n}]")]
    if not isinstance(value, dict):
        return []
    missing = [f"{at} has no {name}" for name in schema.get("required", []) if name not in value]
    members = [(name, member) for name, member in schema.get("properties", {}).items() if name in value]
    return missing + [found for name, member in members for found in problems(description, member, value[name], f"{at}.{name}")]


def write_table(description):
    rows = [json.dumps(operation.row()) for operation in description.operations()]
    print("[\n" + ",\n".join(rows) + "\n]")


def check(description, origin):
    """Returns the status of this program: 1 if an operation fails for which there is no reason."""
    from check_operations import REASONS, Checker  # beside this file

    checker = Checker(description, origin)
    operations = list(description.operations())
    failed = {str(operation): found for operation in operations if (found := checker.check(operation))}
    print(f"{len(operations) - len(failed)} of {len(operations)} operations are answered with the described status and members")
    for operation, found in failed.items():
        print(f"  {operation}: {REASONS.get(operation, 'FAILED')} ({found[0]})")
    return int(any(operation not in REASONS for operation in failed))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("description", help="the path of openapi.yaml")
    parser.add_argument("--check", metavar="ORIGIN", help="where the stand-in listens")
    options = parser.parse_args()
    description = Description(options.description)
    if options.check:
        sys.exit(check(description, options.check))
    write_table(description)


if __name__ == "__main__":
    main()
