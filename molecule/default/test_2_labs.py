"""What people do, and what keeps them apart."""

import threading
import time

import pytest
from hubclient import HubError, Output

# Keeps the order of the file: pytest would bring those tests together that share the machine's fixture.
pytestmark = pytest.mark.usefixtures("host")

SLOW_UPLOAD_S = 65  # Traefik's own default would cut it at 60


def test_people_sign_up_and_an_administrator_lets_them_in(sign_up, login):
    sign_up("admin")
    admin = login("admin")
    for name in ("ann", "bob"):
        sign_up(name)
        with pytest.raises(HubError):
            login(name)
        admin.authorize(name)
        assert login(name).api("GET", "user")["admin"] is False
    assert admin.api("GET", "user")["admin"] is True


def test_a_cell_runs(at_work):
    with at_work("ann").kernel() as kernel:
        assert kernel.run("print('hello'); 6 * 7") == Output("hello\n", "42")


def test_a_slow_upload_begins(at_work, slow_upload):
    """It ends in test_3_survival.py, after the hub was away."""
    bob = at_work("bob")

    def pieces():
        yield b'{"type": "file", "format": "text", "content": "'
        for _ in range(SLOW_UPLOAD_S):
            yield b"x" * 1000
            time.sleep(1)  # not a wait: the slowness is the input
        yield b'"}'

    def upload():
        try:
            answer = bob.lab("PUT", "api/contents/slow.txt", data=pieces(), timeout=120)
            slow_upload["size"] = answer.json()["size"]
        except HubError as error:
            slow_upload["error"] = str(error)

    slow_upload["sent"] = SLOW_UPLOAD_S * 1000
    slow_upload["thread"] = threading.Thread(target=upload)
    slow_upload["thread"].start()


def test_lab_is_confined(inspect, at_work):
    options = inspect("jupyterlab-ann")["HostConfig"]
    assert options["Memory"] == 1024**3
    assert options["PidsLimit"] == 512
    assert options["CpuQuota"] / options["CpuPeriod"] == 1.5
    assert options["Init"]
    assert not options["Privileged"]
    assert not [bind for bind in options["Binds"] if "docker.sock" in bind]
    with at_work("ann").kernel() as kernel:
        assert kernel.run("print(open('/proc/self/status').read())").stdout.count("NoNewPrivs:\t1") == 1
        # Where control groups v2 and v1 have it.
        limit = kernel.run("!cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>&-").stdout
        assert limit.strip() == "512"


def test_labs_are_kept_from_one_another(host, inspect, at_work):
    at_work("bob")
    at = {
        name: next(iter(inspect(name)["NetworkSettings"]["Networks"].values()))["IPAddress"]
        for name in ("jupyterlab-bob", "hubwright-jupyterhub-1", "hubwright-traefik-1")
    }
    with at_work("ann").kernel() as kernel:
        kernel.run(
            "import socket\n"
            "def connects(address, port):\n"
            "    try: socket.create_connection((address, port), 3).close()\n"
            "    except OSError: return False\n"
            "    return True"
        )

        def connects(address, port):
            return kernel.run(f"connects({address!r}, {port})").result == "True"

        assert connects(at["hubwright-jupyterhub-1"], 8081)
        assert not connects(at["jupyterlab-bob"], 8888)
        assert not connects(at["hubwright-traefik-1"], 8080)
        assert not connects("169.254.169.254", 80)
    hub_to_lab = f"import socket; socket.create_connection(('{at['jupyterlab-bob']}', 8888), 3)"
    host.run_expect([0], f'docker exec hubwright-jupyterhub-1 /opt/hub/bin/python -c "{hub_to_lab}"')


def test_bob_cannot_use_anns_server(login):
    bob = login("bob")
    with pytest.raises(HubError, match=r"HTTP 40[34]"):
        bob.request("GET", "user/ann/api/contents")


def test_files_outlive_the_lab(host, at_work):
    ann = at_work("ann")
    places = ("/home/lab/note", "/home/lab/workspace/note", "/home/lab/.cache/note", "/mnt/shared/note")
    with ann.kernel() as kernel:
        for place in places:
            kernel.run(f"open({place!r}, 'w').write('kept')")
    ann.stop()
    assert "jupyterlab-ann" not in host.check_output("docker ps --all --format '{{.Names}}'").split()
    ann.spawn()
    with ann.kernel() as kernel:
        for place in places:
            assert kernel.run(f"open({place!r}).read()").result == "'kept'"
    volumes = host.check_output("docker volume ls --quiet").split()
    assert {"jupyterlab-ann_home", "jupyterlab-ann_workspace", "jupyterlab-ann_cache"} <= set(volumes)
