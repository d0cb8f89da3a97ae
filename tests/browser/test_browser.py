"""What people see: in a real browser, on a deployed platform."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hubclient import PASSWORD
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from visiting import Visit

pytest_plugins = ["visiting"]


def test_sign_up_to_jupyterlab(visit: Visit, admin_visit: Visit, newcomer: str) -> None:
    """A newcomer signs up, is refused, is let in by the administrator in another browser, and starts a server."""
    page = visit.page
    visit.open("")
    expect(page).to_have_url(re.compile("/hub/login"))
    visit.shot("login")
    page.get_by_role("link", name="Sign up").click()
    sign_up(visit, newcomer, "too short")
    expect(page.get_by_role("alert")).to_contain_text("at least 10 characters")
    visit.shot("refused")
    sign_up(visit, newcomer, PASSWORD)
    expect(page.get_by_role("status")).to_contain_text("waits for approval")
    visit.shot("signed-up")

    page.get_by_role("link", name="Go to the login page").click()
    log_in(visit, newcomer, PASSWORD)
    expect(page.locator(".login_error")).to_contain_text("waits for an administrator's approval")
    visit.shot("not-let-in-yet")
    assert len(visit.faults) == 4, "a refused sign-up is an HTTP 400, a refused login 403, and the console says so"
    visit.faults.clear()

    admin_visit.open("hub/authorize")
    admin_visit.shot("accounts")
    admin_visit.page.get_by_role("button", name=f"Authorize: {newcomer}").click()
    expect(row(admin_visit, newcomer)).to_contain_text("authorized")
    assert admin_visit.faults == []

    log_in(visit, newcomer, PASSWORD)
    page.get_by_role("button", name="Logout").or_(page.get_by_role("link", name="Logout")).first.wait_for()
    if "/hub/home" in page.url:
        page.get_by_role("link", name="Start My Server").click()
    visit.shot("spawning")
    page.locator(".jp-Launcher").wait_for()
    expect(page).to_have_url(re.compile(rf"/user/{newcomer}/lab"))
    visit.shot("jupyterlab")
    assert visit.faults == []


def test_an_administrator_creates_an_account_and_its_owner_chooses_a_password(
    visit: Visit, admin_visit: Visit, newcomer: str
) -> None:
    """By keyboard alone, on a phone's screen."""
    admin_visit.open("hub/create-accounts")
    admin_visit.page.get_by_label("User names, one a line").fill(newcomer)
    admin_visit.page.get_by_role("button", name="Create accounts").press("Enter")
    passphrase = admin_visit.page.get_by_role("row", name=newcomer).locator("code").inner_text()
    admin_visit.shot("passphrases")

    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})
    # Where they wanted to go, and where no lab is started: labs change the machine's network, which browsers notice.
    visit.open(f"hub/login?next={urlsplit(visit.site.hub.url).path}/hub/home")
    log_in(visit, newcomer, passphrase)
    expect(page.get_by_role("status")).to_contain_text("Choose a password of your own")
    visit.shot("change-password")
    for label, text in {"Current": passphrase, "New": PASSWORD}.items():
        page.get_by_label(f"{label} password:", exact=True).fill(text)
    page.get_by_label("New password again:").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Your new password is set")
    log_in(visit, newcomer, PASSWORD)
    expect(page).to_have_url(re.compile("/hub/home"))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the phone"

    admin_visit.open("hub/authorize")
    admin_visit.page.get_by_role("button", name=f"Revoke: {newcomer}").press("Enter")
    admin_visit.page.keyboard.press("Escape")
    expect(row(admin_visit, newcomer)).to_contain_text("authorized")
    admin_visit.page.get_by_role("button", name=f"Revoke: {newcomer}").press("Enter")
    admin_visit.shot("confirm")
    admin_visit.page.get_by_role("button", name="Go ahead").press("Enter")
    expect(row(admin_visit, newcomer)).to_contain_text("revoked")
    assert admin_visit.faults == []
    assert visit.faults == []
    visit.open("hub/home")
    expect(page).to_have_url(re.compile("/hub/login"))


def row(admin: Visit, name: str) -> Locator:
    return admin.page.locator(f"tr#{name}")


def sign_up(visit: Visit, name: str, password: str) -> None:
    visit.page.get_by_label("Username:").fill(name)
    visit.page.get_by_label("Password:", exact=True).fill(password)
    visit.page.get_by_label("Password again:").fill(password)
    visit.page.get_by_role("button", name="Create account").click()


def log_in(visit: Visit, name: str, password: str) -> None:
    visit.page.get_by_label("Username:").fill(name)
    visit.page.get_by_label("Password:", exact=True).fill(password)
    visit.page.get_by_role("button", name="Sign in").click()


def services(lab: Visit) -> Locator:
    """Return the launcher's cards that open another page, which jupyter-server-proxy marks with an arrow."""
    return lab.page.locator(".jp-LauncherCard", has_text="↗")


def test_launcher_offers_exactly_the_enabled_services(lab: Visit) -> None:
    cards = services(lab)
    expect(cards).to_have_count(len(lab.site.services))
    assert {text.removesuffix("[↗]").strip() for text in cards.all_inner_texts()} == lab.site.services
    for icon in cards.locator("img").all():
        assert icon.evaluate("image => image.naturalWidth") > 0
    lab.shot("launcher")
    assert lab.faults == []


def test_notebook_runs_a_cell(lab: Visit) -> None:
    page = lab.page
    page.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    editor = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    editor.click()
    page.keyboard.insert_text(
        "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nprint('six times seven is', 6 * 7)"
    )
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output", has_text="six times seven is 42")).to_be_visible(timeout=60_000)
    expect(page.locator(".jp-OutputArea-output img")).to_be_visible()
    lab.shot("notebook")
    assert lab.faults == []


@pytest.mark.parametrize(
    ("title", "shown"), [("MLflow", "^Default$"), ("Glances", "^MEM$"), ("TensorBoard", "No dashboards are active")]
)
def test_service_opens_from_the_launcher(lab: Visit, title: str, shown: str) -> None:
    if title not in lab.site.services:
        pytest.skip(f"{title} is switched off on this platform")
    with lab.context.expect_page() as opened:
        services(lab).filter(has_text=title).click()
    page = lab.watch(opened.value)
    expect(page.get_by_text(re.compile(shown)).first).to_be_visible(
        timeout=200_000
    )  # ms; MLflow starts slowly on a busy machine
    lab.shot(title.lower(), page)
    assert lab.faults == []
