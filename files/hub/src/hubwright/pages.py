"""The pages of accounts: login, sign-up, passwords, and what administrators do with accounts."""

from __future__ import annotations

import asyncio
import csv
import io
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from jupyterhub import orm
from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.login import LoginHandler as JupyterHubLoginHandler
from jupyterhub.roles import assign_default_roles
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import exponential_backoff, maybe_future
from nativeauthenticator.orm import UserInfo
from tornado import web
from tornado.httputil import url_concat

from hubwright import accounts
from hubwright.core.accounts import normalize, passphrase

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from jupyterhub.user import User

MOST_AT_ONCE = 500
"""How many accounts may be created in one go: a quarter of a second of a core each."""

YES_OR_NO = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}


class LoginHandler(JupyterHubLoginHandler):  # type: ignore[misc]
    """JupyterHub's login page, which here knows of passwords that have to be changed."""

    async def post(self) -> None:
        """Log in, or show the form again with the reason."""
        if not {"username", "password"} <= self.request.body_arguments.keys():
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "Enter a user name and a password.")
        try:
            await super().post()
        except accounts.PasswordExpiredError:
            known = {"username": self.get_argument("username"), "next": self.get_argument("next", "")}
            self.redirect(url_concat(self.hub.base_url + "change-password", {k: v for k, v in known.items() if v}))

    async def login_user(self, data: dict[str, str] | None = None) -> User | None:
        """Log in, and remember the browser of somebody who could."""
        user = await super().login_user(data)
        if user:
            self.authenticator.remember_browser(self, user.name)
        return user

    def _render(self, *args: Any, **kwargs: Any) -> Any:
        return super()._render(*args, password_changed=self.get_argument("password_changed", ""), **kwargs)


class Form(BaseHandler):  # type: ignore[misc]
    """A page with one form, which comes back with the reason when something is wrong with what was filled in."""

    template: str

    async def show(self, fault: str = "", status: HTTPStatus = HTTPStatus.OK, **filled_in: Any) -> None:
        """Answer with the form; a fault without a status of its own is a bad request."""
        self.set_status(HTTPStatus.BAD_REQUEST if fault and status is HTTPStatus.OK else status)
        ns = {"fault": fault, "authenticator": self.authenticator, **filled_in}
        self.finish(await self.render_template(self.template, **ns))

    def field(self, name: str) -> str:
        """Return what was filled in, as it was typed."""
        return str(self.get_body_argument(name, "", strip=False))


class SignUpHandler(Form):
    """People create accounts for themselves."""

    template = "signup.html"

    async def prepare(self) -> None:
        """Refuse where there is no sign-up."""
        await super().prepare()
        if not (self.authenticator.enable_signup or self.authenticator.awaits_admin):
            raise web.HTTPError(
                HTTPStatus.FORBIDDEN, "People cannot sign up here: ask an administrator for an account."
            )

    async def get(self) -> None:
        """Show the form."""
        await self.show(awaits_admin=self.authenticator.awaits_admin)

    async def post(self) -> None:
        """Create an account that waits for approval, or the first administrator's."""
        authenticator = self.authenticator
        awaits_admin = authenticator.awaits_admin
        name, password = authenticator.normalize_username(self.field("username")), self.field("signup_password")
        is_admin = awaits_admin and name == authenticator.bootstrap_admin
        filled_in = {"username": self.field("username"), "awaits_admin": awaits_admin}

        taken = f"The user name {name} is taken. Choose another one."
        if fault := authenticator.name_fault(name):
            await self.show(f"The user name {fault}", **filled_in)
        elif awaits_admin and not is_admin:
            fault = "The first account must be the administrator's, under the name the platform was set up with."
            await self.show(fault, HTTPStatus.FORBIDDEN, **filled_in)
        elif authenticator.is_taken(name):
            await self.show(taken, HTTPStatus.CONFLICT, **filled_in)
        elif password != self.field("signup_password_confirmation"):
            await self.show("The two passwords differ.", **filled_in)
        elif fault := authenticator.password_fault(password, name):
            await self.show(f"The password {fault}", **filled_in)
        else:
            info = await authenticator.sign_up(
                name, password, has_2fa=authenticator.allow_2fa and bool(self.field("2fa"))
            )
            if info is None:
                await self.show(taken, HTTPStatus.CONFLICT, **filled_in)
                return
            self.log.info("%s signed up", name)
            self.set_header("Cache-Control", "no-store")  # the page may show a secret
            await self.show(info=info)


