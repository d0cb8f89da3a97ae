"""Which accounts the inventory declares, with which first passwords, and what is wrong with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.module_utils.parsing.convert_bool import BOOLEANS, boolean

# The control node judges names and passwords with the very code of the hub.
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "files" / "hub" / "src"))

from hubwright.core.accounts import name_fault, passphrase, password_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_KEYS = {"name", "admin", "groups", "authorized"}


def account_faults(users: Iterable[Any], admin: Any, bootstrap: str, lab_prefix: str) -> list[str]:
    """Return what is wrong with the accounts, a sentence each.

    :param users: jupyterhub_users
    :param admin: jupyterhub_admin
    :param bootstrap: jupyterhub_admin_bootstrap
    :param lab_prefix: jupyterhub_lab_prefix, on which depends how long a name may be
    """
    faults = list(_name_faults("jupyterhub_admin", admin, lab_prefix))
    seen: set[str] = set()
    for user in users:
        faults += _user_faults(user, admin, bootstrap, lab_prefix, seen)
    return faults


def first_password_fault(password: Any, name: str, shortest: int) -> str:
    """Return the rest of a sentence that says why a first password will not do, without the password; '' if it will."""
    if not isinstance(password, str):
        return "is no text: put it in quotes."
    return password_fault(password, str(name), int(shortest)) or ""


def declared_accounts(users: Iterable[Mapping[str, Any]], admin: str, bootstrap: str) -> list[dict[str, Any]]:
    """Return the accounts as the hub takes them (hubwright.settings.DeclaredAccount), but for their passwords.

    What the inventory leaves out the hub leaves as it is.
    """
    accounts = {str(user["name"]): {"must_change": True, **_wishes(user)} for user in users}
    if bootstrap == "seeded":
        seeded = {**accounts.pop(str(admin), {}), "must_change": False, "admin": True, "authorized": True}
        accounts = {str(admin): seeded, **accounts}
    return [{"name": name, **wishes} for name, wishes in accounts.items()]


def first_passwords(known: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return a first password for each name: the known one, else a new passphrase."""
    return {str(name): known.get(str(name)) or passphrase() for name in names}


def kept_passwords(text: str) -> dict[str, str] | None:
    """Return the first passwords that a YAML text keeps by name; None when it is something else."""
    try:
        known = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        return None
    is_map = isinstance(known, dict) and all(isinstance(part, str) for item in known.items() for part in item)
    return known if is_map else None


def kept_passwords_fault(known: Mapping[str, str] | None, names: Iterable[str], shortest: int) -> str:
    """Return the rest of a sentence that says what is wrong with kept passwords, without any; '' if nothing is."""
    if known is None:
        return "must be a map of names to passwords; mend it, or delete it for new passwords."
    faults = [f"the password of {name} {fault}" for name in names if (fault := _weakness(known, name, shortest))]
    return faults[0] if faults else ""


def _weakness(known: Mapping[str, str], name: str, shortest: int) -> str:
    return password_fault(known[name], name, int(shortest)) or "" if name in known else ""


def with_passwords(accounts: Iterable[Mapping[str, Any]], passwords: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the accounts with their first passwords."""
    return [{**account, "password": passwords[account["name"]]} for account in accounts]


def _wishes(user: Mapping[str, Any]) -> dict[str, Any]:
    wishes: dict[str, Any] = {key: boolean(user[key]) for key in ("admin", "authorized") if user.get(key) is not None}
    if user.get("groups") is not None:
        wishes["groups"] = sorted({str(group) for group in user["groups"]})
    return wishes


def _name_faults(variable: str, name: Any, lab_prefix: str) -> Iterator[str]:
    if not isinstance(name, str):
        yield f"{variable}: the name {name} is no text; put it in quotes."
    elif fault := name_fault(name, lab_prefix):
        yield f"{variable}: the name {str(name)!r} {fault}"


def _user_faults(user: Any, admin: Any, bootstrap: str, lab_prefix: str, seen: set[str]) -> Iterator[str]:
    what = "jupyterhub_users"
    # Ansible's own check of types is content with what it could convert, and converts nothing.
    if not hasattr(user, "keys") or "name" not in user:
        yield f"{what}: each entry must be a map with a name, for example {{name: ann}}."
        return
    name, groups = user["name"], user.get("groups")
    if faults := list(_name_faults(what, name, lab_prefix)):
        yield from faults
        return
    if unknown := sorted(set(user.keys()) - _KEYS):
        yield f"{what}: {str(name)!r} has {unknown[0]}; the keys are name, admin, groups and authorized."
    if name in seen:
        yield f"{what}: {str(name)!r} is there twice; keep one entry."
    seen.add(name)
    if groups is not None and (
        isinstance(groups, str) or not all(group and isinstance(group, str) for group in groups)
    ):
        yield f"{what}: the groups of {str(name)!r} must be a list of names; put names of digits in quotes."
    switches = [user[key] for key in ("admin", "authorized") if user.get(key) is not None]
    if not all(str(switch).lower() in BOOLEANS for switch in switches):
        yield f"{what}: admin and authorized of {str(name)!r} must be true or false."
    elif name == admin and bootstrap == "signup":
        yield f"{what}: {str(name)!r} signs up (jupyterhub_admin_bootstrap); take it out, or set that to seeded."
    elif name == admin and not all(boolean(switch) for switch in switches):
        yield f"{what}: {str(name)!r} is jupyterhub_admin, always an authorized administrator; do not deny it."


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "account_faults": account_faults,
            "declared_accounts": declared_accounts,
            "first_password_fault": first_password_fault,
            "first_passwords": first_passwords,
            "kept_passwords": kept_passwords,
            "kept_passwords_fault": kept_passwords_fault,
            "with_passwords": with_passwords,
        }
