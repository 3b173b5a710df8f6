"""Runs other clients of the API against the example `stand_in`, and without any key through `signing_gateway`.

`.ci/clients` installs them, builds the examples and calls this with the folder that has them.
"""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CLIENTS = ("insightidr.py", "leexport.py", "guide_scripts.py")
# lecli takes UUIDs only, and so do these.
KEYS = {
    "LOGENTRIES_OWNER_API_KEY_ID": "11111111-aaaa-4bbb-8ccc-1234cb123401",
    "LOGENTRIES_OWNER_API_KEY": "22222222-aaaa-4bbb-8ccc-1234cb123402",
    "LOGENTRIES_RW_API_KEY": "33333333-aaaa-4bbb-8ccc-1234cb123403",
    "LOGENTRIES_RO_API_KEY": "44444444-aaaa-4bbb-8ccc-1234cb123404",
}


@contextlib.contextmanager
def serving(example, *arguments):
    """Starts an example; gives the origin that its first line names. It writes into a file, which never blocks it."""
    log = example.with_name(f"{example.name}.log")
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen([example, *arguments], stdout=output, env={**os.environ, **KEYS})
    try:
        yield origin_in(log, process)
    finally:
        process.terminate()
        process.wait()


def origin_in(log, process):
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8")):
            return found[0]
    sys.exit(f"{process.args[0]} ended: {log.read_text(encoding='utf-8')}")


def run(client, variable, origin):
    environment = {**os.environ, **KEYS, variable: origin}
    ran = subprocess.run([sys.executable, HERE / client], env=environment, stdout=subprocess.PIPE, text=True, timeout=120)
    print(ran.stdout, end="", flush=True)
    if ran.returncode:
        sys.exit(ran.returncode)
    return int(re.search(r"(\d+) calls", ran.stdout)[1])


def main(examples):
    calls = 0
    for client in CLIENTS:
        with serving(examples / "stand_in") as stand_in:
            calls += run(client, "CLIENTS_ORIGIN", stand_in)
        with serving(examples / "stand_in") as stand_in:
            with serving(examples / "signing_gateway", "--listen", "127.0.0.1:0", "--upstream", stand_in) as gateway:
                calls += run(client, "CLIENTS_ONLY_ORIGIN", gateway)
    print(f"{calls} calls of other clients succeeded")


main(Path(sys.argv[1]))
