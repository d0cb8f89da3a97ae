"""Every bad inventory is refused in one sentence that names the variable, before anything on the host has changed.

Each case is a host of one inventory, so a single run of site.yml judges them all. It runs no further than the checks,
which site.yml always makes first (test_tree.py): a case that slips through fails here and deploys nothing.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MISSING = object()
TAKEN = object()
SECRET = "zq4-not-to-be-shown"

# host: (the variables that differ from a sound inventory, the variable to be named, what else the sentence says)
CASES = {
    # the wrong type
    "port-in-words": ({"hubwright_http_port": "eighty"}, "hubwright_http_port"),
    "override-no-dict": ({"hubwright_compose_override": "services"}, "hubwright_compose_override"),
    "daemon-options-no-dict": ({"docker_daemon_options": "debug"}, "docker_daemon_options"),
    "log-opts-no-strings": ({"docker_daemon_options": {"log-opts": {"max-file": 5}}}, "docker_daemon_options"),
    "log-opts-no-dict": ({"docker_daemon_options": {"log-opts": "max-file"}}, "docker_daemon_options"),
    "switch-in-words": ({"jupyterhub_enable_mlflow": "perhaps"}, "jupyterhub_enable_mlflow"),
    # an unknown choice
    "package-source": ({"docker_package_source": "snap"}, "docker_package_source", "distribution"),
    "certs-mode": ({"certs_mode": "self"}, "certs_mode", "local_ca"),
    "images-source": ({"images_source": "elsewhere"}, "images_source", "mirrors"),
    "login-limit-zero": ({"traefik_login_per_minute": 0}, "traefik_login_per_minute", "1 request"),
    "signup-limit-negative": ({"traefik_signup_per_minute": -1}, "traefik_signup_per_minute", "1 request"),
    "login-limit-in-words": ({"traefik_login_per_minute": "a few"}, "traefik_login_per_minute"),
    "proxy-by-name": ({"traefik_trusted_proxies": ["10.0.0.1", "lb.example.org"]}, "traefik_trusted_proxies", "lb."),
    "proxy-with-netmask": ({"traefik_trusted_proxies": ["10.0.0.0/255.0.0.0"]}, "traefik_trusted_proxies"),
    "proxy-with-host-bits": ({"traefik_trusted_proxies": ["10.0.0.1/8"]}, "traefik_trusted_proxies"),
    "proxy-is-everybody": ({"traefik_trusted_proxies": ["0.0.0.0/0"]}, "traefik_trusted_proxies"),
    "log-level": ({"traefik_log_level": "LOUD"}, "traefik_log_level", "DEBUG"),
    # what is no name, address or path
    "hostname-with-spaces": ({"hubwright_hostname": "our hub"}, "hubwright_hostname"),
    "hostname-is-url": ({"hubwright_hostname": "https://hub.example.org"}, "hubwright_hostname"),
    "project-with-capitals": ({"hubwright_project": "HubWright"}, "hubwright_project"),
    "root-is-relative": ({"hubwright_root": "opt/hubwright"}, "hubwright_root"),
    "base-url-without-slash": ({"jupyterhub_base_url": "jupyterhub"}, "jupyterhub_base_url", "slash"),
    "admin-missing": ({"jupyterhub_admin": MISSING}, "jupyterhub_admin"),
    # accounts
    "admin-with-capitals": ({"jupyterhub_admin": "Ada"}, "jupyterhub_admin", "must be written 'ada'"),
    "admin-is-a-number": ({"jupyterhub_admin": 7}, "jupyterhub_admin"),
    "admin-bootstrap": ({"jupyterhub_admin_bootstrap": "first"}, "jupyterhub_admin_bootstrap", "signup"),
    "admin-password-short": ({"jupyterhub_admin_password": SECRET[:9]}, "jupyterhub_admin_password", "10 characters"),
    "admin-password-common": ({"jupyterhub_admin_password": "password123"}, "jupyterhub_admin_password", "easy"),
    "admin-password-no-text": ({"jupyterhub_admin_password": 12345678901}, "jupyterhub_admin_password"),
    "admin-password-for-signup": (
        {"jupyterhub_admin_password": SECRET, "jupyterhub_admin_bootstrap": "signup"},
        "jupyterhub_admin_password",
        "seeded",
    ),
    "password-length": ({"jupyterhub_password_length": 6}, "jupyterhub_password_length", "8 to 24"),
    "lockout-failures": ({"jupyterhub_lockout_failures": 0}, "jupyterhub_lockout_failures", "1 or more"),
    "lockout-address": ({"jupyterhub_lockout_address_failures": 0}, "jupyterhub_lockout_address_failures", "1 or more"),
    "lockout-minutes": ({"jupyterhub_lockout_minutes": -1}, "jupyterhub_lockout_minutes", "1 or more"),
    "users-by-name": ({"jupyterhub_users": ["ann"]}, "jupyterhub_users"),
    "users-without-name": ({"jupyterhub_users": [{"admin": True}]}, "jupyterhub_users", "name"),
    "users-bad-name": ({"jupyterhub_users": [{"name": "a b"}]}, "jupyterhub_users", "but not spaces"),
    "users-twice": (
        {"jupyterhub_users": [{"name": "ann"}, {"name": "ann"}]},
        "jupyterhub_users",
        "'ann' is there twice",
    ),
    "users-unknown-key": ({"jupyterhub_users": [{"name": "ann", "password": "x"}]}, "jupyterhub_users", "password;"),
    "users-group-no-list": ({"jupyterhub_users": [{"name": "ann", "groups": "staff"}]}, "jupyterhub_users", "'ann'"),
    "users-admin-in-words": ({"jupyterhub_users": [{"name": "ann", "admin": "perhaps"}]}, "jupyterhub_users", "'ann'"),
    "users-deny-the-admin": (
        {"jupyterhub_users": [{"name": "admin", "authorized": False}]},
        "jupyterhub_users",
        "'admin'",
    ),
    "users-admin-signs-up": (
        {"jupyterhub_users": [{"name": "admin"}], "jupyterhub_admin_bootstrap": "signup"},
        "jupyterhub_users",
        "'admin' signs up",
    ),
    "memory-without-unit": ({"jupyterhub_lab_memory": "4 gigabytes"}, "jupyterhub_lab_memory"),
    "extra-config-no-python": ({"jupyterhub_extra_config": {"10-cull": "x = 1"}}, "jupyterhub_extra_config"),
    "subnet-too-small": ({"platform_network_subnet": "10.213.0.0/30"}, "platform_network_subnet"),
    "subnet-is-the-hosts": ({"platform_network_subnet": "{{ hosts_own_network }}"}, "platform_network_subnet"),
    "bridge-too-long": ({"platform_network_bridge": "hubwright-bridge-0"}, "platform_network_bridge"),
    "certificate-for-url": ({"certs_names": ["https://hub.example.org"]}, "certs_names", "https://hub.example.org"),
    "certificate-for-nobody": ({"certs_names": []}, "certs_names"),
    "repository-is-no-url": ({"docker_repository_url": "mirror"}, "docker_repository_url"),
    # ports
    "http-port-taken": ({"hubwright_http_port": TAKEN}, "hubwright_http_port", "taken by"),
    "dashboard-port-taken": ({"traefik_dashboard_port": TAKEN}, "traefik_dashboard_port", "taken by"),
    "port-too-high": ({"hubwright_https_port": 70000}, "hubwright_https_port"),
    "one-port-for-two": ({"hubwright_https_port": "{{ hubwright_http_port }}"}, "hubwright_https_port"),
    # space
    "disk-too-small-for-images": ({"docker_min_free_gib": 1000000}, "docker_min_free_gib", "GiB"),
    "disk-too-small-for-platform": ({"platform_min_free_gib": 1000000}, "platform_min_free_gib", "GiB"),
    # images
    "lab-image-unreachable": (
        {"jupyterhub_lab_image": "registry.invalid/lab:1"},
        "jupyterhub_lab_image",
        "registry.invalid",
    ),
    "lab-image-is-no-reference": ({"jupyterhub_lab_image": "Our Lab"}, "jupyterhub_lab_image"),
    "registry-unreachable": ({"images_registry": "registry.invalid"}, "images_registry"),
}
SOUND = "sound"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return site.yml's report on all cases at once, its exit status, and where the platforms would have been."""
    directory = tmp_path_factory.mktemp("platforms")
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        hosts = {}
        for name, (changes, *_) in {SOUND: ({},), **CASES}.items():
            variables = {**sound_variables(directory / name), **changes}
            hosts[name] = {
                key: taken if value is TAKEN else value for key, value in variables.items() if value is not MISSING
            }
        inventory = directory / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"hubwright": {"hosts": hosts}}))
        command = [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            "site.yml",
            "-i",
            str(inventory),
            "--tags",
            "checks-only",
        ]
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_FORKS": "4"}
        result = output_of(*command, env=environment)
    assert result.stdout.startswith("{"), result.stdout + result.stderr
    return json.loads(result.stdout), result.returncode, directory