class ChangePasswordHandler(Form):
    """People change their own password: logged in, or before their first login."""

    template = "change-password.html"

    async def get(self) -> None:
        """Show the form."""
        await self.show(username=self.get_argument("username", ""))

    async def post(self) -> None:
        """Set a new password where the old one is right; whoever is logged in stays so, here only."""
        user, authenticator = self.current_user, self.authenticator
        name = user.name if user else authenticator.normalize_username(self.field("username"))
        filled_in: dict[str, Any] = {"username": self.field("username")}
        try:
            info = await authenticator.verify(self, name, self.field("password"), self.field("otp"))
        except accounts.LockedError as error:
            self.set_header("Retry-After", error.headers["Retry-After"])
            await self.show(error.message, HTTPStatus.TOO_MANY_REQUESTS, **filled_in)
            return
        new = self.field("new_password")
        if info is None:
            await self.show("The current password is wrong." if user else "Invalid username or password.", **filled_in)
        elif new != self.field("new_password_confirmation"):
            await self.show("The two new passwords differ.", **filled_in)
        elif new == self.field("password"):
            await self.show("The new password must differ from the current one.", **filled_in)
        elif fault := authenticator.password_fault(new, name):
            await self.show(f"The new password {fault}", **filled_in)
        else:
            await authenticator.set_password(info, new)
            self.log.info("%s changed the password", name)
            if user:
                self.set_hub_cookie(user)
                await self.show(done=True)
            else:
                seen = {"username": name, "password_changed": "1", "next": self.get_argument("next", "")}
                self.redirect(url_concat(self.hub.base_url + "login", {k: v for k, v in seen.items() if v}))


class Row(NamedTuple):
    """An account as administrators see it."""

    name: str
    status: str
    admin: bool
    has_2fa: bool
    must_change: bool
    locked: bool


class AccountsHandler(BaseHandler):  # type: ignore[misc]
    """What administrators see of accounts, and do with several at once."""

    @needs_scope("admin:users")
    async def get(self) -> None:
        """List all accounts, those that wait first."""
        authenticator, window = self.authenticator, self.authenticator.seconds_before_next_try
        locked = accounts.locked_names(self.db, window, authenticator.allowed_failed_logins)
        html = await self.render_template(
            "accounts.html",
            rows=sorted(
                (_row(*found, locked) for found in accounts.every(self.db)),
                key=lambda row: (row.status != "waiting", row.name),
            ),
            locked_addresses=accounts.locked_addresses(self.db, window, authenticator.address_failed_logins)
            - {authenticator.shared_address},
        )
        self.finish(html)

    @needs_scope("admin:users")
    async def post(self) -> None:
        """Authorize or discard all accounts that were ticked."""
        action = self.get_body_argument("action", "")
        if action not in {"authorize", "discard"}:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "action must be authorize or discard.")
        for name in self.get_body_arguments("name", strip=False):
            await ACTIONS[action](self, name)
        self.redirect(self.hub.base_url + "authorize")


def _row(name: str, info: UserInfo | None, user: orm.User | None, locked: set[str]) -> Row:
    if info is None:
        status = "no password"
    elif info.is_authorized:
        status = "authorized"
    else:
        status = "revoked" if user else "waiting"
    return Row(
        name=name,
        status=status,
        admin=bool(user and user.admin),
        has_2fa=bool(info and info.has_2fa),
        must_change=bool(info and accounts.state(info).must_change),
        locked=name in locked,
    )


class AccountActionHandler(BaseHandler):  # type: ignore[misc]
    """What administrators do with one account. There is no GET: a link changes nothing."""

    @needs_scope("admin:users")
    async def post(self, action: str, user_name: str) -> None:
        """Do it, and show the list again."""
        await ACTIONS[action](self, user_name)
        if not self._finished:
            self.redirect(f"{self.hub.base_url}authorize#{quote(user_name)}")


def _account(handler: BaseHandler, name: str) -> UserInfo:
    """Return an account, for an action that the current user may do to it."""
    info = UserInfo.find(handler.db, name)  # in its one spelling, or the checks of the name would be of another's
    if info is None:
        raise web.HTTPError(HTTPStatus.NOT_FOUND, f"There is no account named {name}.")
    _check_may_touch(handler, name)
    return info


