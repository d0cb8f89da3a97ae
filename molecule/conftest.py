"""What the tests of all scenarios use: rebooting the machine, and its journal and logs when a test has failed."""

import subprocess
import time

import pytest

LOGS = """
journalctl --no-pager --lines 60 --unit docker || tail -n 60 /var/log/dockerd.log
docker ps --all
for name in $(docker ps --all --format '{{.Names}}'); do echo "== $name"; docker logs --tail 60 "$name" 2>&1; done
"""


def until(condition, seconds=120):
    """Return the first true answer of condition(), which may raise while it is not true yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := condition():
                return answer
        except (AssertionError, OSError, subprocess.SubprocessError):
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            msg = f"not within {seconds} s: {condition}"
            raise TimeoutError(msg)
        time.sleep(0.5)


@pytest.fixture
def reboot(host):
    """Return a function that reboots the machine and waits until systemd and the engine are up again."""

    def do():
        subprocess.run(["docker", "restart", host.backend.name], check=True, capture_output=True)
        until(lambda: host.run("systemctl is-system-running --wait").stdout.strip() in ("running", "degraded"))
        until(lambda: host.run("docker info").rc == 0)

    return do


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Append the machine's journal and the containers' logs to the report of a failed test."""
    report = (yield).get_result()
    if report.failed and call.when == "call" and "host" in item.funcargs:
        report.sections.append(("engine's journal and containers' logs", item.funcargs["host"].run(LOGS).stdout))