def output_of(*command, env=None):
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def sound_variables(root):
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": os.geteuid() != 0,
        "hosts_own_network": "{{ default_ipv4.network }}/{{ default_ipv4.prefix }}",
        "default_ipv4": "{{ ansible_facts['default_ipv4'] }}",
        "hubwright_root": str(root),
        "hubwright_project": "hubwright-bad-input",
        "hubwright_hostname": "hub.example.org",
        "hubwright_http_port": 28080,
        "hubwright_https_port": 28443,
        "traefik_dashboard_port": 28081,
        "platform_network_name": "hubwright_bad_input_network",
        "platform_network_subnet": "10.213.32.0/24",
        "platform_network_bridge": "hubwright-bad",
        "platform_data_volume": "hubwright_bad_input_data",
        "platform_shared_volume": "hubwright_bad_input_shared",
        "jupyterhub_admin": "admin",
        "jupyterhub_lab_image": "builtin",
        "jupyterhub_lab_prefix": "badinput",
        "images_source": "mirrors",
        "docker_min_free_gib": 1,
        "platform_min_free_gib": 1,
    }


def faults(report, host):
    results = [task["hosts"].get(host, {}) for play in report["plays"] for task in play["tasks"]]
    failed = [result for result in results if result.get("failed") or result.get("unreachable")]
    # A loop reports its items and itself.
    return [item for result in failed for item in result.get("results", [result]) if item.get("failed")]


