"""The filters of roles platform and traefik."""

import importlib.util
import subprocess
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

ROOT = Path(__file__).parents[2]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


network = load(ROOT / "roles/platform/filter_plugins/lab_network.py")
htpasswd = load(ROOT / "roles/traefik/filter_plugins/htpasswd.py")


@pytest.mark.parametrize(
    ("subnet", "gateway", "hub", "traefik", "labs"),
    [
        ("10.213.0.0/20", "10.213.0.1", "10.213.0.2", "10.213.0.3", "10.213.8.0/21"),
        ("192.168.7.32/27", "192.168.7.33", "192.168.7.34", "192.168.7.35", "192.168.7.48/28"),
    ],
)
def test_address_plan(subnet, gateway, hub, traefik, labs):
    assert network.lab_network(subnet) == {"gateway": gateway, "hub": hub, "traefik": traefik, "labs": labs}


@pytest.mark.parametrize("subnet", ["10.213.0.0/28", "10.213.0.5/20", "10.213.0.0", "fd00::/64", "labs", "10.0.0.0/40"])
def test_a_subnet_that_cannot_serve_is_named(subnet):
    with pytest.raises(AnsibleFilterError, match="platform_network_subnet"):
        network.lab_network(subnet)


def test_addresses_within():
    found = network.addresses_within(["10.213.15.255", "10.213.16.0", "127.0.0.1"], "10.213.0.0/20")
    assert found == ["10.213.15.255"]


def test_htpasswd_is_what_openssl_makes():
    digest = subprocess.run(["openssl", "dgst", "-sha1", "-binary"], input=b"sesame", capture_output=True, check=True)
    encoded = subprocess.run(["openssl", "base64"], input=digest.stdout, capture_output=True, check=True)
    assert htpasswd.htpasswd_sha("sesame") == "{SHA}" + encoded.stdout.decode().strip()
