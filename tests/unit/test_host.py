"""What the host's own files and the engine's answers are read as."""

import json
import os
import socket
import threading

import pytest
from hubwright.core import host
from hubwright.core.host import Published, Socket

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
REST = "00000000:00000000 00:00000000 00000000     0        0"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"   0: 0100007F:1F90 00000000:0000 0A {REST} 811 1 0 100 0 0 10 0", [Socket("127.0.0.1", 8080, 811)]),
        (f"   1: 00000000:0050 00000000:0000 0A {REST} 812 1 0 100 0 0 10 0", [Socket("0.0.0.0", 80, 812)]),
        (f"   2: 0100007F:1F90 0100007F:D431 01 {REST} 813 1 0 100 0 0 10 0", []),  # established
        (f"   3: {'0' * 32}:01BB {'0' * 32}:0000 0A {REST} 814 1 0 100 0 0 10 0", [Socket("::", 443, 814)]),
        (f"   4: {'0' * 24}01000000:0016 {'0' * 32}:0000 0A {REST} 815 1 0 100 0 0 10 0", [Socket("::1", 22, 815)]),
        ("", []),
    ],
)
def test_sockets_of_the_kernel_table(line, expected):
    assert host.parse_sockets(HEADER + line + "\n") == expected


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (
            {
                "Id": "f00",
                "Names": ["/web"],
                "Labels": {"com.docker.compose.project": "hubwright"},
                "Ports": [{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}],
            },
            [Published("127.0.0.1", 8080, "web", "hubwright")],
        ),
        (
            {"Id": "f00", "Names": None, "Labels": None, "Ports": [{"PrivatePort": 1, "PublicPort": 2, "Type": "tcp"}]},
            [Published("0.0.0.0", 2, "f00", None)],
        ),
        ({"Id": "f00", "Names": ["/web"], "Ports": [{"PrivatePort": 80, "Type": "tcp"}]}, []),  # not published
        ({"Id": "f00", "Names": ["/dns"], "Ports": [{"PrivatePort": 53, "PublicPort": 53, "Type": "udp"}]}, []),
        ({"Id": "f00", "Names": ["/web"], "Ports": None}, []),
    ],
)
def test_published_ports_of_a_container(container, expected):
    assert host.parse_published([container]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Docker version 20.10.24+dfsg1, build 297e128", "20.10.24"),
        ("Docker Compose version v2.26.1-4", "2.26.1"),
        ("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3", "0.13.1"),
        ("29.0.0-rc.1", "29.0.0"),
        ("docker: 'compose' is not a docker command", None),
        ("", None),
    ],
)
def test_version(text, expected):
    assert host.parse_version(text) == expected


PROXY = ("docker-proxy", 7)
WEB = Published("0.0.0.0", 80, "web", "hubwright")


@pytest.mark.parametrize(
    ("sockets", "owners", "published", "expected"),
    [
        ([Socket("::", 22, 1)], {1: ("sshd", 5)}, [], [("::", 22, "sshd", 5, None, None)]),
        ([Socket("::", 22, 1)], {}, [], [("::", 22, None, None, None, None)]),  # somebody else's process
        ([Socket("0.0.0.0", 80, 1)], {1: PROXY}, [WEB], [("0.0.0.0", 80, *PROXY, "web", "hubwright")]),
        # Forwarded in the kernel, with nobody listening.
        ([], {}, [WEB], [("0.0.0.0", 80, None, None, "web", "hubwright")]),
        # The port of a container, but on another address.
        (
            [Socket("127.0.0.1", 80, 1)],
            {1: ("nginx", 9)},
            [Published("192.0.2.1", 80, "web", None)],
            [("127.0.0.1", 80, "nginx", 9, None, None), ("192.0.2.1", 80, None, None, "web", None)],
        ),
        (
            [Socket("::", 443, 2), Socket("::", 443, 3), Socket("::", 80, 1)],
            {2: ("a", 1), 3: ("b", 2)},
            [],
            [("::", 80, None, None, None, None), ("::", 443, "a", 1, None, None)],
        ),
    ],
)
def test_listeners_know_process_and_container(sockets, owners, published, expected):
    keys = ("address", "port", "process", "pid", "container", "project")
    assert host.merge_listeners(sockets, owners, published) == [dict(zip(keys, row)) for row in expected]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_real_listener_is_found_with_its_process(family):
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]
        found = [item for item in host.listeners([]) if item["port"] == port]
    assert [(item["address"], item["pid"], item["container"]) for item in found] == [(address, os.getpid(), None)]


def test_disk_of_a_path_that_is_yet_to_be_made(tmp_path):
    wanted = str(tmp_path / "not" / "yet")
    assert host.nearest_existing(wanted) == str(tmp_path)
    space = host.disk([wanted])[wanted]
    assert 0 < space["free_gib"] <= space["total_gib"]


@pytest.mark.parametrize(
    ("text", "options", "error"),
    [
        (None, {}, None),
        ("", {}, None),
        ('{"debug": true}', {"debug": True}, None),
        ('{"debug": true,}', {}, "it is not JSON"),
        ("[]", {}, "no JSON object"),
    ],
)
def test_daemon_options(tmp_path, text, options, error):
    file = tmp_path / "daemon.json"
    if text is not None:
        file.write_text(text)
    found, fault = host.daemon_options(str(file))
    assert found == options
    assert fault is None if error is None else error in fault


def test_a_host_without_docker(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "_SEARCH_PATH", str(tmp_path))
    engine, published = host.engine(str(tmp_path / "docker.sock"))
    assert (engine["installed"], engine["running"], engine["version"], published) == (False, False, None, [])
    assert engine["root_dir"]
    assert host.plugin_version("compose") is None


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhtml"])
def test_what_answers_on_the_socket_is_no_engine(tmp_path, answer):
    path = str(tmp_path / "docker.sock")
    with socket.create_server(path, family=socket.AF_UNIX) as server:

        def serve():
            connection = server.accept()[0]
            connection.recv(4096)
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        engine, published = host.engine(path)
        thread.join()
    assert (engine["running"], published) == (False, [])


def test_facts_are_data_that_json_knows():
    engine, published = host.engine()
    assert json.loads(json.dumps([engine, host.listeners(published)]))
