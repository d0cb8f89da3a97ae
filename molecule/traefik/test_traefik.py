"""Traefik alone, without a hub: it is asked what a browser and what the hub would ask it."""

import shlex
import socket
import ssl
from http.client import HTTPSConnection

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
# What jupyterhub-traefik-proxy writes for the hub.
HUB_ROUTE = """
[http.routers.router_jupyterhub]
rule = "( PathPrefix(`/jupyterhub/`) || Path(`/jupyterhub`) )"
entryPoints = ["https"]
service = "service_jupyterhub"
[[http.services.service_jupyterhub.loadBalancer.servers]]
url = "http://jupyterhub:8081"
"""
# Stands where the hub is, and answers with the headers that came that far.
HUB = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(self.headers)).encode())
    do_POST = do_GET

ThreadingHTTPServer(("", 8081), Echo).serve_forever()
"""
LOGIN, SIGNUP = "https://hub.test/jupyterhub/hub/login", "https://hub.test/jupyterhub/hub/signup"
FROM_THE_MACHINE = """
import requests
print(requests.post("https://localhost/jupyterhub/hub/login", verify=False, headers={"X-Forwarded-For": "192.0.2.9"}))
"""


@pytest.fixture(scope="module")
def traefik(host):
    """Start Traefik and wait until it calls itself healthy; return nothing."""
    host.run_expect([0], f"{COMPOSE} up --detach --wait")


@pytest.fixture
def browser(ca, address):
    return Hub("https://hub.test", ca, address).connect()


@pytest.fixture
def hub(host, traefik, browser):
    """Put something in the hub's place and wait until Traefik leads to it."""
    (image,) = [
        name
        for name in host.check_output("docker image ls --format {{.Repository}}:{{.Tag}}").split()
        if "/hub:" in name
    ]
    host.check_output(
        f"docker run --detach --name hub --network jupyterhub_network --network-alias jupyterhub {image} python -c %s",
        HUB,
    )
    rules = "/opt/hubwright/traefik/dynamic/rules.toml"
    host.run_expect([0], "printf %s " + shlex.quote(HUB_ROUTE) + f" > {rules}")
    wait_until(lambda: browser.get(LOGIN).status_code == 200, "the hub's place to answer")
    yield
    host.run_expect([0], f"docker rm --force hub && rm {rules}")


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


def test_logins_are_limited_for_each_client(host, hub, browser, ca, address):
    """The inventory allows 3 a minute: the fourth has to wait, under whatever name and spelling."""
    assert [browser.post(LOGIN).status_code for _ in range(3)] == [200] * 3
    refused = browser.post(LOGIN)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) <= 20
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Real-Ip": "192.0.2.1", "X_Forwarded_For": "192.0.2.1"}
    assert browser.post(LOGIN, headers=forged).status_code == 429
    others = ["login?next=x", "%6Cogin", "/login", "x/..//login", "change-password", "api/users/ann/tokens"]
    assert {path: post(f"/jupyterhub/hub/{path}", ca, address) for path in others} == dict.fromkeys(others, 429)

    assert browser.get(LOGIN).status_code == 200
    assert browser.post("https://hub.test/jupyterhub/hub/api/users").status_code == 200
    assert "[200]" in host.check_output("python3 -W ignore -c %s", FROM_THE_MACHINE)


def test_sign_ups_are_limited_on_their_own(hub, browser):
    assert [browser.post(SIGNUP).status_code for _ in range(3)] == [200, 200, 429]
    assert browser.get(SIGNUP).status_code == 200


def test_nobody_lies_about_an_address(hub, browser):
    mine = browser.get(LOGIN).json()["X-Forwarded-For"]
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Real-Ip": "192.0.2.1"}
    forged |= {name.replace("-", "_"): value for name, value in forged.items()}
    seen = browser.get(LOGIN, headers=forged).json()
    assert (seen["X-Forwarded-For"], seen["X-Real-Ip"]) == (mine, mine)
    assert "192.0.2.1" not in seen.values()


def test_a_load_balancer_is_believed(host, hub, converge, browser):
    me = browser.get(LOGIN).json()["X-Forwarded-For"]
    run = converge(traefik_trusted_proxies=[me])
    assert run.returncode == 0, run.stdout[-3000:]
    host.run_expect([0], f"{COMPOSE} up --detach --wait")

    def log_in_for(client):
        return browser.post(LOGIN, headers={"X-Forwarded-For": client})

    answers = [log_in_for("192.0.2.1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].json()["X-Forwarded-For"] == f"192.0.2.1, {me}"
    assert log_in_for("192.0.2.2").status_code == 200
    assert log_in_for("192.0.2.3, 192.0.2.1").status_code == 429  # what a client claims comes first


def post(target, ca, address):
    """Return the status of a POST whose path nothing on this side tidies up."""
    context = ssl.create_default_context(cafile=ca)
    connection = HTTPSConnection("hub.test")
    connection.sock = context.wrap_socket(socket.create_connection((address, 443)), server_hostname="hub.test")
    connection.request("POST", target)
    return connection.getresponse().status


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
