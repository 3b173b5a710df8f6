"""Sends every request of the library `requests` to one origin, below the client that uses it. For Python 2.7 and 3.

The environment names it: `CLIENTS_ONLY_ORIGIN` gets requests without any key, as a gateway takes them, and
`CLIENTS_ORIGIN` gets those of the client unchanged.
"""

import os

from requests.sessions import Session

KEY_HEADERS = ("x-api-key", "authorization-api-key")
without_keys = os.environ.get("CLIENTS_ONLY_ORIGIN")
origin = without_keys or os.environ.get("CLIENTS_ORIGIN")
count = 0
_send = Session.send


def send(session, request, **options):
    global count
    count += 1
    path = "/" + request.url.split("://", 1)[1].partition("/")[2]
    request.url = origin + path
    if without_keys:
        for name in KEY_HEADERS:
            request.headers.pop(name, None)
    options["proxies"] = {}
    return _send(session, request, **options)


if origin:
    Session.send = send
