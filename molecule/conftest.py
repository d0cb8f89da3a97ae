"""What the tests of all scenarios use: the machine, the platform on it, and the people who use that."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from hubclient import PASSWORD, Hub, wait_until

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
LOGS = """
journalctl --no-pager --lines 60 --unit docker --unit '*-isolation' 2>/dev/null || tail -n 60 /var/log/dockerd.log
docker ps --all
for name in $(docker ps --all --format '{{.Names}}'); do echo "== $name"; docker logs --tail 60 "$name" 2>&1; done
iptables -S
"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Append the machine's journal and the containers' logs to the report of a failed test."""
    report = (yield).get_result()
    if report.failed and "host" in item.funcargs:
        report.sections.append(("journal, container logs and rules", item.funcargs["host"].run(LOGS).stdout))


# The machine


@pytest.fixture(scope="session")
def machine():
    """Return the name of the test machine, which is a container of this host's engine."""
    return f"hubwright-test-{SCENARIO.name}"


@pytest.fixture
def address(machine):
    """Return the machine's address, which may be another one after a reboot."""
    told = subprocess.run(["docker", "inspect", machine], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)[0]["NetworkSettings"]["IPAddress"]


@pytest.fixture
def inspect(host):
    """Return a function that asks the machine's engine about a container."""
    return lambda name: json.loads(host.check_output("docker inspect %s", name))[0]


@pytest.fixture
def reboot(host, machine):
    """Return a function that reboots the machine and waits until systemd says that it is up."""

    def do():
        subprocess.run(["docker", "restart", machine], check=True, capture_output=True)
        up = {"running", "degraded"}  # degraded: a container loads no kernel modules
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


@pytest.fixture(scope="session")
def converge():
    """Return a function that runs the scenario's part of site.yml with further options and returns how it went."""

    def do(*options, **variables):
        inventories = [f"--inventory={path}/inventory.yml" for path in (SCENARIO.parent / "shared", SCENARIO)]
        return subprocess.run(
            ["ansible-playbook", *inventories, *options, "--extra-vars", json.dumps(variables), "site.yml"],
            cwd=SCENARIO.parents[1],
            env={**os.environ, "ANSIBLE_FORCE_COLOR": "0"},
            capture_output=True,
            text=True,
            check=False,
        )

    return do


# The platform; a scenario with other names overrides root and url


@pytest.fixture(scope="session")
def root():
    """Return hubwright_root."""
    return "/opt/hubwright"


@pytest.fixture(scope="session")
def url():
    """Return the URL people type."""
    return "https://hub.test/jupyterhub"


@pytest.fixture(scope="session")
def ca(machine, root, tmp_path_factory):
    """Return the path of a copy of the platform's CA certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.crt"
    subprocess.run(["docker", "cp", f"{machine}:{root}/certs/ca.crt", path], check=True, capture_output=True)
    return str(path)


@pytest.fixture
def hub(url, ca, address):
    """Return the platform as a browser elsewhere sees it."""
    return Hub(url, ca, address)


# Its people


@pytest.fixture
def sign_up(hub):
    """Return a function that fills in the sign-up form for a person."""
    return lambda name: hub.session().signup(name, PASSWORD)


@pytest.fixture
def login(hub):
    """Return a function that logs a person in."""

    def do(name):
        person = hub.session()
        person.login(name, PASSWORD)
        return person

    return do


@pytest.fixture
def at_work(login):
    """Return a function that logs a person in and sees that their lab runs."""

    def do(name):
        person = login(name)  # which starts the lab, as in a browser
        wait_until(person.running, f"the lab of {name}", 120)
        person.request("GET", f"{person.server}/lab")
        return person

    return do
