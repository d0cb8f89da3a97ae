"""The README's commands on this very machine: `make up` again, `make down` and `make clean`."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import docker
import pytest
from hubclient import PASSWORD, Hub

if TYPE_CHECKING:
    from conftest import Platform

NOTE = "workspace/note.txt"


def recap(output: str) -> dict[str, int]:
    """Return the numbers of a play's last line."""
    line = re.findall(r"^localhost +: .*$", output, re.MULTILINE)[-1]
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


def belongings(platform: Platform) -> dict[str, list[str]]:
    """Return what of the platform the engine and the kernel know."""
    engine = docker.from_env()
    chains = subprocess.run(["iptables", "-S"], check=True, capture_output=True, text=True).stdout
    mine = (platform.project, platform.lab_prefix, platform.project.replace("-", "_"))
    return {
        "containers": sorted(c.name for c in engine.containers.list(all=True) if c.name.startswith(mine)),
        "volumes": sorted(v.name for v in engine.volumes.list() if v.name.startswith(mine)),
        "networks": sorted(n.name for n in engine.networks.list() if n.name.startswith(mine)),
        "rules": sorted(rule for rule in chains.splitlines() if f"HUBWRIGHT-{platform.project}" in rule),
    }


@pytest.mark.parametrize("args", ["", "--check --diff"])
def test_a_second_up_changes_nothing(platform: Platform, args: str) -> None:
    output = platform.make("up", args)
    assert recap(output)["changed"] == 0, output


def test_up_after_down_finds_accounts_and_files(platform: Platform) -> None:
    user = Hub(platform.url, str(platform.ca)).admin(platform.admin, PASSWORD)
    user.spawn()
    user.write(NOTE, "still here")

    platform.make("down")
    left = belongings(platform)
    assert left["containers"] == []
    assert f"{platform.lab_prefix}-{platform.admin}_workspace" in left["volumes"]

    platform.make("up")
    again = Hub(platform.url, str(platform.ca)).session()
    again.login(platform.admin, PASSWORD)
    again.spawn()
    assert again.read(NOTE) == "still here"


def test_clean_asks_and_then_leaves_nothing(platform: Platform) -> None:
    before = belongings(platform)
    refusal = platform.make("clean", fails=True)
    assert "teardown_confirm" in refusal
    assert belongings(platform) == before, "without a yes nothing is removed"

    platform.make("clean", FORCE="1")
    assert belongings(platform) == {"containers": [], "volumes": [], "networks": [], "rules": []}
    assert not platform.root.exists()
