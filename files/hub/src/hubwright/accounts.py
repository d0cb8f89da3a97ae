"""Accounts in the hub's database: what NativeAuthenticator's table lacks, and what keeps it in step with the users.

JupyterHub creates the tables at its next start, as it does its own, since they are of its declarative base. All
functions take JupyterHub's session and belong on its event loop; none of them hashes.
"""

from __future__ import annotations

import time
from math import ceil
from typing import TYPE_CHECKING

from jupyterhub import orm
from jupyterhub.roles import assign_default_roles
from nativeauthenticator.orm import UserInfo
from sqlalchemy import ForeignKey, String, event, func
from sqlalchemy.orm import Mapped, Session, backref, joinedload, mapped_column, object_session, relationship
from tornado import web

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyterhub.user import User

    from hubwright.settings import DeclaredAccount

NAME_LENGTH = 255
"""How much of a name that somebody tried is kept, in characters."""


class PasswordExpiredError(web.HTTPError):
    """The password is right, and has to be changed before anything else."""

    def __init__(self) -> None:
        """Answer 403 where nobody catches it, which is wherever there is no page to change it on."""
        super().__init__(403, "Choose a password of your own first.")


class LockedError(web.HTTPError):
    """There were too many failed logins."""

    def __init__(self, seconds: float) -> None:
        """Answer 429; `seconds` from now a login may be tried again."""
        minutes = ceil(seconds / 60)
        self.message = (
            f"Too many failed attempts. Try again in {minutes} minute{'s' * (minutes > 1)},"
            " or ask an administrator to unlock your account."
        )
        self.headers = {"Retry-After": str(ceil(seconds))}  # JupyterHub sends an error's headers
        super().__init__(429, self.message)


class AccountState(orm.Base):  # type: ignore[misc]
    """What hubwright knows of an account beyond NativeAuthenticator's `UserInfo`."""

    __tablename__ = "hubwright_accounts"

    info_id: Mapped[int] = mapped_column(ForeignKey("users_info.id", ondelete="CASCADE"), primary_key=True)
    must_change: Mapped[bool] = mapped_column(default=False)
    """Whether the person has to choose a password before the next login."""
    otp_step: Mapped[int | None]
    """The last one-time code's place in time: no code works twice."""

    info = relationship("UserInfo", backref=backref("state", uselist=False, cascade="all, delete-orphan"))


class LoginFailure(orm.Base):  # type: ignore[misc]
    """One login that failed, or is still being judged."""

    __tablename__ = "hubwright_login_failures"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(NAME_LENGTH), index=True)
    address: Mapped[str] = mapped_column(String(64), index=True)
    browser: Mapped[str | None] = mapped_column(String(64))
    """The browser, where it is one in which this person has logged in before."""
    at: Mapped[float]
    """Seconds since 1970."""


@event.listens_for(Session, "before_flush")
def _keep_in_step(session: Session, _context: object, _instances: object) -> None:
    """Let an account follow its user: renamed with it, gone with it, whoever renamed or deleted the user."""
    for user in session.deleted:
        if isinstance(user, orm.User):
            forget(session, user.name)
    for user in session.dirty:
        if isinstance(user, orm.User):
            former = session.query(orm.User.name).filter(orm.User.id == user.id).scalar()
            if former not in {None, user.name}:
                forget(session, user.name)  # a sign-up that waits under the new name must not get this user's files
                if info := UserInfo.find(session, former):
                    info.username = user.name
                forgive(session, username=former)


def forget(db: Session, name: str) -> None:
    """Delete an account, but not its user."""
    for info in db.query(UserInfo).filter(UserInfo.username == name):
        db.delete(info)
    forgive(db, username=name)


def state(info: UserInfo) -> AccountState:
    """Return an account's state; accounts from before hubwright have the default one."""
    found: AccountState | None = info.state
    if found is None:
        found = info.state = AccountState(must_change=False)
    return found


def end_sessions(db: Session, name: str, *, tokens: bool) -> None:
    """Log a user out of the hub and of all labs, everywhere; with `tokens`, API tokens stop working too."""
    user = orm.User.find(db, name)
    if user is None:
        return
    user.cookie_id = orm.new_token()
    for token in list(user.api_tokens):
        if tokens or token.session_id:
            db.delete(token)


# Lock-out