def _check_may_touch(handler: BaseHandler, name: str) -> None:
    user = orm.User.find(handler.db, name)
    if user and user.admin and not handler.current_user.admin:
        raise web.HTTPError(HTTPStatus.FORBIDDEN, f"{name} is an administrator: only administrators may do that.")


async def authorize(handler: BaseHandler, name: str) -> None:
    """Let somebody in."""
    _account(handler, name).is_authorized = True
    handler.db.commit()
    handler.log.info("%s authorized %s", handler.current_user.name, name)


async def revoke(handler: BaseHandler, name: str) -> None:
    """Keep somebody out, from now on: sessions and tokens end, servers stop, files stay."""
    info = _account(handler, name)
    if name == handler.current_user.name:
        raise web.HTTPError(HTTPStatus.BAD_REQUEST, "You cannot revoke your own account.")
    if name in handler.authenticator.admin_users:
        raise web.HTTPError(
            HTTPStatus.BAD_REQUEST, f"{name} is the administrator the platform is configured with (JUPYTERHUB_ADMIN)."
        )
    info.is_authorized = False
    accounts.end_sessions(handler.db, name, tokens=True)
    handler.db.commit()
    if user := handler.find_user(name):
        stopping = asyncio.ensure_future(_stop_servers(handler, user))
        _STOPPING.add(stopping)
        stopping.add_done_callback(_STOPPING.discard)
        await asyncio.wait({stopping}, timeout=handler.slow_stop_timeout)  # and it goes on after that
    handler.log.info("%s revoked %s", handler.current_user.name, name)


_STOPPING: set[asyncio.Future[Any]] = set()
"""What nobody waits for any longer; the event loop itself would let it be collected."""


async def _stop_servers(handler: BaseHandler, user: User) -> None:
    """Stop all servers of a user; one that is starting has to finish that first."""
    for server_name, spawner in list(user.spawners.items()):
        longest = spawner.start_timeout + spawner.http_timeout  # seconds
        await exponential_backoff(lambda one=spawner: not one.pending, f"{server_name} is pending", timeout=longest)
        if spawner.active:
            await handler.stop_single_user(user, server_name)


async def discard(handler: BaseHandler, name: str) -> None:
    """Delete an account that waits; somebody who has been let in is a user, whom JupyterHub's admin page deletes."""
    info = _account(handler, name)
    if info.is_authorized or orm.User.find(handler.db, name):
        raise web.HTTPError(HTTPStatus.CONFLICT, f"{name} is a user: delete users on the Admin page.")
    accounts.forget(handler.db, name)
    handler.db.commit()
    handler.log.info("%s discarded the sign-up of %s", handler.current_user.name, name)


async def unlock(handler: BaseHandler, name: str) -> None:
    """Forget the failed logins under a name."""
    accounts.forgive(handler.db, username=_account(handler, name).username)
    handler.db.commit()
    handler.log.info("%s unlocked %s", handler.current_user.name, name)


async def unlock_address(handler: BaseHandler, address: str) -> None:
    """Forget the failed logins from an address."""
    accounts.forgive(handler.db, address=address)
    handler.db.commit()
    handler.log.info("%s unlocked the address %s", handler.current_user.name, address)


async def reset_two_factor(handler: BaseHandler, name: str) -> None:
    """Let somebody log in without one-time codes, who has lost what makes them."""
    _account(handler, name).has_2fa = False
    handler.db.commit()
    handler.log.info("%s reset the two-factor login of %s", handler.current_user.name, name)


async def reset_password(handler: BaseHandler, name: str) -> None:
    """Give somebody a passphrase, shown once, that has to be changed at the next login."""
    password = passphrase()
    if handler.find_user(name) and not handler.authenticator.user_exists(name):
        _check_may_touch(handler, name)
        await handler.authenticator.give_accounts({name: password})
    else:
        await handler.authenticator.set_password(_account(handler, name), password, must_change=True)
    handler.log.info("%s reset the password of %s", handler.current_user.name, name)
    await _show_passphrases(handler, {name: password})


ACTIONS = {
    "authorize": authorize,
    "revoke": revoke,
    "discard": discard,
    "unlock": unlock,
    "unlock-address": unlock_address,
    "reset-two-factor": reset_two_factor,
    "reset-password": reset_password,
}


