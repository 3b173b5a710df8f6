"""leexportpy 0.1.8, unchanged: its searches, whose results it gives to a service. Its own command is Python 2."""

import os

from calls import call, check, report
from leexportpy import request_helper
from leexportpy.search import Search

AUTH = {"rw_api_key": os.environ["LOGENTRIES_RW_API_KEY"], "ro_api_key": os.environ["LOGENTRIES_RO_API_KEY"]}
results = []


class Service:
    def __init__(self, response, api_key, destination):
        self.response = response

    def process(self):
        results.append(self.response)


def search(statement):
    query = {"logs": "7:8", "statement": statement, "query_range": "3600", "query_period": "60"}
    config = {"LE": AUTH, "Services": {"a_service": {"api_key": "of the service"}}}
    return Search(Service, {"query": query, "destination": {"service": "a_service"}}, config)


def main():
    logs = call(request_helper.do_get_le_url, "https://rest.logentries.com/management/logs", AUTH["ro_api_key"])
    check(logs.json()["logs"][0]["name"] == "web", logs.text)
    for statement, member in (("where(status=200)", "events"), ("calculate(count)", "statistics"), ("groupby(status)", "statistics")):
        call(search(statement).query_and_push_task)
        check(results and member in results.pop(), f"{statement} has no {member}")
    report("leexportpy")


main()
