"""Names and passwords: what every account of a platform keeps to, on the hub and in the inventory. Pure functions.

A fault is the rest of a sentence whose beginning the caller knows: "The user name " + fault.

`common_passwords.txt` is the list that NativeAuthenticator 1.3 ships (BSD-3-Clause), most common first.
"""

from __future__ import annotations

import secrets
import string
import unicodedata
from functools import lru_cache
from pathlib import Path

DNS_LABEL = 63
"""Longest name, in bytes, under which the hub can reach a container."""

BCRYPT_BYTES = 72
"""bcrypt reads no further than this."""

_SIGNS = ".-_"  # not @: Traefik takes @ and %40 in a URL for two different users
_KEPT = frozenset(string.ascii_lowercase + string.digits)
_SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstvz" for vowel in "aeiou"]


def normalize(name: str) -> str:
    """Return the one spelling that stands for all spellings of a user name people would take for the same.

    Lower case, and Unicode's compatibility composition: a full-width or ligature letter is the plain one, and an
    accent counts the same whether it was typed with its letter or after it.
    """
    composed = unicodedata.normalize("NFKC", name.strip())
    return unicodedata.normalize("NFKC", composed.lower())


def name_fault(name: str, lab_prefix: str) -> str | None:
    """Tell why a normalized name cannot be a user's, or None when it can.

    Args:
        name: the name.
        lab_prefix: first part of the names of labs, on which depends how long a name may be.
    """
    if not name:
        return "is empty."
    if name != normalize(name):
        return f"must be written {normalize(name)!r}."
    if odd := [sign for sign in dict.fromkeys(name) if not _is_letter(sign) and sign not in _SIGNS]:
        shown = " ".join(sign if sign.isprintable() and not sign.isspace() else _described(sign) for sign in odd)
        return f"may have letters, digits, dots, dashes and underscores, but not {shown}."
    if name[0] in _SIGNS or name[-1] in _SIGNS or unicodedata.category(name[0])[0] == "M":
        return "must begin and end with a letter or digit."
    excess = len(lab_prefix) + 1 + _escaped_length(name) - DNS_LABEL
    if excess > 0:
        return (
            f"is too long: {DNS_LABEL - len(lab_prefix) - 1} letters a-z and digits fit, and any other sign needs more."
        )
    return None


def password_fault(password: str, name: str, shortest: int) -> str | None:
    """Tell why a password is too weak for a user, or None when it is not.

    Args:
        password: the password.
        name: the user's normalized name.
        shortest: how many characters it must have.
    """
    if len(password) < shortest:
        return f"must have at least {shortest} characters."
    if len(password.encode("utf-8", "surrogatepass")) > BCRYPT_BYTES:
        return f"is too long: it may have {BCRYPT_BYTES} characters, fewer if they are not a-z."
    plain = _plain(password)
    if plain and plain in {name, _plain(name)}:
        return "must not be the user name."
    if not {password, password.lower(), plain}.isdisjoint(_common_passwords()):
        return "is too easy to guess: it is one of the most common ones, or one with digits or signs added."
    return None


def passphrase() -> str:
    """Return a random password of 63 bits that can be read out and typed: `bafo-kuti-remo-sadi-lupa`."""
    return "-".join(secrets.choice(_SYLLABLES) + secrets.choice(_SYLLABLES) for _ in range(5))


def _is_letter(sign: str) -> bool:
    category = unicodedata.category(sign)
    return category[0] == "L" or category in {"Mn", "Mc", "Nd"}


def _described(sign: str) -> str:
    return {" ": "spaces"}.get(sign, f"U+{ord(sign):04X}")


def _escaped_length(name: str) -> int:
    """Return how long DockerSpawner's name for a user is: each byte of what is not a-z or 0-9 becomes `-xx`."""
    return sum(1 if sign in _KEPT else 3 * len(sign.encode()) for sign in name)


def _plain(password: str) -> str:
    """Return a password in lower case, without what people add to satisfy rules."""
    return password.lower().rstrip(string.digits + string.punctuation)


@lru_cache(maxsize=1)
def _common_passwords() -> frozenset[str]:
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.splitlines())
