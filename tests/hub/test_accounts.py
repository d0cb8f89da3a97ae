"""Accounts: every promise of docs/accounts.md, on a real hub."""

from __future__ import annotations

import contextlib
import json
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import onetimepass
import pytest
from hubclient import PASSWORD, HubError, wait_until
from hubwright import authenticator
from hubwright.accounts import LoginFailure
from jupyterhub import orm, roles
from nativeauthenticator.orm import UserInfo
from runninghub import running_hub

ELSEWHERE = {"X-Forwarded-For": "203.0.113.5"}
"""Sent by somebody who comes from another address, through Traefik."""

KEYS = "keys to the kingdom"


def refused(status, says):
    return pytest.raises(HubError, match=rf"(?s)HTTP {status} .*{says}")


@pytest.fixture
def ann(hub, boss):
    """Return a user, logged in."""
    return hub.member("ann", PASSWORD, boss)


def stranger(hub, address="203.0.113.5"):
    """Return somebody's browser at another address."""
    session = hub.session()
    session.http.headers["X-Forwarded-For"] = address
    return session


def guess(session, name, times=1):
    """Try wrong passwords; return what the hub answers the last time."""
    for _ in range(times):
        with pytest.raises(HubError) as answer:
            session.login(name, "certainly wrong")
    return str(answer.value)


def fails_in_minutes(hub, minutes):
    """Let time pass for the failed logins."""

    def shift():
        for failure in hub.app.db.query(LoginFailure):
            failure.at -= minutes * 60
        hub.app.db.commit()

    hub.call(shift)


# Sign-up and approval


def test_people_wait_for_approval(hub, boss):
    ann = hub.session()
    assert "waits for approval" in ann.signup("ann", PASSWORD)
    with refused(403, "waits for an administrator's approval"):
        ann.login("ann", PASSWORD)
    assert "Invalid username or password" in guess(ann, "ann"), "only who has the password may learn of the account"
    boss.authorize("ann")
    ann.login("ann", PASSWORD)
    assert ann.api("GET", "users/ann")["admin"] is False


def test_the_first_account_is_the_administrators(hub):
    anybody = hub.session()
    with refused(403, "first account must be the administrator's"):
        anybody.signup("mallory", PASSWORD)
    assert "boss" not in anybody.request("GET", "hub/signup").text, "the name is not given away"
    assert "is ready" in anybody.signup("boss", KEYS)
    with refused(409, "boss is taken"):
        anybody.signup("BOSS", PASSWORD)
    anybody.signup("mallory", PASSWORD)
    anybody.login("boss", KEYS)
    assert anybody.api("GET", "users/boss")["admin"] is True


def test_the_administrators_name_is_free_only_once(tmp_path, quick):
    with running_hub(tmp_path) as hub:
        hub.session().signup("boss", KEYS)
        boss = hub.session()
        boss.login("boss", KEYS)
        hub.member("deputy", PASSWORD, boss)
        boss.api("PATCH", "users/deputy", {"admin": True})
        deputy = hub.session()
        deputy.login("deputy", PASSWORD)
        deputy.api("DELETE", "users/boss")
    with running_hub(tmp_path) as hub, refused(409, "boss is taken"):  # the hub itself has made the user again
        hub.session().signup("boss", PASSWORD)


def test_a_name_is_given_once_to_people_who_ask_at_the_same_time(hub, boss, monkeypatch):
    monkeypatch.setattr(authenticator, "COST", 10)  # time enough to be overtaken

    def ask(number):
        with contextlib.suppress(HubError):
            return hub.session().signup("ann", f"{PASSWORD} {number}")

    with ThreadPoolExecutor(8) as pool:
        assert sum(answer is not None for answer in pool.map(ask, range(8))) == 1
    assert hub.call(lambda: hub.app.db.query(UserInfo).filter_by(username="ann").count()) == 1


