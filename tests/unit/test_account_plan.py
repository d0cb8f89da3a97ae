"""Which accounts the inventory declares, and their first passwords."""

from __future__ import annotations

import pytest
from account_plan import (
    account_faults,
    declared_accounts,
    first_passwords,
    kept_passwords,
    kept_passwords_fault,
    with_passwords,
)

SEEDED = {"name": "boss", "must_change": False, "admin": True, "authorized": True}


@pytest.mark.parametrize(
    ("users", "bootstrap", "accounts"),
    [
        ([], "signup", []),
        ([], "seeded", [SEEDED]),
        ([{"name": "ann"}], "signup", [{"name": "ann", "must_change": True}]),
        (
            [{"name": "ann", "admin": "yes", "authorized": False, "groups": ["b", "a", "b"]}],
            "seeded",
            [SEEDED, {"name": "ann", "must_change": True, "admin": True, "authorized": False, "groups": ["a", "b"]}],
        ),
        ([{"name": "ann", "groups": []}], "signup", [{"name": "ann", "must_change": True, "groups": []}]),
        ([{"name": "ann", "groups": None}], "signup", [{"name": "ann", "must_change": True}]),
        ([{"name": "boss", "groups": ["staff"]}], "seeded", [{**SEEDED, "groups": ["staff"]}]),
    ],
)
def test_the_hub_is_told_what_the_inventory_says_and_no_more(users, bootstrap, accounts):
    assert account_faults(users, "boss", bootstrap, "jupyterlab") == []
    assert declared_accounts(users, "boss", bootstrap) == accounts


def test_every_faulty_entry_is_named():
    users = ["ann", {"name": "Bob"}, {"name": "eve", "groups": [1]}, {"name": "eve"}, {"name": "x" * 60}]
    faults = account_faults(users, "The Boss", "seeded", "jupyterlab")
    assert len(faults) == 6
    assert all(
        fault.startswith(("jupyterhub_admin: ", "jupyterhub_users: ")) and fault.endswith(".") for fault in faults
    )


def test_passwords_are_kept_and_made_for_those_who_have_none():
    first = first_passwords({}, ["ann", "bob"])
    again = first_passwords({**first, "gone": "no longer declared"}, ["ann", "bob", "eve"])
    assert {"ann": again["ann"], "bob": again["bob"]} == first
    assert len(set(again.values())) == 3
    assert with_passwords([{"name": "eve"}], again) == [{"name": "eve", "password": again["eve"]}]


@pytest.mark.parametrize(
    ("text", "known", "fault"),
    [
        ("", {}, ""),
        ("# a comment\nann: bafo-kuti-remo\n", {"ann": "bafo-kuti-remo"}, ""),
        ("ann: password123", {"ann": "password123"}, "the password of ann is too easy to guess"),
        ("gone: short", {"gone": "short"}, ""),
        ("ann: 12345678901", None, "must be a map"),
        ("- ann", None, "must be a map"),
        ("ann: [", None, "must be a map"),
        ("bafo-kuti-remo", None, "must be a map"),
    ],
)
def test_what_people_may_have_made_of_the_kept_passwords(text, known, fault):
    assert kept_passwords(text) == known
    said = kept_passwords_fault(kept_passwords(text), ["ann"], 10)
    assert said.startswith(fault) if fault else said == ""
    assert "password123" not in said