async def _show_passphrases(handler: BaseHandler, passphrases: dict[str, str], existing: Collection[str] = ()) -> None:
    handler.set_header("Cache-Control", "no-store")
    handler.finish(
        await handler.render_template("passphrases.html", passphrases=passphrases, existing=sorted(existing))
    )


class NewAccount(NamedTuple):
    """One line of the list administrators paste."""

    name: str
    admin: bool
    groups: list[str]


def read_accounts(text: str, name_fault: Callable[[str], str | None]) -> tuple[dict[str, NewAccount], list[str]]:
    """Read a list of accounts: a name a line, or a table with the columns name, admin and groups.

    Args:
        text: lines; a table's columns may be separated by commas, semicolons or tabs, and its groups by spaces.
        name_fault: tells why a normalized name cannot be a user's.

    Returns:
        The accounts by name, and what is wrong, a sentence for each faulty line.
    """
    found: dict[str, NewAccount] = {}
    faults = []
    separator = next((sign for sign in ";\t" if sign in text), ",")
    for number, cells in enumerate(csv.reader(io.StringIO(text), delimiter=separator), start=1):
        name, admin, groups, *more = [*(cell.strip() for cell in cells), *[""] * 3]
        name = normalize(name)
        if not any(cells) or (not found and name in {"name", "username"}):
            continue
        if fault := name_fault(name):
            faults.append(f"Line {number}: the user name {name!r} {fault}")
        elif admin.lower() not in YES_OR_NO:
            faults.append(f"Line {number}: admin must be yes or no, not {admin!r}.")
        elif any(more):
            faults.append(f"Line {number}: there are only the columns name, admin and groups.")
        else:
            found.setdefault(name, NewAccount(name, YES_OR_NO[admin.lower()], groups.split()))
    return found, faults


class CreateAccountsHandler(Form):
    """Administrators create accounts, one or a class of them."""

    template = "create-accounts.html"

    @needs_scope("admin:users")
    async def get(self) -> None:
        """Show the form."""
        await self.show()

    @needs_scope("admin:users")
    async def post(self) -> None:
        """Create all accounts of the list that do not exist yet, or none when a line is faulty."""
        uploaded = self.request.files.get("file", [])
        text = "\n".join([self.field("accounts"), *(part.body.decode("utf-8-sig", "replace") for part in uploaded)])
        wanted, faults = read_accounts(text.strip(), self.authenticator.name_fault)
        if faults := faults or list(self._faults(wanted)):
            await self.show(" ".join(faults), accounts=text.strip())
            return
        passwords = {name: passphrase() for name in wanted if not self.authenticator.is_taken(name)}
        created = await self.authenticator.give_accounts(passwords)
        for name in created:
            user = self.user_from_username(name)
            user.admin = wanted[name].admin
            user.orm_user.groups = [orm.Group.find(self.db, group) for group in wanted[name].groups]
            assign_default_roles(self.db, entity=user.orm_user)
            await maybe_future(self.authenticator.add_user(user))
        self.db.commit()
        self.log.info("%s created %s", self.current_user.name, ", ".join(created) or "no account")
        await _show_passphrases(self, {name: passwords[name] for name in created}, wanted.keys() - set(created))

    def _faults(self, wanted: dict[str, NewAccount]) -> Iterator[str]:
        groups = {group for account in wanted.values() for group in account.groups}
        if not wanted:
            yield "Enter at least one user name."
        if len(wanted) > MOST_AT_ONCE:
            yield f"These are {len(wanted)} accounts: create at most {MOST_AT_ONCE} at once."
        if not self.current_user.admin and (groups or any(account.admin for account in wanted.values())):
            yield "Only administrators may create administrators and members of groups."
        for group in sorted(groups):
            if orm.Group.find(self.db, group) is None:
                yield f"There is no group {group}: create it on the Admin page first."


HANDLERS = [
    (r"/login", LoginHandler),
    (r"/signup", SignUpHandler),
    (r"/change-password", ChangePasswordHandler),
    (r"/authorize", AccountsHandler),
    (r"/create-accounts", CreateAccountsHandler),
    (rf"/({'|'.join(ACTIONS)})/([^/]+)", AccountActionHandler),
]
