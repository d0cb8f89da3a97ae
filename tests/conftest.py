"""What every tier of the tests shares."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Platform:
    """A deployed platform, as `inventory` describes it."""

    inventory: str
    root: Path
    url: str
    """With the base URL, without a slash at the end."""
    ca: Path
    admin: str
    project: str
    lab_prefix: str

    def make(self, goal: str, args: str = "", *, fails: bool = False, **variables: str) -> str:
        """Run `make goal` on this platform and return its output; the test fails unless it ends as expected."""
        words = [f"{name}={value}" for name, value in variables.items()]
        command = ["make", "-C", str(ROOT), goal, f"INVENTORY={self.inventory}", f"ARGS={args}", *words]
        done = subprocess.run(
            command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        if bool(done.returncode) is not fails:
            pytest.fail(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}", pytrace=False)
        return done.stdout


@pytest.fixture(scope="session")
def platform():
    """Deploy the platform of tests/inventory on this very machine by `make up`, and remove it at the end.

    With HUBWRIGHT_KEEP=1 it stays, which makes the next run quicker.
    """
    here = Platform(
        inventory="tests/inventory",
        root=Path("/opt/hubwright-second"),
        url="https://localhost:18443/jupyterhub",
        ca=Path("/opt/hubwright-second/certs/ca.crt"),
        admin="admin",
        project="hubwright-second",
        lab_prefix="hubwrightsecond",
    )
    here.make("up")
    yield here
    if os.environ.get("HUBWRIGHT_KEEP") != "1":
        here.make("clean", FORCE="1")