def lockout(db: Session, window: float, limit: int, **where: str | None) -> float:
    """Tell how long no login may be tried.

    Args:
        db: the session.
        window: seconds during which failures count.
        limit: how many may happen in it.
        where: which failures count: `username`, `address`, `browser`.

    Returns:
        Seconds, 0 when a login may be tried now.
    """
    now = time.time()
    counted = (
        db.query(LoginFailure.at)
        .filter_by(**where)
        .filter(LoginFailure.at > now - window)
        .order_by(LoginFailure.at.desc())
        .limit(limit)
        .all()
    )
    return float(counted[-1].at + window - now) if len(counted) == limit else 0.0


def begin_login(db: Session, window: float, username: str, address: str, browser: str | None) -> None:
    """Count a login as failed until it is known better: else many at the same time would count as one."""
    now = time.time()
    db.query(LoginFailure).filter(LoginFailure.at <= now - window).delete()
    db.add(LoginFailure(username=username, address=address, browser=browser, at=now))
    db.commit()


def forgive(db: Session, **where: str) -> None:
    """Forget failures; `where` as for `lockout`."""
    db.query(LoginFailure).filter_by(**where).delete()


def locked_names(db: Session, window: float, limit: int) -> set[str]:
    """Return the names that are locked, somewhere: in all unknown browsers, or in a known one."""
    failures = db.query(LoginFailure.username).filter(LoginFailure.at > time.time() - window)
    counted = failures.group_by(LoginFailure.username, LoginFailure.browser)
    return {name for (name,) in counted.having(func.count() >= limit)}


def locked_addresses(db: Session, window: float, limit: int) -> set[str]:
    """Return the addresses that are locked, but for browsers that are known."""
    failures = db.query(LoginFailure.address).filter(LoginFailure.at > time.time() - window)
    counted = failures.filter(LoginFailure.browser.is_(None)).group_by(LoginFailure.address)
    return {address for (address,) in counted.having(func.count() >= limit)}


def every(db: Session) -> Iterator[tuple[str, UserInfo | None, orm.User | None]]:
    """Yield names, accounts and users: sign-ups that wait have no user, users may have no account."""
    users = {user.name: user for user in db.query(orm.User)}
    for info in db.query(UserInfo).options(joinedload(UserInfo.state)):
        yield info.username, info, users.pop(info.username, None)
    for name, user in users.items():
        yield name, None, user


def waiting(user: User | None) -> int:
    """Tell somebody who may authorize accounts how many wait for that; 0 for everybody else."""
    db = object_session(user.orm_user) if user and user.admin else None
    if db is None:
        return 0
    users = db.query(orm.User.name)
    return int(db.query(UserInfo).filter(~UserInfo.is_authorized, UserInfo.username.not_in(users)).count())


# Accounts the inventory declares


def reconcile(db: Session, declared: Iterable[DeclaredAccount], hashes: dict[str, bytes]) -> list[str]:
    """Bring declared accounts about, and never touch a password that is set.

    Args:
        db: the session.
        declared: the accounts.
        hashes: password hashes of the accounts that do not exist yet.

    Returns:
        What was done, one sentence each.
    """
    done = []
    for account in declared:
        name = account.name
        user, info = orm.User.find(db, name), UserInfo.find(db, name)
        if info and not user and not account.authorized:
            done.append(f"left the sign-up of {name} waiting: `authorized: true` would let whoever that is in")
            continue
        if user is None:
            user = orm.User(name=name)
            db.add(user)
        if info is None:
            info = UserInfo(username=name, password=hashes[name], is_authorized=account.authorized is not False)
            state(info).must_change = account.must_change
            db.add(info)
            done.append(f"created the account of {name}")
        elif account.authorized is not None and info.is_authorized is not account.authorized:
            info.is_authorized = account.authorized
            if not account.authorized:
                end_sessions(db, name, tokens=True)
            done.append(f"{'authorized' if account.authorized else 'revoked'} {name}")
        if account.admin is not None and user.admin is not account.admin:
            user.admin = account.admin
            done.append(f"{name} is {'an' if account.admin else 'no longer an'} administrator")
        assign_default_roles(db, entity=user)
        if account.groups is not None and {group.name for group in user.groups} != set(account.groups):
            user.groups = [_group(db, group) for group in account.groups]
            done.append(f"{name} is a member of {', '.join(account.groups) or 'no group'}")
        db.commit()
    return done


def _group(db: Session, name: str) -> orm.Group:
    group = orm.Group.find(db, name)
    if group is None:
        group = orm.Group(name=name)
        db.add(group)
    return group
