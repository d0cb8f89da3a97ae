"""The lab image (files/lab) on the real engine, restricted as the hub restricts it, but without a hub."""

from __future__ import annotations

import json
import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import docker
import images
import pytest
from hubclient import Hub, HubError, Session, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

TOKEN = secrets.token_hex(16)
MOUNTS = ("/home", "/home/lab/workspace", "/home/lab/.cache", "/mnt/shared")
SERVICES = ("mlflow", "glances", "tensorboard")


class Lab(Session):
    """A lab of its own: a container on fresh volumes, and somebody who uses it with its token."""

    def __init__(self, container: Container) -> None:
        """Use the server in `container`, which may still be starting."""
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        super().__init__(Hub(f"http://{address}:8888"), TOKEN)
        self.name = "ann"
        self.container = container

    def answers(self) -> bool:
        """Tell whether the server answers."""
        try:
            return self.lab("GET", "api/status", timeout=5).ok
        except HubError:
            return False

    def sh(self, command: str) -> str:
        """Run a command in the container as its user."""
        code, output = self.container.exec_run(["bash", "-c", command])
        assert code == 0, output.decode()
        return output.decode()


@pytest.fixture(scope="module")
def image() -> str:
    return images.reference("lab")


@contextmanager
def running(image: str, **environment: str) -> Iterator[Lab]:
    engine = docker.from_env()
    volumes = {engine.volumes.create().name: {"bind": path} for path in MOUNTS}
    container = engine.containers.run(
        image,
        f"jupyter lab --no-browser --ip=0.0.0.0 --ServerApp.base_url=/user/ann/ --IdentityProvider.token={TOKEN}",
        # The address on which the health check expects the server, as under a hub.
        environment={"JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ann/", **environment},
        volumes=volumes,
        detach=True,
        init=True,
        mem_limit="3g",
        pids_limit=512,
        security_opt=["no-new-privileges"],
        healthcheck={"interval": 1_000_000_000, "timeout": 2_000_000_000, "retries": 2},
    )
    try:
        lab = Lab(container)
        try:
            wait_until(lab.answers, "the lab to answer", timeout=120)
        except HubError as error:
            raise HubError(f"{error}; its log:\n{container.logs().decode()}") from error
        yield lab
    finally:
        container.remove(force=True)
        for volume in volumes:
            engine.volumes.get(volume).remove()


@pytest.fixture(scope="module")
def lab(image: str) -> Iterator[Lab]:
    """Start a lab with every service switched on."""
    with running(image, **{f"ENABLE_SERVICE_{name.upper()}": "1" for name in SERVICES}) as lab:
        yield lab


@pytest.fixture(scope="module")
def plain(image: str) -> Iterator[Lab]:
    """Start a lab without services: one switched off, the others not mentioned."""
    with running(image, ENABLE_SERVICE_MLFLOW="0") as lab:
        yield lab


def test_is_what_a_hub_starts(image: str) -> None:
    config = docker.from_env().images.get(image).attrs["Config"]
    assert config["Cmd"] == ["jupyterhub-singleuser"]
    assert config["User"] == "lab"


def test_fresh_volumes_belong_to_the_user(lab: Lab) -> None:
    places = ("/home/lab", *MOUNTS[1:])
    with lab.kernel() as kernel:
        kernel.run(f"for place in {places}: open(place + '/mine', 'w').close()")
        assert kernel.run("import os; os.getuid(), os.getgid()").result == "(1000, 1000)"


def test_file_browser_shows_what_persists(lab: Lab) -> None:
    lab.write("workspace/notes.txt", "räksmörgås")
    with lab.kernel() as kernel:
        assert kernel.run("print(open('/home/lab/workspace/notes.txt').read())").stdout == "räksmörgås\n"
        kernel.run("open('/mnt/shared/for-all.txt', 'w').write('hello')")
    assert lab.read("shared/for-all.txt") == "hello"


def test_extensions(lab: Lab) -> None:
    # An empty message is refused by the extension itself: 400, where a missing extension would be 404.
    with pytest.raises(HubError, match="HTTP 400"):
        lab.lab("POST", "jupyterlab-notifications-extension/ingest", json={"message": " "})
    page = lab.lab("GET", "lab").text
    assert "@jupyterlab/apputils-extension:announcements" in page, "the first screen asks about news"


def launcher(lab: Lab) -> dict[str, dict[str, str]]:
    servers = lab.lab("GET", "server-proxy/servers-info").json()["server_processes"]
    return {server["name"]: server["launcher_entry"] for server in servers}


@pytest.mark.parametrize("name", SERVICES)
def test_service_switched_on(lab: Lab, name: str) -> None:
    entry = launcher(lab)[name]
    assert entry["enabled"]
    assert entry["title"].lower() == name
    assert lab.lab("GET", f"server-proxy/icon/{name}").text.startswith("<svg")

    page = lab.lab("GET", f"{name}/", timeout=200)
    assets = re.findall(r'(?:src|href)="([^"#]+\.(?:js|css|ico))"', page.text)
    # TensorBoard's page is one script that fetches its data from below its own path.
    for asset in assets or ["data/environment"]:
        response = lab.http.get(urljoin(page.url, asset), timeout=60)
        assert response.ok, f"{response.url}: {response.status_code}"
        assert response.url.startswith(page.url)


