"""Run first in every scenario, before its tests mistreat what was converged."""

import re


def test_check_mode_changes_nothing(converge):
    run = converge("--check")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr
    assert re.findall(r"changed=(\d+)", run.stdout)
    assert not [task for task in run.stdout.split("\nTASK ") if re.search("^changed:", task, re.MULTILINE)]
