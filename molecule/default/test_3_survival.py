"""What must not interrupt anybody, and what must come back by itself."""

import threading

import pytest
from hubclient import HubError, wait_until

pytestmark = pytest.mark.usefixtures("host")

HUB = "hubwright-jupyterhub-1"


@pytest.fixture
def healthy(host, inspect, hub):
    """Return a function that waits until hub and Traefik call themselves healthy and the login page is there."""

    def do():
        for name in (HUB, "hubwright-traefik-1"):
            wait_until(
                lambda name=name: inspect(name)["State"]["Health"]["Status"] == "healthy", f"{name} to be healthy", 120
            )
        assert hub.connect().get(hub.url + "/hub/login").status_code == 200

    return do


@pytest.fixture
def kernel(at_work):
    """Return ann's kernel, which remembers something."""
    with at_work("ann").kernel() as kernel:
        kernel.run("x = 41")
        yield kernel


class Watch:
    """Runs a cell again and again while something else happens, over one websocket."""

    def __init__(self, kernel):
        self.kernel, self.answers, self.failure = kernel, 0, None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        try:
            while not self.stopped.wait(0.1):
                assert self.kernel.run("x + 1", timeout=10).result == "42"
                self.answers += 1
        except (AssertionError, HubError) as error:
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_kernel_answers_while_the_hub_is_gone(how, host, inspect, healthy, kernel, login):
    before = inspect(HUB)["State"]["StartedAt"]
    with Watch(kernel) as watch:
        if how == "restarted":
            host.run_expect([0], f"docker restart {HUB}")
        else:
            host.run_expect([0], f"kill -9 {inspect(HUB)['State']['Pid']}")
        wait_until(lambda: inspect(HUB)["State"]["StartedAt"] != before, "the hub to be started again")
        healthy()
    assert watch.failure is None
    assert watch.answers > 5
    assert login("ann").running()


def test_the_slow_upload_has_arrived(slow_upload):
    slow_upload["thread"].join(120)
    assert slow_upload.get("error") is None
    assert slow_upload["size"] == slow_upload["sent"]


def test_everything_is_back_after_the_engine_was_restarted(host, healthy, kernel, login, assert_isolated):
    host.run_expect([0], "systemctl restart docker")
    healthy()
    assert_isolated()
    assert login("ann").running()
    assert kernel.session.lab("GET", f"api/kernels/{kernel.id}").status_code == 200
    kernel.socket = kernel._connect()  # as a browser does that lost its websocket
    assert kernel.run("x + 1").result == "42"


def test_everything_is_back_after_a_reboot(reboot, request, assert_isolated):
    reboot()
    request.getfixturevalue("healthy")()
    assert_isolated()
    at_work = request.getfixturevalue("at_work")

    def ann_is_back():
        try:
            return at_work("ann")
        except HubError as error:
            if "HTTP 502" in str(error):  # Traefik's, while her lab starts: the engine brings it back, not the hub
                return None
            raise

    wait_until(ann_is_back, "ann's lab to be back", 120)
    with at_work("ann").kernel() as kernel:
        assert kernel.run("open('/home/lab/workspace/note').read()").result == "'kept'"