def test_sign_up_can_be_switched_off_but_for_the_administrator(tmp_path, quick):
    with running_hub(tmp_path, JUPYTERHUB_ENABLE_SIGNUP="0") as hub:
        anybody = hub.session()
        anybody.signup("boss", KEYS)
        with refused(403, "ask an administrator"):
            anybody.signup("ann", PASSWORD)
        assert "Sign up" not in anybody.request("GET", "hub/login").text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "is empty"),
        (".", "begin and end with a letter"),
        ("..", "begin and end with a letter"),
        ("ann.", "begin and end with a letter"),
        ("a/b", "but not /"),
        ("a%2Fb", "but not %"),
        ("a b", "but not spaces"),
        ("ann@example.org", "but not @"),
        ("ann\N{SLIGHTLY SMILING FACE}", "but not \N{SLIGHTLY SMILING FACE}"),
        ("<script>", "but not < >"),
        ("a" * 255, "is too long"),
        ("\N{CJK UNIFIED IDEOGRAPH-674E}" * 6, "is too long"),
        ("boss", "is taken"),
        (" BoSS ", "is taken"),
        ("\N{FULLWIDTH LATIN SMALL LETTER B}oss", "is taken"),
        ("BO\N{LATIN SMALL LETTER LONG S}S", "is taken"),
        ("user", "is taken"),  # a user JupyterHub knows, who has no password
    ],
)
def test_names_that_cannot_be_are_refused_with_the_reason(hub, boss, name, says):
    with refused("4..", re.escape(says)):
        hub.session().signup(name, PASSWORD)


@pytest.mark.parametrize("name", ["ann.b", "a-b_c", "Ann", "j\N{LATIN SMALL LETTER O WITH DIAERESIS}rg", "a" * 52, "7"])
def test_other_names_are_a_users_for_good(hub, boss, name):
    session = hub.session()
    session.signup(name, PASSWORD)
    boss.authorize(name.lower())
    session.login(name, PASSWORD)
    assert session.api("GET", "user")["name"] == name.lower()


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "at least 10 characters"),
        ("too short", "at least 10 characters"),
        ("Basketball26!", "too easy to guess"),
        ("1234567890", "too easy to guess"),
        ("someone-new", "must not be the user name"),
        ("x" * 73, "too long"),
    ],
)
def test_weak_passwords_are_refused_by_the_rule_they_break(hub, boss, ann, password, says):
    with refused(400, says):
        hub.session().signup("someone-new", password)
    boss.manage("authorize", "ann")
    if "user name" not in says:
        with refused(400, says):
            ann.change_password(PASSWORD, password)


# What administrators do


def test_links_change_nothing(hub, boss):
    hub.session().signup("ann", PASSWORD)
    for action in ("authorize", "discard", "revoke", "reset-password", "reset-two-factor", "unlock"):
        with refused(405, ""):
            boss.request("GET", f"hub/{action}/ann")
    with refused(403, "waits for"):
        hub.session().login("ann", PASSWORD)


def test_another_site_cannot_act_for_the_administrator(hub, boss):
    hub.session().signup("ann", PASSWORD)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"X-XSRFToken": "forged"}, {}):
        forged = boss.http.post(boss.url("hub/authorize/ann"), headers=headers, data={"_xsrf": "forged"})
        assert forged.status_code == 403
        bulk = boss.http.post(boss.url("hub/authorize"), headers=headers, data={"action": "authorize", "name": "ann"})
        assert bulk.status_code == 403
    with refused(403, "waits for"):
        hub.session().login("ann", PASSWORD)


def test_cookies_are_not_sent_along_by_other_sites(hub, boss):
    answer = hub.connect().get(hub.url + "/hub/login")
    cookies = answer.raw.headers.getlist("Set-Cookie")
    session = hub.session()
    session.login("boss", KEYS)
    kept = {cookie.name: cookie for cookie in session.http.cookies}
    assert all(cookie.has_nonstandard_attr("SameSite") for cookie in kept.values())
    assert {"jupyterhub-hub-login", "jupyterhub-session-id"} <= kept.keys()
    assert all("samesite=lax" in cookie.lower() for cookie in cookies)


@pytest.mark.parametrize("action", ["authorize", "revoke", "discard", "unlock", "reset-password", "reset-two-factor"])
def test_actions_are_for_administrators_and_for_accounts_there_are(hub, boss, ann, action):
    for name in ("nobody", "no/body", "..."):
        with refused(404, ""):
            boss.manage(action, name)
    with refused(403, ""):
        ann.manage(action, "boss")
    with refused(403, ""):
        ann.request("GET", "hub/authorize")
    anybody = hub.session()
    anybody.request("GET", "hub/login")
    with refused(403, ""):
        anybody.request("POST", f"hub/{action}/ann")


