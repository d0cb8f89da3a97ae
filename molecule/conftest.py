"""What the tests of all scenarios use: the rules of isolation, a reboot, and journal and logs of a test that failed."""

import os
import subprocess

import pytest
from hubclient import wait_until

LOGS = """
journalctl --no-pager --lines 60 --unit docker --unit 'hubwright*' 2>/dev/null || tail -n 60 /var/log/dockerd.log
docker ps --all
for name in $(docker ps --all --format '{{.Names}}'); do echo "== $name"; docker logs --tail 60 "$name" 2>&1; done
iptables -S
"""


@pytest.fixture(scope="session")
def machine():
    """Return the name of the test machine, which is a container of this host's engine."""
    return f"hubwright-test-{os.environ['MOLECULE_SCENARIO_NAME']}"


@pytest.fixture
def reboot(host, machine):
    """Return a function that reboots the machine and waits until systemd says that it is up."""

    def do():
        subprocess.run(["docker", "restart", machine], check=True, capture_output=True)
        # degraded: a container loads no kernel modules
        up = {"running", "degraded"}
        wait_until(lambda: host.run("systemctl is-system-running --wait").stdout.strip() in up, "the reboot", 120)

    return do


@pytest.fixture
def assert_isolated(host):
    """Return a function that asserts that each rule of isolation is in the kernel, once, and before Docker's own."""

    def do():
        found = host.check_output("iptables -S DOCKER-USER && iptables -S HUBWRIGHT-hubwright").splitlines()
        assert len(found) == len(set(found))
        assert found[1] == "-A DOCKER-USER -j HUBWRIGHT-hubwright"
        rules = [rule.removeprefix("-A HUBWRIGHT-hubwright ") for rule in found if "-A HUBWRIGHT-hubwright" in rule]
        assert len(rules) == 6
        assert rules[0] == "-d 169.254.169.254/32 -i hubwright0 -j DROP"
        assert rules[-1] == "-i hubwright0 -o hubwright0 -j DROP"

    return do


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Append the machine's journal and the containers' logs to the report of a failed test."""
    report = (yield).get_result()
    if report.failed and "host" in item.funcargs:
        report.sections.append(("journal, container logs and rules", item.funcargs["host"].run(LOGS).stdout))
