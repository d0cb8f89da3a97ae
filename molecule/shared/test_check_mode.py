"""Run first in every scenario, before its tests mistreat what was converged."""

import os
import re
import subprocess
from pathlib import Path


def test_check_mode_changes_nothing():
    scenario = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    inventories = [f"--inventory={path}/inventory.yml" for path in (scenario.parent / "shared", scenario)]
    run = subprocess.run(
        ["ansible-playbook", "--check", *inventories, scenario.parents[1] / "site.yml"],
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr
    tasks = run.stdout.split("\nTASK ")
    assert not [task for task in tasks if re.search("^changed:", task, re.MULTILINE)]
    assert re.findall(r"changed=(\d+)", tasks[-1]) != []
