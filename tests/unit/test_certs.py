"""Names become what a certificate holds, in the one spelling that community.crypto reports."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "certs", Path(__file__).parents[2] / "roles/certs/filter_plugins/certs.py"
)
certs = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(certs)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("hub.example.org", "DNS:hub.example.org"),
        ("Hub.Example.ORG", "DNS:hub.example.org"),
        ("localhost", "DNS:localhost"),
        ("*.example.org", "DNS:*.example.org"),
        ("xn--bcher-kva.example", "DNS:xn--bcher-kva.example"),
        ("192.0.2.7", "IP:192.0.2.7"),
        ("2001:DB8:0::0001", "IP:2001:db8::1"),
        ("::1", "IP:::1"),
        ("192.0.2.700", None),
        ("2001:db8::1::1", None),
        ("https://hub.example.org", None),
        ("hub.example.org:443", None),
        ("hub_1.example.org", None),
        ("-hub.example.org", None),
        ("hub.example.org.", None),
        ("a." * 127 + "org", None),
        ("hub.*.org", None),
        ("two words", None),
        ("bücher.example", None),
        ("", None),
    ],
)
def test_subject_alt_name(name, entry):
    assert certs.subject_alt_name(name) == entry
    assert certs.faulty_names([name]) == ([] if entry else [name])


def test_subject_alt_names_are_sorted_and_each_once():
    assert certs.subject_alt_names(["b", "A", "::1", "a", "0::1"]) == ["DNS:a", "DNS:b", "IP:::1"]
