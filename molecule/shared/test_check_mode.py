"""Run first in every scenario, before its tests mistreat what was converged."""

import json
import os
import subprocess
from pathlib import Path


def test_check_mode_changes_nothing():
    scenario = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    inventories = [scenario.parent / "shared/inventory.yml", scenario / "inventory.yml"]
    run = subprocess.run(
        ["ansible-playbook", "--check", *(f"--inventory={path}" for path in inventories), scenario.parents[1] / "site.yml"],
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout[run.stdout.index("{") :])
    changed = [
        task["task"]["name"]
        for play in report["plays"]
        for task in play["tasks"]
        if any(result.get("changed") for result in task["hosts"].values())
    ]
    assert not changed
