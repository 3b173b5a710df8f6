"""Counts the calls of a client, and stops at the first that fails."""

import sys

import only_origin

_calls = []


def call(function, *arguments, **named):
    """Makes a call of the client; returns what it returned."""
    _calls.append(function.__name__)
    try:
        return function(*arguments, **named)
    except Exception as error:
        sys.exit(f"{function.__name__}{arguments}: {type(error).__name__}: {error}")


def check(is_true, what):
    if not is_true:
        sys.exit(f"after {_calls[-1]}: {what}")


def report(client):
    keys = "without keys" if only_origin.without_keys else "with keys"
    print(f"{client} {keys}: {len(_calls)} calls, {only_origin.count} requests")
