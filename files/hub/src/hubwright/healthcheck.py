"""Container health check: exit status 0 when the hub's event loop answers.

JupyterHub's /hub/health touches neither database nor proxy, and that is what an orchestrator should act upon:
restarting the hub cures neither a full disk nor a stopped Traefik.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

URL = "http://127.0.0.1:8081/health"
"""Outside the base URL, whatever that is: the hub redirects it to its own /hub/health."""

TIMEOUT = 4
"""Seconds; below the HEALTHCHECK's own timeout, so that the reason is printed."""


def main() -> int:
    """Ask the hub once. Returns the process's exit status."""
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as answer:
            answer.read()
    except (urllib.error.URLError, OSError) as error:
        sys.stderr.write(f"{URL}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