def test_a_user_administrator_who_is_no_admin_cannot_touch_admins(hub, boss, ann):
    hub.call(give_role, hub, "ann", "admin:users")
    for action in ("revoke", "reset-password", "reset-two-factor", "authorize"):
        with refused(403, "only administrators"):
            ann.request("POST", f"hub/{action}/boss")
        for spelling in ("Boss", "BOSS", " boss", "\N{FULLWIDTH LATIN SMALL LETTER B}oss"):
            with refused(404, ""):
                ann.request("POST", f"hub/{action}/{quote(spelling)}")
    with refused(400, "Only administrators may create"):
        ann.request("POST", "hub/create-accounts", data={"accounts": "eve,yes"})
    ann.request("POST", "hub/create-accounts", data={"accounts": "eve"})


def give_role(hub, name, scope):
    roles.create_role(hub.app.db, {"name": "people", "scopes": [scope, "admin-ui", "list:users"]})
    roles.grant_role(hub.app.db, orm.User.find(hub.app.db, name), "people")


def test_a_sign_up_is_discarded_but_never_a_user(hub, boss, ann):
    bob = hub.session()
    bob.signup("bob", PASSWORD)
    boss.manage("discard", "bob")
    assert "Invalid username" in guess(bob, "bob")
    bob.signup("bob", PASSWORD)  # the name is free again
    for _ in range(2):
        with refused(409, "ann is a user"):
            boss.manage("discard", "ann")
        boss.manage("revoke", "ann")
    ann.http.cookies.clear()
    boss.authorize("ann")
    ann.login("ann", PASSWORD)


def test_many_are_authorized_at_once(hub, boss):
    for name in ("ann", "bob", "eve"):
        hub.session().signup(name, PASSWORD)
    badge = r'<span class="badge text-bg-warning">3<span'
    assert re.search(badge, boss.request("GET", "hub/home").text)
    page = boss.request("GET", "hub/authorize")
    assert "3 of 5" in re.sub("<[^>]+>", "", page.text)  # the two others are boss and JupyterHub's test user
    boss.request("POST", "hub/authorize", data={"action": "authorize", "name": ["ann", "bob"]})
    hub.session().login("ann", PASSWORD)
    hub.session().login("bob", PASSWORD)
    with refused(403, "waits"):
        hub.session().login("eve", PASSWORD)


def test_revoking_ends_sessions_tokens_and_servers(hub, boss, ann):
    token = ann.api("POST", "users/ann/tokens", {})["token"]
    ann.api("POST", "users/ann/server", {})
    wait_until(ann.running, "the server to run")
    boss.manage("revoke", "ann")
    for session in (ann, hub.session(token)):
        with refused(403, ""):
            session.api("GET", "user")
    wait_until(lambda: not boss.api("GET", "users/ann")["servers"], "the server to stop")
    with refused(403, "waits for"):
        hub.session().login("ann", PASSWORD)
    with refused(400, "your own"):
        boss.manage("revoke", "boss")


def test_revoking_stops_a_server_that_is_still_starting(hub, boss, ann):
    def servers():
        return boss.api("GET", "users/ann")["servers"]

    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(ann.api, "POST", "users/ann/server", {})
        wait_until(
            lambda: servers() and servers()[""]["pending"] == "spawn", "the server to be starting", interval=0.01
        )
        boss.manage("revoke", "ann")
        wait_until(lambda: not servers(), "the server to stop")
        start.exception()  # the start itself may fail, or not


def test_an_account_follows_its_user(hub, boss, ann):
    hub.session().signup("anna", "somebody else's words")  # and waits under the name ann is about to get
    boss.api("PATCH", "users/ann", {"name": "anna"})
    hub.session().login("anna", PASSWORD)
    assert "Invalid" in guess(hub.session(), "ann")
    with refused(403, "Invalid"):
        hub.session().login("anna", "somebody else's words")
    boss.api("DELETE", "users/anna")
    with refused(403, "Invalid"):
        hub.session().login("anna", PASSWORD)
    hub.session().signup("anna", "somebody else's words")
    with refused(403, "Invalid"):
        hub.session().login("anna", PASSWORD)
    with refused(403, "waits for"):
        hub.session().login("anna", "somebody else's words")


