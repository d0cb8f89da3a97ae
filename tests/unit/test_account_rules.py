"""Names, passwords, lists of accounts and clients' addresses: the pure functions behind accounts."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from dockerspawner import DockerSpawner
from hubwright.authenticator import client_address
from hubwright.core.accounts import DNS_LABEL, name_fault, normalize, passphrase, password_fault
from hubwright.pages import read_accounts


@pytest.mark.parametrize(
    ("typed", "stands_for"),
    [
        ("ann", "ann"),
        (" Ann\t", "ann"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}nn", "ann"),
        ("\N{LATIN SMALL LIGATURE FI}nn", "finn"),
        ("\N{KELVIN SIGN}im", "kim"),
        ("jo\N{COMBINING DIAERESIS}rg", "j\N{LATIN SMALL LETTER O WITH DIAERESIS}rg"),
        ("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}x", "i\N{COMBINING DOT ABOVE}x"),
    ],
)
def test_spellings_people_take_for_the_same_are_the_same(typed, stands_for):
    assert normalize(typed) == stands_for
    assert normalize(stands_for) == stands_for


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("ann", None),
        ("ann.b-c_d", None),
        ("ann@example.org", "but not @"),
        ("7", None),
        ("\N{DEVANAGARI LETTER KA}\N{DEVANAGARI VOWEL SIGN I}", None),
        ("", "is empty"),
        ("Ann", "must be written 'ann'"),
        ("-ann", "begin and end"),
        ("\N{COMBINING DIAERESIS}a", "begin and end"),
        ("a\\b", "but not \\"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b", "but not U+202E"),
        ("\N{NO-BREAK SPACE}", "is empty"),
        ("\N{SUPERSCRIPT TWO}a", "must be written '2a'"),
        ("\N{ROMAN NUMERAL FIVE}", "must be written 'v'"),
        ("x\N{CIRCLED DIGIT ONE}", "must be written 'x1'"),
        ("\ud800", "but not U+D800"),
    ],
)
def test_names_that_cannot_be(name, fault):
    given = name_fault(normalize(name) if fault == "is empty" else name, "jupyterlab")
    assert given is None if fault is None else fault in str(given)


@pytest.mark.parametrize(
    "sign", ["a", ".", "\N{LATIN SMALL LETTER U WITH DIAERESIS}", "\N{CJK UNIFIED IDEOGRAPH-674E}"]
)
@pytest.mark.parametrize("prefix", ["jupyterlab", "x"])
def test_the_longest_name_is_the_longest_whose_container_has_a_host_name(sign, prefix):
    names = ["a" + sign * n + "a" for n in range(70)]
    fits = [name_fault(name, prefix) is None for name in names]
    assert fits == [len(f"{prefix}-{DockerSpawner._escape(name)}") <= DNS_LABEL for name in names]
    assert {True, False} == set(fits)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("correct horse battery staple", None),
        ("x" * 72, None),
        ("short", "at least 10 characters"),
        ("ninechars", "at least 10 characters"),
        ("x" * 73, "too long"),
        ("\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 37, "too long"),
        ("password123", "easy to guess"),
        ("Basketball!", "easy to guess"),
        ("annabel.lee", "the user name"),
        ("Annabel.Lee2026", "the user name"),
    ],
)
def test_passwords_that_are_too_weak(password, fault):
    given = password_fault(password, "annabel.lee", 10)
    assert given is None if fault is None else fault in str(given)


def test_passphrases_differ_and_are_strong_enough_for_every_policy():
    made = {passphrase() for _ in range(200)}
    assert len(made) == 200
    assert not any(password_fault(one, "ann", 24) for one in made)


@pytest.mark.parametrize(
    ("text", "accounts"),
    [
        ("ann\nbob", [("ann", False, []), ("bob", False, [])]),
        ("\n Ann \r\n\r\nANN\n", [("ann", False, [])]),
        ("name,admin,groups\nann,yes,a b\n", [("ann", True, ["a", "b"])]),
        ("Username;Admin\nann;no\n", [("ann", False, [])]),
        ("ann\ttrue\tstaff", [("ann", True, ["staff"])]),
        ('"ann","0",""', [("ann", False, [])]),
    ],
)
def test_lists_of_accounts_as_people_have_them(text, accounts):
    found, faults = read_accounts(text, lambda _name: None)
    assert faults == []
    assert [tuple(account) for account in found.values()] == accounts


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.2", "10.0.0.7", "10.0.0.7"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", "nonsense", "10.0.0.2"),
        ("10.0.0.2", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_client_is_the_first_whom_no_trusted_proxy_vouches_against(peer, forwarded, client):
    assert client_address(peer, forwarded, [ip_network("10.0.0.0/8")]) == client