def test_a_sound_inventory_passes(run):
    report, _, _ = run
    assert faults(report, SOUND) == []
    assert report["stats"][SOUND]["failures"] == 0


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_in_one_sentence(run, name):
    report, status, _ = run
    _, variable, *rest = CASES[name]
    messages = [fault["msg"] for fault in faults(report, name)]
    assert len(messages) == 1, messages
    message = " ".join(messages[0].split())
    assert variable in message
    assert len(message) < 400, message
    for text in rest:
        assert text in message
    assert "Traceback" not in message
    assert status != 0
    assert report["stats"][name]["failures"] == 1


def test_no_report_shows_a_password(run):
    report, _, _ = run
    assert SECRET[:9] not in json.dumps(report)


def test_nothing_changed_on_the_host(run):
    report, _, directory = run
    assert {name: stats["changed"] for name, stats in report["stats"].items() if stats["changed"]} == {}
    assert [path.name for path in directory.iterdir()] == ["inventory.yml"]


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_nothing_was_made_in_the_engine(run, kind):
    assert run
    result = output_of("docker", kind, "ls", "-q", "--filter", "name=hubwright_bad_input")
    if result.returncode:
        pytest.skip("no engine runs here: " + result.stderr)
    assert result.stdout == ""


def test_a_mistyped_inventory_is_an_error():
    result = output_of(sys.executable, "-m", "ansible", "playbook", "site.yml", "-i", "prdo")
    assert result.returncode != 0
    assert "prdo" in result.stderr