def test_no_user_is_made_under_another_spelling(hub, boss, ann):
    for name in ("Ann", "\N{FULLWIDTH LATIN SMALL LETTER A}nn"):
        with refused(400, "Failed to create"):
            boss.api("POST", f"users/{name}")
    boss.api("PATCH", "users/user", {"name": "User2"})
    assert {user["name"] for user in boss.api("GET", "users")} == {"ann", "boss", "user2"}
    ann.api("GET", "user")


def test_an_account_goes_with_its_user_whoever_deletes_that(hub, ann):
    def delete():  # as JupyterHub does at start with users it no longer takes for valid
        hub.app.db.delete(orm.User.find(hub.app.db, "ann"))
        hub.app.db.commit()

    hub.call(delete)
    assert "Invalid username" in guess(hub.session(), "ann")
    assert "waits for approval" in hub.session().signup("ann", PASSWORD)


# Accounts that administrators create


def test_a_class_is_created_and_everybody_changes_the_passphrase(hub, boss):
    boss.api("POST", "groups/physics")
    boss.request("GET", "hub/create-accounts")
    sheet = "Name;Admin;Groups\r\nAnn;;physics\r\nbob;yes;\r\n\r\nboss;;\r\n"
    files = {"file": ("class.csv", sheet.encode("utf-8-sig"), "text/csv")}
    answer = boss.request("POST", "hub/create-accounts", data={"accounts": ""}, files=files)
    assert answer.headers["Cache-Control"] == "no-store"
    shown = dict(re.findall(r'<th scope="row"[^>]*>(\S+)</th>\s*<td><code[^>]*>(\S+)</code>', answer.text))
    assert shown.keys() == {"ann", "bob"}
    assert "exist already: boss" in " ".join(answer.text.split())
    assert shown["ann"] not in boss.request("GET", "hub/authorize").text
    assert boss.api("GET", "users/ann")["groups"] == ["physics"]
    assert boss.api("GET", "users/bob")["admin"] is True

    ann = hub.session()
    with pytest.raises(HubError, match="has to be changed first"):
        ann.login("ann", shown["ann"])
    with refused(403, ""):
        ann.api("GET", "user")
    with refused(400, "must differ"):
        ann.change_password(shown["ann"], shown["ann"], username="ann")
    ann.change_password(shown["ann"], PASSWORD, username="ann")
    ann.login("ann", PASSWORD)
    assert ann.api("GET", "user")["name"] == "ann"
    assert "Invalid" in guess(hub.session(), "ann")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Enter at least one user name"),
        ("fine\na b\n..", "Line 2: the user name .* but not spaces.*Line 3: the user name"),
        ("fine,perhaps", "Line 1: admin must be yes or no"),
        ("fine,no,physics", "There is no group physics"),
        ("fine,no,,Ann Example", "only the columns"),
        ("\n".join(f"n{n}" for n in range(501)), "at most 500"),
    ],
)
def test_a_faulty_list_creates_nobody_and_is_kept(hub, boss, text, says):
    boss.request("GET", "hub/create-accounts")
    with refused(400, says):
        boss.request("POST", "hub/create-accounts", data={"accounts": text})
    url = boss.url("hub/create-accounts")
    page = boss.http.post(url, data={"accounts": text}, headers={"X-XSRFToken": boss._xsrf(url)})
    assert text in page.text
    assert "fine" not in {user["name"] for user in boss.api("GET", "users")}


def test_a_new_passphrase_replaces_a_forgotten_password(hub, boss, ann):
    page = boss.manage("reset-password", "ann")
    given = re.search(r"<code[^>]*>(\S+)</code>", page).group(1)
    with refused(403, ""):
        ann.api("GET", "user")
    assert "Invalid" in guess(hub.session(), "ann")
    ann.change_password(given, "some words of my own", username="ann")
    ann.login("ann", "some words of my own")


def test_a_user_made_on_the_admin_page_gets_in_by_a_passphrase(hub, boss):
    boss.api("POST", "users", {"usernames": ["zoe"]})
    with refused(409, "zoe is taken"):
        hub.session().signup("zoe", PASSWORD)
    given = re.search(r"<code[^>]*>(\S+)</code>", boss.manage("reset-password", "zoe")).group(1)
    zoe = hub.session()
    zoe.change_password(given, PASSWORD, username="zoe")
    zoe.login("zoe", PASSWORD)


