"""What people see: in a real browser, on a deployed platform."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hubclient import PASSWORD
from playwright.sync_api import expect

if TYPE_CHECKING:
    from hubclient import Session
    from playwright.sync_api import Locator
    from visiting import Visit

pytest_plugins = ["visiting"]


def test_sign_up_to_jupyterlab(visit: Visit, newcomer: str, admin: Session) -> None:
    """A newcomer signs up, is let in, logs in and starts a server."""
    page = visit.page
    visit.open("")
    expect(page).to_have_url(re.compile("/hub/login"))
    visit.shot("login")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Username:").fill(newcomer)
    page.locator("[name=signup_password]").fill(PASSWORD)
    page.locator("[name=signup_password_confirmation]").fill(PASSWORD)
    page.get_by_role("button", name="Create User").click()
    expect(page.get_by_role("alert").first).to_contain_text("sent to the admin")
    visit.shot("signed-up")

    log_in(visit, newcomer)
    expect(page.locator(".login_error")).to_contain_text("approval")
    assert visit.faults, "a refused login is an HTTP 403"
    visit.faults.clear()
    visit.shot("not-let-in-yet")

    admin.authorize(newcomer)
    log_in(visit, newcomer)
    page.get_by_role("button", name="Logout").or_(page.get_by_role("link", name="Logout")).first.wait_for()
    if "/hub/home" in page.url:
        page.get_by_role("link", name="Start My Server").click()
    visit.shot("spawning")
    page.locator(".jp-Launcher").wait_for()
    expect(page).to_have_url(re.compile(rf"/user/{newcomer}/lab"))
    visit.shot("jupyterlab")
    assert visit.faults == []


def log_in(visit: Visit, name: str) -> None:
    visit.open("hub/login")
    visit.page.get_by_label("Username:").fill(name)
    visit.page.get_by_label("Password:").fill(PASSWORD)
    visit.page.get_by_role("button", name="Sign In").click()


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
