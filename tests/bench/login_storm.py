"""How soon the hub answers others while 16 people at once log in with wrong passwords.

The floor is the same hub, idle; the peer checks passwords on the event loop, as NativeAuthenticator does.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from unittest import mock

from hubclient import HubError
from hubwright.authenticator import HubwrightAuthenticator
from runninghub import running_hub

SECONDS = 8
GUESSERS = 16
UNLIMITED = {"JUPYTERHUB_LOCKOUT_FAILURES": "100000", "JUPYTERHUB_LOCKOUT_ADDRESS_FAILURES": "100000"}


def health(hub) -> tuple[float, float]:
    """Ask for /hub/health for a while. Returns p50 and p99 in milliseconds."""
    http, times = hub.connect(), []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        began = time.monotonic()
        http.get(hub.url + "/hub/health").raise_for_status()
        times.append((time.monotonic() - began) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def storm(hub) -> tuple[float, float, float]:
    """Ask for /hub/health while others guess. Returns p50, p99 in milliseconds, and guesses judged a second."""
    over, guesses = threading.Event(), []

    def guess(number: int) -> None:
        session = hub.session()
        while not over.is_set():
            with suppress(HubError):
                session.login(f"name{number}", "certainly wrong")
            guesses.append(number)

    threads = [threading.Thread(target=guess, args=[number]) for number in range(GUESSERS)]
    for thread in threads:
        thread.start()
    p50, p99 = health(hub)
    judged = len(guesses) / SECONDS
    over.set()
    for thread in threads:
        thread.join()
    return p50, p99, judged


async def _on_the_loop(_self, function, *args):
    return function(*args)


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as directory, running_hub(Path(directory), **UNLIMITED) as hub:
        hub.app.log.setLevel(logging.CRITICAL)
        rows = [("idle", *health(hub), 0.0), ("16 wrong logins at a time", *storm(hub))]
        with mock.patch.object(HubwrightAuthenticator, "_in_thread", _on_the_loop):
            rows.append(("the same, bcrypt on the event loop", *storm(hub)))
    floor = rows[0]
    lines = [f"/hub/health{'':26}p50 ms   p99 ms   p50/idle  p99/idle  guesses/s"]
    for what, p50, p99, judged in rows:
        lines.append(f"{what:36}{p50:7.1f}  {p99:7.1f}  {p50 / floor[1]:8.1f}  {p99 / floor[2]:8.1f}  {judged:9.1f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
