"""The settings arrive where they are meant to, and no default name is left on the machine."""

import pytest
import yaml
from hubclient import PASSWORD, HubError

pytestmark = pytest.mark.usefixtures("host")
HUB = "second-jupyterhub-1"


@pytest.fixture(scope="module")
def first_passwords(host, root):
    """Return the passwords the declared accounts began with, by name."""
    return yaml.safe_load(host.file(f"{root}/secrets/initial_passwords.yml").content_string)


def test_no_default_name_is_on_the_machine(host):
    names = host.check_output(
        "docker ps --all --format '{{.Names}}'; docker volume ls --quiet; docker network ls; ls /opt"
    )
    assert "hubwright" not in names
    assert "jupyterhub_" not in names
    listening = host.check_output("ss --no-header --listening --tcp --numeric")
    assert ":443 " not in listening
    assert ":80 " not in listening


def test_first_passwords_are_where_only_root_reads_them(host, root, first_passwords):
    assert first_passwords.keys() == {"ann", "boss", "grace"}
    for name, owner in {"initial_passwords.yml": "root", "accounts.json": 64500}.items():
        file = host.file(f"{root}/secrets/{name}")
        assert file.mode == 0o600
        assert owner in {file.user, file.uid}
    places = f"""
        grep --recursive --exclude-dir secrets . {root} /var/log
        docker inspect $(docker ps --all --quiet); docker compose --project-directory {root} config
        docker exec {HUB} env; docker logs {HUB} 2>&1; ps -e -o args
    """
    seen = host.run(places).stdout
    assert "JUPYTERHUB_ACCOUNTS_FILE" in seen
    assert not [name for name, password in first_passwords.items() if password in seen]


def test_declared_accounts_are_there_from_the_start(hub, first_passwords, login):
    boss = hub.session()
    boss.login("boss", first_passwords["boss"])
    assert boss.api("GET", "user")["admin"]
    boss.change_password(first_passwords["boss"], PASSWORD)
    for name, admin, groups in (("ann", False, ["physics"]), ("grace", True, [])):
        person = hub.session()
        with pytest.raises(HubError, match="has to be changed first"):
            person.login(name, first_passwords[name])
        person.change_password(first_passwords[name], PASSWORD, username=name)
        user = login(name).api("GET", "user")
        assert (user["admin"], user["groups"]) == (admin, groups)


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


def test_accounts_follow_the_inventory_and_passwords_their_owners(converge, inspect, login):
    before = inspect("second-ann")["Id"]
    changed = [{"name": "ann", "groups": ["chemistry"]}, {"name": "grace", "admin": False, "authorized": False}]
    run = converge("--tags", "jupyterhub,run", jupyterhub_users=changed)
    assert run.returncode == 0, run.stdout[-3000:]
    boss = login("boss")
    assert boss.api("GET", "users/ann")["groups"] == ["chemistry"]
    assert boss.api("GET", "users/grace")["admin"] is False
    with pytest.raises(HubError, match="waits for"):
        login("grace")
    assert login("ann").running()
    assert inspect("second-ann")["Id"] == before, "a converge interrupts nobody"


def test_spoilt_first_passwords_are_refused_before_anything_changes(converge, host, root):
    path = f"{root}/secrets/initial_passwords.yml"
    good = host.file(path).content_string
    host.check_output("printf 'ann: password123\\n' > %s", path)
    run = converge("--tags", "checks-only")
    host.check_output("printf %s > %s", good, path)
    assert run.returncode != 0
    assert "the password of ann is too easy to guess" in " ".join(run.stdout.split())
    assert "password123" not in run.stdout


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
