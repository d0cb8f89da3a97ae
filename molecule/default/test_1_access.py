"""What is in front of the hub, and what is kept from whom."""

import base64
import json
import socket
import ssl

import pytest

pytestmark = pytest.mark.usefixtures("host")

DASHBOARD = "http://127.0.0.1:8080"


@pytest.fixture
def password(host):
    """Return the password of Traefik's API."""
    return host.file("/opt/hubwright/secrets/traefik_api_password").content_string


@pytest.fixture
def traefik(host, password):
    """Return a function that asks Traefik's API from the machine itself."""

    def ask(path, *, user="jupyterhub"):
        headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
        request = f"Request('{DASHBOARD}{path}', headers={headers})"
        return host.run("python3 -c %s", f"from urllib.request import *; print(urlopen({request}).read().decode())")

    return ask


def handshake(address, name, context):
    with socket.create_connection((address, 443), 5) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        return tls.version(), tls.getpeercert()


def test_http_redirects_to_https(hub):
    answer = hub.connect().get("http://hub.test/jupyterhub/hub/login", allow_redirects=False)
    assert answer.status_code in (301, 308)
    assert answer.headers["Location"] == "https://hub.test/jupyterhub/hub/login"
    root = hub.connect().get("https://hub.test/", allow_redirects=False)
    assert root.headers["Location"].rstrip("/") == "https://hub.test/jupyterhub"


def test_certificate_is_good_for_every_name_and_no_other(address, ca):
    context = ssl.create_default_context(cafile=ca)
    for name in ("hub.test", "hub", "localhost", address):
        version, certificate = handshake(address, name, context)
        assert version in ("TLSv1.2", "TLSv1.3")
    assert {("DNS", "hub.test"), ("IP Address", address)} <= set(certificate["subjectAltName"])
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        handshake(address, "other.test", context)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self-signed"):
        handshake(address, "hub.test", ssl.create_default_context())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_server_refuses_tls_below_1_2(address):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError) as refusal:
        handshake(address, "hub.test", context)
    assert refusal.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_dashboard_is_the_machines_own_and_has_a_password(address, traefik):
    assert "Traefik" in traefik("/dashboard/").stdout
    assert "401" in traefik("/dashboard/", user="nobody").stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, 8080), 5)


def test_uploads_may_take_as_long_as_they_take(traefik):
    entrypoints = {point["name"]: point for point in json.loads(traefik("/api/entrypoints").stdout)}
    assert entrypoints["https"]["transport"]["respondingTimeouts"].get("readTimeout", "0s") == "0s"


def test_traefik_has_no_docker_socket(inspect):
    mounts = {mount["Source"] for mount in inspect("hubwright-traefik-1")["Mounts"]}
    assert mounts
    assert not [source for source in mounts if "docker" in source]


def test_secrets_are_files_and_nothing_else(host, password):
    assert host.check_output("find /opt/hubwright/secrets -type f") != ""
    assert host.check_output("find /opt/hubwright/secrets /opt/hubwright/certs/*.key -type f ! -perm 0600") == ""
    assert len(password) >= 32
    shown = host.check_output(
        "docker inspect $(docker ps --quiet); ps axww; cd /opt/hubwright && docker compose config"
    )
    shown += host.check_output("cd /opt/hubwright && docker compose logs 2>&1")
    assert password not in shown
    cookie = host.check_output("docker exec hubwright-jupyterhub-1 cat /data/jupyterhub_cookie_secret")
    assert cookie.strip() not in shown


def test_operators_compose_works_where_the_files_are(host):
    listing = host.check_output("cd /opt/hubwright && docker compose ps --services --filter status=running")
    assert set(listing.split()) == {"jupyterhub", "traefik"}
