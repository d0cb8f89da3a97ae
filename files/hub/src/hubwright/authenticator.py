"""NativeAuthenticator's sign-up, approval and passwords, without its holes.

Its table and its settings are kept, so that `c.NativeAuthenticator.minimum_password_length` is still the place for
that; its handlers and its way to judge a login are not.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

import bcrypt
import onetimepass
from jupyterhub import orm
from nativeauthenticator import NativeAuthenticator
from nativeauthenticator.orm import UserInfo
from tornado import web
from traitlets import Int, List, Unicode, default

from hubwright import accounts, pages
from hubwright.core.accounts import BCRYPT_BYTES, name_fault, normalize, password_fault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

    from jupyterhub.handlers import BaseHandler
    from sqlalchemy.orm import Session

COST = 12
"""bcrypt's work factor, NativeAuthenticator's too: about a quarter of a second."""

NOBODY = b"$2b$%02d$" % COST + b"." * 53
"""A hash no password has, for names without an account: they take as long as any other."""

REMEMBERED_DAYS = 180
"""How long a browser is known as one in which a person has logged in."""

NOT_OFFERED = ("allow_self_approval_for", "ask_email_on_signup", "import_from_firstuse", "recaptcha_key", "tos")
"""Settings of NativeAuthenticator that hubwright's pages do not have."""


