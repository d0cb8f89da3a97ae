"""Accounts: every promise of docs/accounts.md, on a real hub."""

from __future__ import annotations

import pytest
from hubclient import PASSWORD, HubError


def test_people_wait_for_approval(hub, boss):
    ann = hub.session()
    assert "waits for approval" in ann.signup("ann", PASSWORD)
    with pytest.raises(HubError, match="HTTP 403.*waits for an administrator's approval"):
        ann.login("ann", PASSWORD)
    boss.authorize("ann")
    ann.login("ann", PASSWORD)
    assert ann.api("GET", "users/ann")["admin"] is False
    assert boss.api("GET", "users/boss")["admin"] is True
