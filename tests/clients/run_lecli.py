"""Runs a command of logentries-lecli with Python 2.7, perhaps to one origin only."""

import only_origin  # noqa: F401, it works by being imported
from lecli.cli import cli

cli()
