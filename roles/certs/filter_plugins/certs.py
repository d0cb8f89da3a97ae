"""Names as people write them, to names as a certificate holds them."""

from __future__ import annotations

import ipaddress
import re
from typing import Callable

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_NUMBERS = re.compile(r"[\d.]+")  # what is no address but looks like one is no name either
_MAX_LENGTH = 253


def subject_alt_name(name: str) -> str | None:
    """Return ``DNS:name`` or ``IP:address`` in the one spelling that community.crypto reports; None for neither."""
    lower = name.lower()
    if len(lower) <= _MAX_LENGTH and _DNS_NAME.fullmatch(lower) and not _NUMBERS.fullmatch(lower):
        return f"DNS:{lower}"
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return None


def subject_alt_names(names: list[str]) -> list[str]:
    """Return the names as a certificate holds them, sorted, each once."""
    return sorted({entry for name in names if (entry := subject_alt_name(name))})


def faulty_names(names: list[str]) -> list[str]:
    """Return the names that no certificate can hold."""
    return [name for name in names if subject_alt_name(name) is None]


class FilterModule:
    def filters(self) -> dict[str, Callable[[list[str]], list[str]]]:
        return {"certs_subject_alt_names": subject_alt_names, "certs_faulty_names": faulty_names}
