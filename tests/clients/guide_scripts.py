"""Sends what the three scripts of https://github.com/LogentriesCommunity/Logentries-REST-Examples send: they add users, list
them, and add existing ones. They sign; this signs independently of the crate."""

import base64
import hashlib
import hmac
import json
import os
from email.utils import formatdate

import requests
from calls import call, check, report

ID, KEY = os.environ["LOGENTRIES_OWNER_API_KEY_ID"], os.environ["LOGENTRIES_OWNER_API_KEY"]
USERS = "management/accounts/55555555-aaaa-4bbb-8ccc-1234cb123405/users"


def send(method, path, body=""):
    date = formatdate(usegmt=True)
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    canonical = f"{method}application/json{date}{path}{digest}"
    signature = base64.b64encode(hmac.new(KEY.encode(), canonical.encode(), hashlib.sha1).digest()).decode()
    headers = {"Date": date, "Content-Type": "application/json", "authorization-api-key": f"{ID}:{signature}"}
    return requests.request(method, f"https://rest.logentries.com/{path}", headers=headers, data=body)


def add_user(fields):
    return send("POST", USERS, json.dumps(fields))


def list_users():
    return send("GET", USERS)


def add_existing_user(user):
    return send("POST", f"{USERS}/{user}")


def main():
    ids = []
    for name in ("john", "jane"):
        added = call(add_user, {"first_name": name, "last_name": "Smyth", "email": f"{name}@smyth.com"})
        check(added.status_code == 201, added.text)
        ids.append(added.json()["user"]["id"])
    users = call(list_users).json()["users"]
    check(sorted(user["id"] for user in users) == sorted(ids), users)
    for user in ("66666666-aaaa-4bbb-8ccc-1234cb123406", ids[0]):
        added = call(add_existing_user, user)
        check((added.status_code, added.json()["user"]["id"]) == (201, user), added.text)
        check(added.request.headers["Content-Length"] == "0", added.request.headers)
    report("scripts of the guide")


main()
