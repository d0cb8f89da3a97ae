"""The images of this checkout, for tests that run them: built once on this machine, then found by their keys."""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import docker
import yaml
from image_plan import image_choice, image_plans

ROOT = Path(__file__).parents[1]
# The same on every machine, whether a registry can be reached or not.
VARIABLES = {"images_source": "mirrors", "images_registry": "", "jupyterhub_lab_image": "builtin"}


def reference(name: str, jupyterhub: str = "6.1") -> str:
    """Return the reference of `hub`, `lab` or `traefik`, on this machine's engine; missing images are built first."""
    return references(jupyterhub)[name]


@functools.cache
def references(jupyterhub: str) -> dict[str, str]:
    """Return the references by name; see reference()."""
    if choose(jupyterhub)["missing"]:
        done = play("build", images_jupyterhub_version=jupyterhub)
        if done.returncode:
            raise RuntimeError(done.stdout)
    choice = choose(jupyterhub)
    assert choice["missing"] == [], "playbooks/build.yml builds what the filter names"
    return dict(choice["images"])


def choose(jupyterhub: str) -> dict[str, Any]:
    """Return the choice that role images makes on this machine."""
    pins = yaml.safe_load((ROOT / "roles/images/vars/main.yml").read_text())
    settings = {
        "source": VARIABLES["images_source"],
        "registry": VARIABLES["images_registry"],
        "lab": VARIABLES["jupyterhub_lab_image"],
        "build": True,
        "jupyterhub_version": jupyterhub,
        "architecture": platform.machine(),
        "can_import": True,
        "debian": pins["__images_debian"],
        "traefik": pins["__images_traefik"],
        "files": str(ROOT / "files"),
    }
    return image_choice(image_plans(settings), docker.from_env().api.images(), {})


def play(name: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run playbooks/<name>.yml on this machine, with further variables; stdout has everything it said."""
    command = [f"{sys.prefix}/bin/ansible-playbook", "--inventory=tests/inventory", f"playbooks/{name}.yml", *options]
    return subprocess.run(
        [*command, "--extra-vars", json.dumps({**VARIABLES, **variables})],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
