"""Fixtures: a hub and its administrator."""

from __future__ import annotations

import pytest
from hubwright import authenticator
from runninghub import running_hub


@pytest.fixture
def quick(monkeypatch):
    """Make bcrypt a thousand times quicker: only tests about time need it slow."""
    monkeypatch.setattr(authenticator, "COST", 4)
    monkeypatch.setattr(authenticator, "NOBODY", authenticator.NOBODY.replace(b"12", b"04"))


@pytest.fixture
def hub(tmp_path, quick):
    with running_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
def boss(hub):
    """Return the administrator, logged in."""
    session = hub.session()
    session.signup("boss", "keys to the kingdom")
    session.login("boss", "keys to the kingdom")
    return session
