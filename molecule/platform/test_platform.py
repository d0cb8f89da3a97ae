"""The isolation of labs, tried with containers in the places of hub, Traefik and two labs on the network itself."""

import json
from urllib.parse import urlsplit

import pytest
from hubclient import wait_until

NETWORK = "jupyterhub_network"
HUB, TRAEFIK = "10.213.0.2", "10.213.0.3"
METADATA = "169.254.169.254"
SERVE = "import http.server as h, sys; h.test(h.SimpleHTTPRequestHandler, h.ThreadingHTTPServer, port=int(sys.argv[1]))"
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"


@pytest.fixture(scope="module")
def containers(host):
    """Start hub, traefik, lab-a and lab-b, each a Python of the machine's own that serves a few ports."""
    host.run_expect([0], "tar -C / -c bin lib lib64 etc | docker import - machine")
    places = {"hub": (f"--ip {HUB}", "8081 9999"), "traefik": (f"--ip {TRAEFIK}", "8080")}
    for name in ("hub", "traefik", "lab-a", "lab-b"):
        options, ports = places.get(name, ("", "8888"))
        host.run_expect(
            [0],
            f"docker run --detach --init --name {name} --network {NETWORK} {options} --volume /usr:/usr:ro machine "
            f"sh -c 'for port in {ports}; do python3 -c \"{SERVE}\" $port & done; wait'",
        )
    yield {
        name: host.check_output(
            f"docker inspect --format '{{{{.NetworkSettings.Networks.{NETWORK}.IPAddress}}}}' {name}"
        )
        for name in ("hub", "traefik", "lab-a", "lab-b")
    }
    host.run("docker rm --force hub traefik lab-a lab-b")


@pytest.fixture(scope="module")
def metadata(host):
    """Put a machine at the clouds' metadata address, one hop beyond this one."""
    host.run_expect(
        [0],
        f"""
        ip netns add cloud &&
        ip link add cloud0 type veth peer name cloud1 netns cloud &&
        ip addr add 169.254.169.1/24 dev cloud0 && ip link set cloud0 up &&
        ip -n cloud addr add {METADATA}/24 dev cloud1 && ip -n cloud link set cloud1 up &&
        ip -n cloud route add default via 169.254.169.1 &&
        {{ ip netns exec cloud python3 -c '{SERVE}' 80 >/dev/null 2>&1 & }}
        """,
    )
    yield METADATA
    host.run("pkill --full 'python3 -c .* 80$'; ip netns delete cloud")


def connects(host, container, address, port):
    return host.run(f"docker exec {container} python3 -c '{CONNECT}' {address} {port}").rc == 0


@pytest.mark.parametrize(
    ("source", "target", "port", "open_"),
    [
        ("hub", "lab-a", 8888, True),
        ("traefik", "lab-b", 8888, True),
        ("traefik", "hub", 8081, True),
        ("hub", "traefik", 8080, True),
        ("lab-a", "hub", 8081, True),
        ("lab-a", "hub", 9999, False),
        ("lab-a", "traefik", 8080, False),
        ("lab-a", "lab-b", 8888, False),
        ("lab-b", "lab-a", 8888, False),
    ],
)
def test_who_reaches_whom(host, containers, source, target, port, open_):
    # The target is there, whoever may reach it.
    wait_until(lambda: connects(host, target, "127.0.0.1", port), f"{target} to listen")
    assert connects(host, source, containers[target], port) is open_


def test_labs_reach_the_world_but_not_the_clouds_metadata(host, containers, metadata):
    wait_until(lambda: host.run(f"python3 -c '{CONNECT}' {metadata} 80").rc == 0, "the metadata service")
    outsider = f"docker run --rm --volume /usr:/usr:ro machine python3 -c '{CONNECT}' {metadata} 80"
    assert host.run(outsider).rc == 0  # as far as the network is concerned it can be reached
    assert not connects(host, "lab-a", metadata, 80)
    mirror = urlsplit(host.check_output("apt-get indextargets --format '$(REPO_URI)'").splitlines()[0])
    host.run_expect(
        [0], f"docker exec lab-a python3 -c 'import socket; socket.getaddrinfo(\"{mirror.hostname}\", 443)'"
    )


def test_the_engine_gives_no_lab_a_fixed_address(host, containers):
    assert containers["lab-a"].startswith("10.213.8.")
    assert containers["lab-b"].startswith("10.213.8.")


def test_rules_stand_once(assert_isolated):
    assert_isolated()


def wait_for_the_rules(host):
    """Wait for the unit that follows the engine: `systemctl restart docker` returns as soon as the engine is up."""
    wait_until(lambda: host.run("systemctl is-active hubwright-isolation").rc == 0, "the isolation unit")


def test_rules_survive_the_engine_and_come_back_with_it(host, assert_isolated):
    host.run_expect([0], "systemctl restart docker")
    assert_isolated()
    host.run_expect([0], "iptables -F DOCKER-USER && systemctl restart docker")
    wait_for_the_rules(host)
    assert_isolated()


def test_rules_come_back_after_a_reboot(host, reboot, assert_isolated):
    reboot()
    wait_for_the_rules(host)
    assert_isolated()


def test_a_second_apply_says_that_nothing_changed(host, assert_isolated):
    assert host.check_output("/opt/hubwright/isolation.sh apply") == ""
    host.run_expect([0], "iptables -D HUBWRIGHT-hubwright -i hubwright0 -o hubwright0 -j DROP")
    host.run_expect([1], "/opt/hubwright/isolation.sh check")
    assert host.check_output("/opt/hubwright/isolation.sh apply") == "changed"
    assert_isolated()


def test_volumes_and_directories(host):
    names = json.loads(f"[{host.check_output('docker volume ls --format json').replace(chr(10), ',')}]")
    assert {"jupyterhub_data", "jupyterhub_shared"} <= {volume["Name"] for volume in names}
    assert oct(host.file("/opt/hubwright/secrets").mode) == "0o700"
