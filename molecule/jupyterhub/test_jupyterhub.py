"""The settings arrive where they are meant to, and no default name is left on the machine."""

import pytest
from hubclient import HubError

pytestmark = pytest.mark.usefixtures("host")
HUB = "second-jupyterhub-1"


def test_no_default_name_is_on_the_machine(host):
    names = host.check_output(
        "docker ps --all --format '{{.Names}}'; docker volume ls --quiet; docker network ls; ls /opt"
    )
    assert "hubwright" not in names
    assert "jupyterhub_" not in names
    listening = host.check_output("ss --no-header --listening --tcp --numeric")
    assert ":443 " not in listening
    assert ":80 " not in listening


def test_the_administrator_of_the_inventory_is_one(sign_up, login):
    for name in ("boss", "ann"):
        sign_up(name)
    boss = login("boss")
    assert boss.api("GET", "user")["admin"]
    boss.authorize("ann")
    assert not login("ann").api("GET", "user")["admin"]


def test_lab_gets_its_environment(at_work):
    with at_work("ann").kernel() as kernel:
        kernel.run("from os import environ")
        assert kernel.run("print(environ['GREETING'])").stdout == 'it\'s "me" $HOME\n'
        assert kernel.run("environ['TF_CPP_MIN_LOG_LEVEL']").result == "'1'"
        switches = "[environ['ENABLE_SERVICE_' + name] for name in ('MLFLOW', 'GLANCES', 'TENSORBOARD')]"
        assert kernel.run(switches).result == "['1', '1', '0']"


def test_configuration_of_ones_own_is_loaded_last_and_in_order(at_work):
    with at_work("ann").kernel() as kernel:
        assert kernel.run("import os; os.environ['ORDER']").result == "'last'"


def test_services_are_in_the_launcher_where_switched_on(at_work):
    ann = at_work("ann")
    found = {entry["name"] for entry in ann.lab("GET", "server-proxy/servers-info").json()["server_processes"]}
    assert {"mlflow", "glances"} <= found
    assert "tensorboard" not in found


def test_volumes_carry_the_prefix(host, at_work):
    at_work("ann")
    volumes = set(host.check_output("docker volume ls --quiet").split())
    assert {"second-ann_home", "second-ann_workspace", "second-ann_cache", "second_data", "second_shared"} <= volumes


def test_configuration_that_does_not_parse_is_refused_and_the_hub_goes_on(converge, inspect, login, host):
    before = inspect(HUB)["State"]["StartedAt"]
    run = converge("--tags", "jupyterhub,run", jupyterhub_extra_config={"10-first.py": "c.Spawner.environment = {"})
    assert run.returncode != 0
    assert "was never closed" in run.stdout
    assert "ORDER" in host.file("/srv/second/jupyterhub/config.d/10-first.py").content_string
    assert inspect(HUB)["State"]["StartedAt"] == before
    assert login("ann").running()


def test_configuration_taken_out_of_the_inventory_is_gone_and_the_lab_is_not(converge, inspect, login, host):
    run = converge(
        "--tags", "jupyterhub,run", jupyterhub_extra_config={"20-last.py": "c.JupyterHub.allow_named_servers = True"}
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert host.file("/srv/second/jupyterhub/config.d").listdir() == ["20-last.py"]
    ann = login("ann")
    assert ann.running()
    with pytest.raises(HubError, match="HTTP 404"):
        ann.api("DELETE", "users/ann/servers/none")
