"""Where the scenario's platform is, and who uses it."""

import json
import subprocess

import pytest
from hubclient import Hub, wait_until

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def ca(machine, tmp_path_factory):
    """Return the path of a copy of the platform's CA certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.crt"
    subprocess.run(["docker", "cp", f"{machine}:/opt/hubwright/certs/ca.crt", path], check=True, capture_output=True)
    return str(path)


@pytest.fixture
def address(machine):
    """Return the machine's address, which may be another one after a reboot."""
    told = subprocess.run(["docker", "inspect", machine], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)[0]["NetworkSettings"]["IPAddress"]


@pytest.fixture
def hub(ca, address):
    """Return the platform as a browser elsewhere sees it."""
    return Hub("https://hub.test/jupyterhub", ca, address)


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
def inspect(host):
    """Return a function that asks the machine's engine about a container."""
    return lambda name: json.loads(host.check_output("docker inspect %s", name))[0]


@pytest.fixture
def at_work(login):
    """Return a function that logs a person in and sees that their lab runs."""

    def do(name):
        person = login(name)  # which starts the lab, as in a browser
        wait_until(person.running, f"the lab of {name}", 120)
        person.request("GET", f"{person.server}/lab")
        return person

    return do


@pytest.fixture(scope="session")
def slow_upload():
    """Return a dict: the thread of an upload that takes a while, and how it went."""
    return {}