# Accounts the inventory declares


def declare(directory, *accounts):
    path = directory / "accounts.json"
    path.write_text(json.dumps(accounts))
    return {"JUPYTERHUB_ADMIN_BOOTSTRAP": "seeded", "JUPYTERHUB_ACCOUNTS_FILE": str(path)}


BOSS = {"name": "boss", "password": KEYS, "must_change": False, "admin": True, "authorized": True}


def test_the_declared_administrator_is_there_before_the_port_opens(tmp_path, quick):
    with running_hub(tmp_path, **declare(tmp_path, BOSS)) as hub:
        with refused(409, "taken"):
            hub.session().signup("boss", PASSWORD)
        boss = hub.session()
        boss.login("boss", KEYS)
        boss.change_password(KEYS, "the keys have changed")
        boss.api("GET", "users")  # the session goes on
    with running_hub(tmp_path, **declare(tmp_path, BOSS)) as hub:
        hub.session().login("boss", "the keys have changed")
        with refused(403, "Invalid"):
            hub.session().login("boss", KEYS)


def test_declared_accounts_are_reconciled_but_their_passwords_are_theirs(tmp_path, quick):
    ann, bob = ({"name": name, "password": "from the inventory"} for name in ("ann", "bob"))
    with running_hub(tmp_path, **declare(tmp_path, BOSS, ann, {**bob, "admin": True, "groups": ["staff"]})) as hub:
        session = hub.session()
        with pytest.raises(HubError, match="has to be changed first"):
            session.login("ann", "from the inventory")
        session.change_password("from the inventory", PASSWORD, username="ann")
        boss = hub.session()
        boss.login("boss", KEYS)
        assert boss.api("GET", "users/bob")["admin"] is True
        assert boss.api("GET", "users/bob")["groups"] == ["staff"]
        boss.api("POST", "groups/staff/users", {"users": ["ann"]})
    changed = [BOSS, {**ann, "groups": ["guests"]}, {**bob, "admin": False, "authorized": False}]
    with running_hub(tmp_path, **declare(tmp_path, *changed)) as hub:
        hub.session().login("ann", PASSWORD)
        boss = hub.session()
        boss.login("boss", KEYS)
        assert boss.api("GET", "users/ann")["groups"] == ["guests"]
        assert boss.api("GET", "users/bob")["admin"] is False
        assert boss.api("GET", "users/bob")["groups"] == ["staff"], "what is not declared is left as it is"
        with refused(403, "waits for"):
            hub.session().login("bob", "from the inventory")


def test_whoever_waits_under_a_declared_name_is_not_let_in_by_that(tmp_path, quick):
    grace = {"name": "grace", "password": "from the inventory", "admin": True, "groups": ["staff"]}
    with running_hub(tmp_path, **declare(tmp_path, BOSS)) as hub:
        hub.session().signup("grace", PASSWORD)
    with running_hub(tmp_path, **declare(tmp_path, BOSS, grace)) as hub:
        with refused(403, "waits for"):
            hub.session().login("grace", PASSWORD)
        boss = hub.session()
        boss.login("boss", KEYS)
        assert "grace" not in {user["name"] for user in boss.api("GET", "users")}
    with running_hub(tmp_path, **declare(tmp_path, BOSS, {**grace, "authorized": True})) as hub:
        session = hub.session()
        session.login("grace", PASSWORD)
        assert session.api("GET", "user")["groups"] == ["staff"]


# Passwords and sessions


def test_a_changed_password_ends_all_other_sessions(hub, ann):
    elsewhere = hub.session()
    elsewhere.login("ann", PASSWORD)
    with refused(400, "current password is wrong"):
        ann.change_password("certainly wrong", "some words of my own")
    ann.change_password(PASSWORD, "some words of my own")
    ann.api("GET", "user")
    with refused(403, ""):
        elsewhere.api("GET", "user")


def test_passwords_bcrypt_would_cut_are_simply_wrong(hub, boss):
    hub.session().signup("ann", "x" * 72)
    boss.authorize("ann")
    with refused(403, "Invalid"):
        hub.session().login("ann", "x" * 73)
    hub.session().login("ann", "x" * 72)


