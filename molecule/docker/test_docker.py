"""Asked of the engine itself, of iptables and of the processes."""

import json

import pytest

ADOPTED, PLAIN = "docker://hubwright-test-docker", "docker://hubwright-test-docker-plain"


@pytest.fixture
def only(host):
    """Return a guard that skips a test on all machines but one."""

    def guard(machine):
        if host.backend.get_pytest_id() != machine:
            pytest.skip("about the other machine")

    return guard


def engine(host, field):
    return host.check_output("docker info --format '{{json .%s}}'", field)


def test_engine_compose_and_buildx_answer(host):
    assert json.loads(engine(host, "ServerVersion"))
    assert host.check_output("docker compose version --short").startswith(("2.", "v2.", "5."))
    host.run_expect([0], "docker buildx version")


def test_engine_was_told_of_the_registry_and_of_log_rotation(host):
    assert json.loads(engine(host, "LiveRestoreEnabled"))
    assert json.loads(engine(host, "RegistryConfig"))["IndexConfigs"]["registry.test"]["Secure"] is False
    assert json.loads(engine(host, "LoggingDriver")) == "json-file"
    assert json.loads(host.file("/etc/docker/daemon.json").content)["log-opts"]["max-file"] == "5"


def test_adopted_engine_keeps_its_container_and_its_own_options(host, only):
    only(ADOPTED)
    assert host.docker("sleeper").is_running
    assert json.loads(engine(host, "Debug"))
    options = json.loads(host.file("/etc/docker/daemon.json").content)
    assert "max-concurrent-downloads" not in options  # null removes a key


def test_adopted_engine_survives_a_reboot_of_the_machine(host, only, reboot):
    only(ADOPTED)
    reboot()
    assert host.docker("sleeper").is_running


def test_without_systemd_one_engine_runs_and_runs_a_container(host, only):
    only(PLAIN)
    assert len(host.process.filter(comm="dockerd")) == 1
    assert not host.process.filter(comm="systemd")
    host.run_expect([0], "tar -c --dereference /bin/true $(ldd /bin/true | grep -o '/[^ ]*') | docker import - t")
    host.run_expect([0], "docker run --rm t /bin/true")
