"""The labs' spawner on the real engine, configured by the real jupyterhub_config.py."""

import asyncio
import json
import socket
from contextlib import suppress
from types import SimpleNamespace

import docker
import pytest
from docker.errors import NotFound
from hubwright.spawner import LabSpawner, LabStoppedError
from images import ROOT, reference
from traitlets.config import PyFileConfigLoader

PREFIX = "spawnertest"
LISTENS = ["python3", "-m", "http.server", "8888"]
IGNORES_SIGTERM = ["sh", "-c", "trap '' TERM; python3 -m http.server 8888"]
LISTENS_LATE = ["sh", "-c", "sleep 2; python3 -m http.server 8888"]
CRASHES = ["sh", "-c", "echo no such notebook directory >&2; exit 3"]


@pytest.fixture(scope="module")
def engine():
    client = docker.from_env()
    network = client.networks.create(f"{PREFIX}_network", driver="bridge")
    yield client
    for container in client.containers.list(all=True, filters={"name": f"{PREFIX}-"}):
        container.remove(force=True, v=True)
    for volume in client.volumes.list(filters={"name": PREFIX}):
        volume.remove()
    network.remove()


@pytest.fixture
def config(tmp_path, monkeypatch):
    password = tmp_path / "password"
    password.write_text("sesame")
    environment = {
        "HUBWRIGHT_PROJECT": PREFIX,
        "JUPYTERHUB_ADMIN": "ada",
        "TRAEFIK_API_URL": "http://traefik:8080",
        "TRAEFIK_API_PASSWORD_FILE": str(password),
        "TRAEFIK_RULES_FILE": str(tmp_path / "rules.toml"),
        "DOCKER_NOTEBOOK_IMAGE": reference("lab"),
        "DOCKER_NETWORK_NAME": f"{PREFIX}_network",
        "LAB_NAME_PREFIX": PREFIX,
        "LAB_SHARED_VOLUME": f"{PREFIX}_shared",
        "LAB_MEMORY_LIMIT": "300M",
        "LAB_CPU_LIMIT": "0.5",
        "LAB_PIDS_LIMIT": "99",
        "LAB_ENVIRONMENT": json.dumps({"GREETING": "it's {braces} and $dollars"}),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return PyFileConfigLoader("jupyterhub_config.py", path=str(ROOT / "files/hub")).load_config()


@pytest.fixture
def spawner_of(engine, config):
    """Make spawners that need no hub around them: what the hub tells a lab is not what is tested here."""
    # The pool and the client are the class's: each test has an event loop, and so a pool, of its own.
    LabSpawner._executor = LabSpawner._client = None

    def make(name, command):
        spawner = LabSpawner(config=config, user=SimpleNamespace(name=name, url="/", settings={}))
        spawner.get_env = lambda: dict(spawner.environment)
        spawner.get_args = list
        spawner.cmd = command
        return spawner

    return make


async def test_a_lab_is_confined_as_configured(engine, spawner_of):
    spawner = spawner_of("user.name", LISTENS)
    assert await spawner.start() == ("spawnertest-user-2ename", 8888)
    lab = engine.containers.get("spawnertest-user-2ename")
    host = lab.attrs["HostConfig"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["CapDrop"] == ["NET_RAW"]
    assert host["Privileged"] is False
    assert host["Memory"] == 300 * 1024**2
    assert host["CpuQuota"] == host["CpuPeriod"] * 0.5
    assert host["PidsLimit"] == 99
    assert host["Init"] is True
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert not host["PortBindings"]
    mounts = {mount["Destination"]: mount.get("Name") for mount in lab.attrs["Mounts"]}
    assert mounts == {
        "/home": "spawnertest-user-2ename_home",
        "/home/lab/workspace": "spawnertest-user-2ename_workspace",
        "/home/lab/.cache": "spawnertest-user-2ename_cache",
        "/mnt/shared": "spawnertest_shared",
    }
    assert lab.labels["org.hubwright.project"] == PREFIX
    assert "GREETING=it's {braces} and $dollars" in lab.attrs["Config"]["Env"]
    assert await spawner.poll() is None
    await spawner.stop()
    with pytest.raises(NotFound):
        engine.containers.get("spawnertest-user-2ename")
    assert engine.volumes.get("spawnertest-user-2ename_home"), "a stopped lab keeps its volumes"


async def test_a_lab_is_started_when_it_listens(engine, spawner_of):
    spawner = spawner_of("late", LISTENS_LATE)
    await spawner.start()
    address = engine.containers.get("spawnertest-late").attrs["NetworkSettings"]["Networks"][f"{PREFIX}_network"]
    socket.create_connection((address["IPAddress"], 8888), timeout=5).close()
    await spawner.stop()


async def test_a_lab_that_crashes_is_reported_with_its_last_words(spawner_of, caplog):
    spawner = spawner_of("crashes", CRASHES)
    with pytest.raises(LabStoppedError, match="exit status 3"):
        await asyncio.wait_for(spawner.start(), timeout=60)
    assert "no such notebook directory" in caplog.text


@pytest.mark.parametrize("name", ["Ada.Lovelace", "a_b-c", "josé", "x" * 32, "名前", "🦉", "a@b.example"])
async def test_odd_names_make_valid_containers_and_distinct_volumes(spawner_of, name):
    spawner = spawner_of(name, ["true"])
    obj = await spawner.create_object()
    try:
        inspected = await spawner.docker("inspect_container", obj["Id"])
        binds = inspected["HostConfig"]["Binds"]
        assert len([bind for bind in binds if bind.startswith(f"{PREFIX}-{spawner.escaped_name}_")]) == 3
    finally:
        await spawner.docker("remove_container", obj["Id"], force=True, v=True)


async def test_a_lab_that_is_slow_to_stop_holds_nobody_up(spawner_of):
    slow = spawner_of("slow", IGNORES_SIGTERM)
    quick = spawner_of("quick", LISTENS)
    await slow.start()
    stopping = asyncio.ensure_future(slow.stop())
    starting = asyncio.ensure_future(quick.start())
    try:
        done, _ = await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {starting}, "the start waited for the other lab's stop"
    finally:
        await stopping
        with suppress(NotFound):
            await quick.stop()