@pytest.mark.parametrize("name", SERVICES)
def test_service_switched_off(plain: Lab, name: str) -> None:
    assert launcher(plain) == {}
    with pytest.raises(HubError, match="HTTP 404"):
        plain.lab("GET", f"{name}/")


def test_switched_off_services_leave_no_trace(plain: Lab) -> None:
    assert plain.sh("ls /home/lab/workspace") == ""
    with plain.kernel() as kernel:
        assert kernel.run("import os; os.environ.get('MLFLOW_TRACKING_URI')").result is None


def test_mlflow_shows_what_a_notebook_logs(lab: Lab) -> None:
    with lab.kernel() as kernel:
        kernel.run(
            "import mlflow\n"
            "mlflow.set_experiment('browsed')\n"
            "with mlflow.start_run() as run:\n"
            "    mlflow.log_metric('loss', 0.25)\n"
            "    mlflow.log_text('learned', 'notes.txt')\n",
            timeout=180,
        )
    # As MLflow's page asks, from the platform's own origin.
    api = "mlflow/ajax-api/2.0/mlflow"
    origin = {"Origin": "https://hub.example"}
    found = lab.lab("GET", f"{api}/experiments/get-by-name?experiment_name=browsed", timeout=200, headers=origin).json()
    body = {"experiment_ids": [found["experiment"]["experiment_id"]]}
    run = lab.lab("POST", f"{api}/runs/search", json=body, headers=origin).json()["runs"][0]
    assert run["data"]["metrics"][0]["value"] == 0.25
    artifact = lab.lab("GET", "mlflow/get-artifact", params={"path": "notes.txt", "run_uuid": run["info"]["run_id"]})
    assert artifact.text == "learned"
    assert lab.sh("ls /home/lab/workspace/mlflow/mlflow.db")


def test_services_listen_on_loopback_only(lab: Lab) -> None:
    for name in SERVICES:
        lab.lab("GET", f"{name}/", timeout=200)
    sockets = [line.split() for line in lab.sh("cat /proc/net/tcp /proc/net/tcp6").splitlines() if ":" in line]
    listening = {fields[1] for fields in sockets if fields[3] == "0A"}
    loopback = {s for s in listening if s.startswith("0100007F:")}
    assert len(loopback) >= len(SERVICES)
    assert listening - loopback == {f"00000000:{8888:X}"}


def test_terminal(lab: Lab) -> None:
    name = lab.lab("POST", "api/terminals").json()["name"]
    url = lab.url(f"{lab.server}/terminals/websocket/{name}")
    terminal = lab.hub.websocket(url, {"Authorization": f"token {TOKEN}"})
    try:
        terminal.send(json.dumps(["stdin", "echo $((6*7)) $BASH_VERSION; command -v python3 pip git less nano top\r"]))
        seen = ""
        # The prompt's colours and the window title are escape sequences. recv() times out by itself.
        while not re.search(r"/usr/bin/top\s.*lab@\w+:~/workspace\$", seen, re.DOTALL):
            kind, *text = json.loads(terminal.recv())
            seen += re.sub(r"\x1b(\[[\d;?]*\w|\].*?\x07)", "", text[0]) if kind == "stdout" else ""
        assert "42 5." in seen
        assert "/opt/lab/bin/python3" in seen
    finally:
        terminal.close()
        lab.lab("DELETE", f"api/terminals/{name}")


def test_own_packages_stay_and_cannot_break_the_lab(plain: Lab) -> None:
    # A wheel as an index would serve it; its module hides one that the server itself imports.
    with plain.kernel() as kernel:
        kernel.run(
            "import zipfile\n"
            "with zipfile.ZipFile('/tmp/mine-1-py3-none-any.whl', 'w') as wheel:\n"
            "    wheel.writestr('jupyterlab.py', 'raise SystemExit')\n"
            "    wheel.writestr('mine.py', 'answer = 42')\n"
            "    wheel.writestr('mine-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: mine\\nVersion: 1\\n')\n"
            "    wheel.writestr('mine-1.dist-info/WHEEL', 'Wheel-Version: 1.0\\nTag: py3-none-any\\n')\n"
            "    wheel.writestr('mine-1.dist-info/RECORD', '')\n"
        )
        kernel.run("%pip install --no-index /tmp/mine-1-py3-none-any.whl", timeout=120)
    plain.container.restart(timeout=10)
    restarted = Lab(plain.container)
    wait_until(restarted.answers, "the lab to answer with the user's package in its home", timeout=120)
    with restarted.kernel() as kernel:
        assert (
            kernel.run("import mine; mine.answer, mine.__file__.split('/lib')[0]").result == "(42, '/home/lab/.local')"
        )


def test_health_check_notices_a_server_that_hangs(image: str) -> None:
    def health() -> str:
        lab.container.reload()
        return str(lab.container.attrs["State"]["Health"]["Status"])

    with running(image) as lab:
        wait_until(lambda: health() == "healthy", "the lab to be healthy")
        lab.sh("pkill -STOP -f bin/jupyter")
        wait_until(lambda: health() == "unhealthy", "the hanging lab to be unhealthy")
        lab.sh("pkill -CONT -f bin/jupyter")
        wait_until(lambda: health() == "healthy", "the lab to be healthy again")
