"""Traefik alone, without a hub: it is asked what a browser and what the hub would ask it."""

import shlex

import pytest
import requests
from hubclient import Hub, wait_until

COMPOSE = "cd /opt/hubwright && docker compose -f compose.yml -f compose.d/traefik.yml"
NAME = "hubwright-traefik-1"
ROUTE = """
[http.routers.try]
rule = "Path(`/ping`)"
entryPoints = ["https"]
service = "try"
[[http.services.try.loadBalancer.servers]]
url = "http://127.0.0.1:8080"
"""


@pytest.fixture(scope="module")
def traefik(host):
    """Start Traefik and wait until it calls itself healthy; return nothing."""
    host.run_expect([0], f"{COMPOSE} up --detach --wait")


@pytest.fixture
def browser(ca, address):
    return Hub("https://hub.test", ca, address).connect()


pytestmark = pytest.mark.usefixtures("host", "traefik")


def test_http_redirects_to_https(browser):
    answer = browser.get("http://hub.test/some/where?a=b", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://hub.test/some/where?a=b")


def test_an_unknown_path_is_not_found_over_a_trusted_connection(browser):
    assert browser.get("https://hub.test/nothing").status_code == 404


def test_a_route_is_in_force_when_its_file_is_written(host, browser):
    route = "https://hub.test/ping"  # to Traefik's own, which is in reach in any case
    assert browser.get(route).status_code == 404
    rules = "/opt/hubwright/traefik/dynamic/try.toml"
    host.run_expect([0], "printf %s " + shlex.quote(ROUTE) + f" > {rules}")
    wait_until(lambda: browser.get(route).status_code == 200, "the route", timeout=1.5)
    host.run_expect([0], f"rm {rules}")
    wait_until(lambda: browser.get(route).status_code == 404, "the route to go", timeout=1.5)


def test_a_new_certificate_is_served_by_the_same_process(host, inspect, converge, browser, ca, address):
    started = inspect(NAME)["State"]["StartedAt"]
    other = Hub("https://other.test", ca, address).connect()
    with pytest.raises(requests.exceptions.SSLError):
        other.get("https://other.test/")
    run = converge(certs_names=["hub.test", "other.test"])
    assert run.returncode == 0, run.stdout[-3000:]

    def trusted():
        try:
            return other.get("https://other.test/").status_code == 404
        except requests.exceptions.SSLError:
            return False

    wait_until(trusted, "the new certificate", timeout=5)
    assert inspect(NAME)["State"]["StartedAt"] == started


def test_container_has_next_to_no_rights(inspect, host):
    told = inspect(NAME)
    assert told["HostConfig"]["ReadonlyRootfs"]
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in told["HostConfig"]["SecurityOpt"]
    assert told["State"]["Health"]["Status"] == "healthy"
    status = host.file(f"/proc/{told['State']['Pid']}/status").content_string
    assert "Uid:\t64500\t" in status
    listening = host.check_output("ss --no-header --listening --tcp --numeric")
    assert "127.0.0.1:8080" in listening
    assert "0.0.0.0:8080" not in listening
