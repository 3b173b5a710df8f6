"""Sends an operation of the description to a stand-in, and judges the answer. `operations.py --check` uses it."""

import json
import os
import re
import urllib.error
import urllib.request

from operations import Example, problems

QUERY = {"statement": "where(/.*/)", "during": {"from": 1000, "to": 61000}}
# What the description requires beside the path. A parameter that an operation does not have is ignored.
DAYS = "?from=2016-02-28&to=2016-03-01"
PARAMETERS = "?from=1000&to=61000&timestamp=1000&context_type=SURROUND&logset_name={logset}&log_keys={log}"


# Why an operation is answered in another way.
ONE_TARGET = "the description has a single target where targets are listed"
REQUEST_AND_ANSWER = "the stand-in keeps what it is sent, and the description's request contradicts its answer"
DAILY_USAGE = "logentries-lecli reads a list of days, where the description has one"
REASONS = {
    "GET /management/targets": ONE_TARGET,
    "POST /management/tags": REQUEST_AND_ANSWER,
    "PUT /management/tags/{rule_id}": REQUEST_AND_ANSWER,
    "POST /management/metrics": REQUEST_AND_ANSWER,
    "PUT /management/metrics/{metric_id}": REQUEST_AND_ANSWER,
    "GET /usage/organizations": DAILY_USAGE,
    "GET /usage/organizations/logs/{log_key}": DAILY_USAGE,
}


class Checker:
    def __init__(self, description, origin):
        self.description, self.origin = description, origin.rstrip("/")
        self.key = os.environ["LOGENTRIES_RW_API_KEY"]
        self.log = self.first("/management/logs", "logs")["id"]
        self.logset = self.first("/management/logsets", "logsets")

    def first(self, path, name):
        return self.send("GET", path)[1][name][0]

    def send(self, method, path, body=None):
        """Sends a request; returns the status and the JSON of the answer, or its text."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-api-key": self.key, "content-type": "application/json"}
        request = urllib.request.Request(self.origin + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as response:
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def check(self, operation):
        """Returns what of an answer is not as described."""
        path = self.fill(operation.path)
        status, answer = self.send(operation.method, path + self.parameters(operation), self.body(operation))
        if status not in operation.responses:
            return [f"the status is {status}, not one of {list(operation.responses)}"]
        schema = operation.schema(operation.responses[status])
        if schema is not None:
            return problems(self.description, schema, answer)
        has_text = "text/plain" in operation.responses[status].get("content", {})
        return [] if has_text == bool(answer) else ["the body is not the described one"]

    def parameters(self, operation):
        if operation.method != "GET":
            return ""
        if operation.path.startswith("/usage"):
            return DAYS
        return PARAMETERS.format(logset=self.logset["name"], log=self.log)

    def body(self, operation):
        schema = operation.request_schema
        if schema is None:
            return None
        if operation.path in ("/query/logs", "/query/live/logs", "/audit/query/logs"):
            return {"logs": [self.log], "leql": QUERY}
        return Example(self.description, every_member=True).of(schema)

    def fill(self, path):
        """Puts ids in the place of `{id}`: of an item that was created for it, where the collection takes items."""
        while match := re.search(r"\{(\w+)\}", path):
            path = path[: match.start()] + self.id_for(path[: match.start() - 1], match[1]) + path[match.end() :]
        return path

    def id_for(self, collection, parameter):
        if parameter in ("log_keys", "log_key") or collection == "/audit/management/logs":
            return self.log
        if collection == "/query/logsets":
            return self.logset["id"]
        if collection in ("/query", "/query/live", "/audit/query"):
            return self.send("POST", f"{collection}/logs", {"logs": [self.log], "leql": QUERY})[1]["links"][0]["href"].split("/")[-1]
        if parameter == "saved_query_id":
            collection = "/query/saved_queries"
        if collection == "/exports":
            return self.first(collection, "export_jobs")["id"]
        created = self.send("POST", collection, {})[1]
        return find_id(created) or "1"


def find_id(answer):
    if not isinstance(answer, dict):
        return None
    return answer.get("id") or next((found for member in answer.values() if (found := find_id(member))), None)