class HubwrightAuthenticator(NativeAuthenticator):  # type: ignore[misc]
    """Accounts that wait for approval, are locked when somebody guesses, and cost the event loop nothing."""

    bootstrap_admin = Unicode(
        config=True, help="The administrator who may sign up, and before whom nobody else can. '': there is one."
    )
    lab_prefix = Unicode("jupyterlab", config=True, help="First part of the names of labs: limits users' names.")
    trusted_proxies: Any = List(config=True, help="Networks whose X-Forwarded-For is believed.")
    shared_address = Unicode(
        config=True, help="What clients look like whose address is not known: it is never locked. '': none does."
    )
    address_failed_logins = Int(
        5, min=1, config=True, help="How many logins from one address may fail before it is locked."
    )
    declared: Any = List(config=True, help="Accounts the inventory declares (hubwright.settings.DeclaredAccount).")

    @default("db")
    def _hubs_session(self) -> Session:
        # JupyterHub deprecates its own default without offering another; this is the very same session.
        session: Session = self.parent.db
        return session

    def __init__(self, **kwargs: Any) -> None:
        """Prepare the threads that hash.

        Raises:
            ValueError: NativeAuthenticator is asked for what hubwright does not offer.
        """
        super().__init__(**kwargs)
        if asked := [name for name in NOT_OFFERED if getattr(self, name)]:
            raise ValueError(
                f"hubwright does not offer NativeAuthenticator.{asked[0]}: take it out of the configuration."
            )
        # One core is left to the event loop, and where there is only one the loop goes first.
        threads = max(1, min(4, len(os.sched_getaffinity(0)) - 1))
        self._hashing = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt", initializer=_be_nice)

    def check_allow_config(self) -> None:
        """Bring about the accounts that the inventory declares.

        JupyterHub asks for this check when its roles exist and its port is not open yet, and for nothing else then.
        """
        super().check_allow_config()
        missing = [account for account in self.declared if not self.get_user(account.name)]
        hashes = self._hashing.map(lambda account: _hash(account.password.get_secret_value()), missing)
        by_name = dict(zip([account.name for account in missing], hashes, strict=True))
        for line in accounts.reconcile(self.db, self.declared, by_name):
            self.log.info("The inventory declares: %s", line)

    # Names and passwords

    def normalize_username(self, username: str) -> str:
        """Return the spelling under which JupyterHub knows a person."""
        return str(super().normalize_username(normalize(username)))

    def validate_username(self, username: str) -> bool:
        """Tell whether a normalized name can be a user's."""
        return bool(super().validate_username(username)) and not self.name_fault(username)

    def name_fault(self, name: str) -> str | None:
        """Tell why a normalized name cannot be a user's, see `hubwright.core.accounts.name_fault`."""
        return name_fault(name, self.lab_prefix)

    def password_fault(self, password: str, name: str) -> str | None:
        """Tell why a password is too weak, see `hubwright.core.accounts.password_fault`."""
        return password_fault(password, name, self.minimum_password_length)

    # Sign-up

    @property
    def awaits_admin(self) -> bool:
        """Whether the first administrator has yet to sign up."""
        if not self.bootstrap_admin:
            return False
        admins = self.db.query(orm.User.name).filter(orm.User.admin)
        return not self.db.query(
            self.db.query(UserInfo).filter(UserInfo.is_authorized, UserInfo.username.in_(admins)).exists()
        ).scalar()

    def is_taken(self, name: str) -> bool:
        """Tell whether a name is somebody's: an account's, or a user's whom an administrator or a file has created."""
        if self.user_exists(name):
            return True
        return orm.User.find(self.db, name) is not None and not (self.awaits_admin and name == self.bootstrap_admin)

    async def sign_up(self, name: str, password: str, *, has_2fa: bool) -> UserInfo | None:
        """Create an account for somebody who asks for one. None when the name is somebody's by now."""
        hashed = await self._in_thread(_hash, password)
        if self.is_taken(name):  # no one else runs between here and the commit
            return None
        is_admin = self.awaits_admin and name == self.bootstrap_admin
        info = UserInfo(username=name, password=hashed, is_authorized=is_admin or self.open_signup, has_2fa=has_2fa)
        self.db.add(info)
        self.db.commit()
        return info

    async def give_accounts(self, passwords: dict[str, str]) -> list[str]:
        """Create authorized accounts whose passwords have to be changed. Returns those who had none yet."""
        # One after the other, so that a login waits for one of them and not for all.
        hashes = {name: await self._in_thread(_hash, password) for name, password in passwords.items()}
        created = [name for name in hashes if not self.user_exists(name)]
        for name in created:
            info = UserInfo(username=name, password=hashes[name], is_authorized=True)
            accounts.state(info).must_change = True
            self.db.add(info)
        self.db.commit()
        return created

    async def set_password(self, info: UserInfo, password: str, *, must_change: bool = False) -> None:
        """Set a password, and end every session that began with the old one."""
        info.password = await self._in_thread(_hash, password)
        accounts.state(info).must_change = must_change
        accounts.forgive(self.db, username=info.username)
        accounts.end_sessions(self.db, info.username, tokens=False)
        self.db.commit()

    # Login

    @default("request_otp")
    def _offer_otp(self) -> bool:
        # Also for those who have set it up before it was switched off: nobody loses a protection silently.
        return bool(self.allow_2fa or self.db.query(UserInfo).filter(UserInfo.has_2fa).first())

    @default("otp_prompt")
    def _name_otp(self) -> str:
        return "One-time code, if you use them:"

    async def authenticate(self, handler: BaseHandler, data: dict[str, str]) -> str | None:
        """Judge a login form. Returns the user's name, or None for a wrong name or password.

        Raises:
            accounts.PasswordExpiredError: the password is right and has to be changed.
            accounts.LockedError: there were too many failures.
            web.HTTPError: 403, the account waits for approval.
        """
        name = self.normalize_username(data["username"])
        info = await self.verify(handler, name, data["password"], data.get("otp", ""))
        if info is None:
            return None
        if not info.is_authorized:  # which only someone who has the password may learn
            raise web.HTTPError(403, "Your account waits for an administrator's approval.")
        if accounts.state(info).must_change:
            raise accounts.PasswordExpiredError
        return name

    async def verify(self, handler: BaseHandler, name: str, password: str, otp: str) -> UserInfo | None:
        """Judge a password and one-time code, in the same time for every name. None when they are wrong.

        Failures under a name lock it, and failures from an address lock that; but a browser in which the person has
        logged in before is judged by its own failures alone, and an administrator by those from the same address:
        whoever guesses from elsewhere cannot keep them out.

        Raises:
            accounts.LockedError: there were too many failures.
        """
        key = name[: accounts.NAME_LENGTH]
        info = self.get_user(name)
        address = self.client_address(handler)
        browser = info and self._known_browser(handler, info)
        if wait := self._wait(key, address, browser):
            raise accounts.LockedError(wait)
        wait_for_name = 0.0 if browser else self._lockout(self.allowed_failed_logins, username=key, browser=None)

        accounts.begin_login(self.db, self.seconds_before_next_try, key, address, browser)
        hashed = info.password if info else NOBODY
        right = await self._in_thread(_matches, password, hashed)
        info = self.get_user(name)  # again: it may be gone, or have another password by now
        right = right and info is not None and info.password == hashed and self._is_valid_otp(info, otp)
        if wait_for_name and not (right and self._is_admin(name)):
            raise accounts.LockedError(wait_for_name)
        if not right:
            return None
        accounts.forgive(self.db, username=key, **({"browser": browser} if browser else {"address": address}))
        self.db.commit()
        return info

    def _wait(self, name: str, address: str, browser: str | None) -> float:
        if browser:
            return self._lockout(self.allowed_failed_logins, username=name, browser=browser)
        wait = self._lockout(self.allowed_failed_logins, username=name, address=address, browser=None)
        if address == self.shared_address:
            return wait
        return max(wait, self._lockout(self.address_failed_logins, address=address, browser=None))

    def _lockout(self, limit: int, **where: str | None) -> float:
        return accounts.lockout(self.db, self.seconds_before_next_try, limit, **where) if limit else 0.0

    def _is_admin(self, name: str) -> bool:
        user = orm.User.find(self.db, name)
        return user is not None and user.admin

    def _is_valid_otp(self, info: UserInfo, otp: str) -> bool:
        """Judge a one-time code: of now or half a minute off, for clocks that differ, and never one used before."""
        if not info.has_2fa:
            return True
        state = accounts.state(info)
        given, now = "".join(otp.split()).encode("utf-8", "surrogatepass"), int(time.time()) // 30
        for step in (now - 1, now, now + 1):
            code = f"{onetimepass.get_hotp(info.otp_secret, step):06}"
            if hmac.compare_digest(code.encode(), given) and step > (state.otp_step or 0):
                state.otp_step = step
                return True
        return False

    # Whom a login comes from

    def client_address(self, handler: BaseHandler) -> str:
        """Return the address a request comes from: that of the client, where its proxies are trusted to know it."""
        peer, *_port = handler.request.connection.context.address
        return client_address(peer, handler.request.headers.get("X-Forwarded-For", ""), self.trusted_proxies)

    def remember_browser(self, handler: BaseHandler, name: str) -> None:
        """Note in a browser that this person has logged in with it."""
        info = self.get_user(name)
        if self._known_browser(handler, info) is None:
            handler._set_cookie(  # noqa: SLF001 - how JupyterHub's own handlers set cookies
                _cookie(info), secrets.token_hex(16), path=handler.hub.base_url, expires_days=REMEMBERED_DAYS
            )

    def _known_browser(self, handler: BaseHandler, info: UserInfo) -> str | None:
        value = handler.get_secure_cookie(_cookie(info), max_age_days=REMEMBERED_DAYS)
        return value.decode() if value else None

    # The rest

    def get_handlers(self, app: Any) -> list[tuple[str, type[BaseHandler]]]:  # noqa: ARG002 - JupyterHub's signature
        """URL table."""
        return pages.HANDLERS

    async def _in_thread(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._hashing, function, *args)


