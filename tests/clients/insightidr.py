"""insightidr4py 0.3.1, unchanged: its calls for logs, queries, alerts and saved queries."""

import os

import InsightIDR4Py
from calls import call, check, report

# QueryEvents reads it, and the module never sets it.
InsightIDR4Py.headers = {}


def logs(client):
    found = call(client.GetLogInfo)
    check([log["name"] for log in found] == ["web"], found)
    names = call(client.ListLogSetNames)
    check(names == ["Servers"], names)
    ids = call(client.ListLogIdsByLogSetName, "servers")
    check(ids == [found[0]["id"]], ids)


def queries(client):
    events = call(client.QueryEvents, "Servers", "where(status=200)")
    check(len(events) == 60 and events[0]["status"] == 200, events)
    times = {"time_range": None, "from_time": "01/30/2016 00:00:00", "to_time": "01/31/2016 00:00:00"}
    events = call(client.QueryEvents, "Servers", "where(status=200)", **times)
    check(len(events) == 60, events)
    groups = call(client.QueryGroups, "Servers", "where(/.*/) groupby(status)")
    check(groups == {"200": 60}, groups)


def alerts(client):
    created = call(client.CreateCustomAlert, "errors", "Servers", "where(error)", priority="high")["tag"]
    check(created["name"] == "errors" and len(created["sources"]) == 1, created)
    alert = created["id"]
    check(alert in [listed["id"] for listed in call(client.ListCustomAlerts)], "it is not listed")
    check(call(client.GetCustomAlert, alert) == created, "another one is shown")
    updated = call(client.UpdateCustomAlert, alert, name="warnings")["tag"]
    check((updated["name"], updated["leql"]) == ("warnings", created["leql"]), updated)
    replaced = call(client.ReplaceCustomAlert, alert, "others", ["7"], "where(other)")["tag"]
    check((replaced["name"], replaced["sources"]) == ("others", [{"id": "7"}]), replaced)
    check(call(client.DeleteCustomAlert, alert).status_code == 204, "it is not deleted")


def saved_queries(client):
    created = call(client.CreateSavedQuery, "errors", "where(error)", logset_name="Servers")["saved_query"]
    query = created["id"]
    check(query in [listed["id"] for listed in call(client.ListSavedQueries)], "it is not listed")
    check(call(client.GetSavedQuery, query) == created, "another one is shown")
    updated = call(client.UpdateSavedQuery, query, name="warnings")["saved_query"]
    check((updated["name"], updated["leql"]) == ("warnings", created["leql"]), updated)
    replaced = call(client.ReplaceSavedQuery, query, "others", "where(other)")["saved_query"]
    check((replaced["name"], replaced["logs"]) == ("others", created["logs"]), replaced)
    check(call(client.DeleteSavedQuery, query).status_code == 204, "it is not deleted")


def main():
    client = call(InsightIDR4Py.InsightIDR, os.environ["LOGENTRIES_RW_API_KEY"])
    check(client.region == "us", client.region)
    for group in (logs, queries, alerts, saved_queries):
        group(client)
    report("insightidr4py")


main()
