"""Container health check: exit status 0 when the hub's event loop answers.

JupyterHub's /hub/health touches neither database nor proxy, and that is what an orchestrator should act upon:
restarting the hub cures neither a full disk nor a stopped Traefik.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

from hubwright.settings import load

TIMEOUT = 4
"""Seconds; below the HEALTHCHECK's own timeout, so that the reason is printed."""


def main() -> int:
    """Ask the hub once. Returns the process's exit status."""
    url = f"http://127.0.0.1:8081{load(os.environ).base_url}hub/health"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            answer.read()
    except (urllib.error.URLError, OSError) as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