# Two-factor


@pytest.fixture
def two_factor(tmp_path, quick):
    """Yield a hub with one-time codes, its administrator, and the key of ann's."""
    with running_hub(tmp_path, JUPYTERHUB_TWO_FACTOR="1") as hub:
        boss = hub.session()
        boss.signup("boss", KEYS)
        boss.login("boss", KEYS)
        again = {"signup_password": PASSWORD, "signup_password_confirmation": PASSWORD}
        page = hub.session()._form("hub/signup", username="ann", **again, **{"2fa": "1"}).text
        boss.authorize("ann")
        yield hub, boss, re.search(r"<code[^>]*>(\S+)</code>", page).group(1)


def test_one_time_codes_are_asked_for_and_work_once(two_factor, tmp_path):
    hub, boss, key = two_factor
    code = f"{onetimepass.get_totp(key):06}"
    ann = hub.session()
    for wrong in ("", "000000", "not a code", "\N{VULGAR FRACTION ONE HALF}"):
        with refused(403, "Invalid"):
            ann.login("ann", PASSWORD, wrong)
        boss.manage("unlock", "ann")
    ann.login("ann", PASSWORD, code)
    with refused(403, "Invalid"):
        hub.session().login("ann", PASSWORD, code)
    boss.manage("reset-two-factor", "ann")
    hub.session().login("ann", PASSWORD)


def test_switching_one_time_codes_off_takes_nobodys_away(two_factor, tmp_path):
    hub, _boss, key = two_factor
    hub.call(hub.app.db.close)
    with running_hub(tmp_path) as hub:
        assert 'name="otp"' in hub.session().request("GET", "hub/login").text
        with refused(403, "Invalid"):
            hub.session().login("ann", PASSWORD)
        hub.session().login("ann", PASSWORD, f"{onetimepass.get_totp(key):06}")


# Guessing


def test_a_name_is_locked_after_five_failures_and_a_restart_does_not_lift_it(tmp_path, quick):
    with running_hub(tmp_path) as hub:
        boss = hub.session()
        boss.signup("boss", KEYS)
        boss.login("boss", KEYS)
        hub.member("ann", PASSWORD, boss)
        assert "Invalid" in guess(hub.session(), "ann", 5)
        for session in (hub.session(), stranger(hub)):
            with refused(429, "Try again in 10 minutes"):
                session.login("ann", PASSWORD)
    with running_hub(tmp_path) as hub:
        with refused(429, "Try again in 10 minutes"):
            hub.session().login("ann", PASSWORD)
        fails_in_minutes(hub, 9.5)
        with refused(429, "Try again in 1 minute,"):
            hub.session().login("ann", PASSWORD)
        fails_in_minutes(hub, 1)
        hub.session().login("ann", PASSWORD)


def test_an_address_is_locked_after_five_failures_whatever_the_names(hub, boss, ann):
    for name in ("a", "b", "c", "d", "e"):
        guess(stranger(hub), name)
    with refused(429, "Too many"):
        stranger(hub).login("ann", PASSWORD)
    hub.session().login("ann", PASSWORD)
    page = boss.manage("unlock-address", "203.0.113.5")
    assert "203.0.113.5" not in page
    stranger(hub).login("ann", PASSWORD)


def test_an_address_that_stands_for_many_is_not_locked_but_names_are(tmp_path, quick):
    with running_hub(tmp_path, JUPYTERHUB_SHARED_ADDRESS="203.0.113.5") as hub:
        hub.session().signup("boss", KEYS)
        for name in ("a", "b", "c", "d", "e"):
            guess(stranger(hub), name)
        boss = stranger(hub)
        boss.login("boss", KEYS)
        assert "203.0.113.5" not in boss.request("GET", "hub/authorize").text
        assert "Invalid" in guess(stranger(hub), "boss", 5)
        assert "Too many" in guess(stranger(hub), "boss")
        assert "Too many" in guess(stranger(hub, "203.0.113.6"), "boss")