def client_address(peer: str, forwarded_for: str, trusted: Iterable[IPv4Network | IPv6Network]) -> str:
    """Return the address of the client behind trusted proxies.

    Args:
        peer: the other end of the connection.
        forwarded_for: the header X-Forwarded-For: each proxy has added whom it was asked by.
        trusted: networks of proxies that are believed.

    Returns:
        The last address no trusted proxy has, as far as known; of an IPv6 /64, which is one customer's, its first.
    """
    address = peer
    for next_address in (peer, *reversed(forwarded_for.split(","))):
        try:
            parsed = ip_address(next_address.strip())
        except ValueError:
            break
        if isinstance(parsed, IPv6Address):
            parsed = parsed.ipv4_mapped or parsed
        if isinstance(parsed, IPv6Address):
            address = str(ip_network((parsed, 64), strict=False).network_address)
        else:
            address = str(parsed)
        if not any(parsed in network for network in trusted):
            break
    return address


def _cookie(info: UserInfo) -> str:
    # Of the account, not of its name: whoever gets a deleted account's name is somebody else.
    return "jupyterhub-known-" + sha256(f"{info.id} {info.username}".encode()).hexdigest()[:16]


def _hash(password: str) -> bytes:
    return bcrypt.hashpw(password.encode("utf-8", "surrogatepass"), bcrypt.gensalt(COST))


def _matches(password: str, hashed: bytes) -> bool:
    encoded = password.encode("utf-8", "surrogatepass")
    return bcrypt.checkpw(encoded[:BCRYPT_BYTES], hashed) and len(encoded) <= BCRYPT_BYTES


def _be_nice() -> None:
    # Linux knows priorities of threads: when all cores hash, the event loop still goes first.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