def test_all_addresses_of_an_ipv6_customer_are_one(hub, boss):
    for number in range(5):
        guess(stranger(hub, f"2001:db8:1:2::{number}"), f"name{number}")
    assert "Too many" in guess(stranger(hub, "2001:db8:1:2:f00::1"), "another")
    assert "Invalid" in guess(stranger(hub, "2001:db8:1:3::1"), "another")
    (shown,) = re.findall('action="([^"]*/unlock-address/[^"]*)"', boss.request("GET", "hub/authorize").text)
    boss.request("POST", "hub" + shown.partition("/hub")[2])
    assert "Invalid" in guess(stranger(hub, "2001:db8:1:2:f00::1"), "another")


def test_an_administrator_unlocks(hub, boss, ann):
    guess(hub.session(), "ann", 5)
    assert "locked" in boss.request("GET", "hub/authorize").text
    boss.manage("unlock", "ann")
    hub.session().login("ann", PASSWORD)


def test_success_forgives_ones_own_failures_only(hub, ann):
    hub.session().login("ann", PASSWORD)
    guess(stranger(hub), "ann", 4)
    guess(hub.session(), "ann", 4)
    assert "Too many" in guess(hub.session(), "ann", 1), "eight failures under one name, from two addresses"


def test_nobody_is_locked_out_of_a_known_browser_by_others(hub, boss, ann):
    for number in range(1, 4):
        guess(stranger(hub, f"203.0.113.{number}"), "ann", 5)
        guess(hub.session(), "ann", 2)
    with refused(429, "Too many"):
        stranger(hub, "203.0.113.9").login("ann", PASSWORD)
    cookies = {c.name: c.value for c in ann.http.cookies if c.name.startswith("jupyterhub-known-")}
    hub_session_with(hub, cookies).login("ann", PASSWORD)
    assert "Invalid" in guess(hub_session_with(hub, cookies), "ann", 5)
    assert "Too many" in guess(hub_session_with(hub, cookies), "ann"), "but guessing in that browser is limited too"
    boss.manage("unlock", "ann")
    hub_session_with(hub, cookies).login("ann", PASSWORD)
    for number in range(4, 6):
        guess(stranger(hub, f"203.0.113.{number}"), "ann", 5)
    forged = hub_session_with(hub, dict.fromkeys(cookies, "2|1:0|forged"))
    assert "Too many" in guess(forged, "ann")


def hub_session_with(hub, cookies):
    session = hub.session()
    session.http.cookies.update(cookies)
    return session


def test_an_attacker_cannot_keep_the_last_administrator_out(hub, boss):
    for number in range(1, 20):
        guess(stranger(hub, f"203.0.113.{number}"), "boss", 5)
    assert "Too many" in guess(stranger(hub, "203.0.113.30"), "boss"), "who guesses learns nothing"
    stranger(hub, "203.0.113.30").login("boss", KEYS)


def test_many_guesses_at_once_count_as_many(hub, ann):
    def answer(_):
        with contextlib.suppress(HubError):
            return guess(stranger(hub), "ann")
        return ""

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(answer, range(30)))
    assert sum("Invalid" in said for said in answers) == 5
    assert sum("Too many" in said for said in answers) == 25


def test_forged_addresses_are_believed_from_nobody_but_the_proxy(tmp_path, quick):
    with running_hub(tmp_path, JUPYTERHUB_TRUSTED_PROXIES="192.0.2.1") as hub:
        for number in range(5):
            guess(stranger(hub, f"203.0.113.{number}"), f"name{number}")
        assert "Too many" in guess(stranger(hub, "203.0.113.9"), "another")


def test_known_and_unknown_names_get_the_same_answer_in_the_same_time(tmp_path):
    with running_hub(tmp_path, JUPYTERHUB_LOCKOUT_FAILURES="99", JUPYTERHUB_LOCKOUT_ADDRESS_FAILURES="99") as hub:
        hub.session().signup("boss", KEYS)

        def seconds(name):
            began = time.monotonic()
            assert guess(hub.session(), name).replace(name, "") == answer
            return time.monotonic() - began

        answer = guess(hub.session(), "boss").replace("boss", "")
        known, unknown = ([seconds(name) for _ in range(5)] for name in ("boss", "nobody"))
    ratio = statistics.median(known) / statistics.median(unknown)
    assert 0.6 < ratio < 1.6, "without a hash to compute, unknown names are answered a hundred times sooner"
