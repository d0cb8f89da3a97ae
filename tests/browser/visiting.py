"""Fixtures: a browser, and the platform it visits.

By default that is the one of tests/inventory. HUBWRIGHT_URL names another one that is deployed already, with
HUBWRIGHT_CA, HUBWRIGHT_ADDRESS (where DNS does not know its name), HUBWRIGHT_ADMIN, HUBWRIGHT_ADMIN_PASSWORD and
HUBWRIGHT_SERVICES ("MLflow,Glances"). HUBWRIGHT_SCREENSHOTS names a directory for screenshots of what was seen.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import yaml
from hubclient import PASSWORD, Hub, Session
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

INVENTORY = Path(__file__).parents[1] / "inventory"
SERVICES = {"mlflow": "MLflow", "glances": "Glances", "tensorboard": "TensorBoard"}
NOT_OURS = re.compile(
    "ERR_NETWORK_CHANGED"  # the browser's own machine got a network interface: a lab's
    r"|/api/kernels\?"  # Jupyter Server 2.21 answers 500 to who lists kernels while one starts; JupyterLab asks again
    "|/mlflow/users/current"  # MLflow asks whether it has accounts
    "|hasNpu"  # Glances draws before its first data
    "|/font-roboto/"  # TensorBoard's style sheet ignores prefixes
)


@dataclass(frozen=True)
class Site:
    """The platform that is visited."""

    hub: Hub
    admin: str
    admin_password: str
    services: set[str]
    """Titles of the services that are switched on."""


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Site:
    if url := os.environ.get("HUBWRIGHT_URL"):
        return Site(
            hub=Hub(url, os.environ.get("HUBWRIGHT_CA"), os.environ.get("HUBWRIGHT_ADDRESS")),
            admin=os.environ.get("HUBWRIGHT_ADMIN", "admin"),
            admin_password=os.environ.get("HUBWRIGHT_ADMIN_PASSWORD", PASSWORD),
            services={title for title in os.environ.get("HUBWRIGHT_SERVICES", "").split(",") if title},
        )
    platform = request.getfixturevalue("platform")
    variables = yaml.safe_load((INVENTORY / "group_vars/hubwright.yml").read_text())
    return Site(
        hub=Hub(platform.url, str(platform.ca)),
        admin=platform.admin,
        admin_password=PASSWORD,
        services={title for name, title in SERVICES.items() if variables.get(f"jupyterhub_enable_{name}")},
    )


@pytest.fixture(scope="session")
def admin(site: Site) -> Session:
    admin = site.hub.admin(site.admin, site.admin_password)
    admin.spawn()  # the login began it: wait, so that it changes the network under no browser, see Visit.open
    return admin


@pytest.fixture
def newcomer(admin: Session) -> Iterator[str]:
    """Yield a name nobody has yet; its server is stopped at the end."""
    yield from forgotten(admin)


@pytest.fixture(scope="module")
def member(site: Site, admin: Session) -> Iterator[Session]:
    """Yield a user with a running server."""
    for name in forgotten(admin):
        session = site.hub.member(name, PASSWORD, admin)
        session.spawn()
        yield session


def forgotten(admin: Session) -> Iterator[str]:
    name = f"browser-{secrets.token_hex(3)}"
    yield name
    if any(user["name"] == name for user in admin.api("GET", "users")):
        admin.api("DELETE", f"users/{name}")  # stops the server too


@pytest.fixture(scope="session")
def browser(site: Site) -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        pytest.fail("these tests need a Chromium: on Debian, `apt-get install chromium`", pytrace=False)
    arguments = ["--no-sandbox"]  # which root needs
    if site.hub.address:
        arguments.append(f"--host-resolver-rules=MAP {urlsplit(site.hub.url).hostname} {site.hub.address}")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=found, args=arguments) as browser:
        yield browser


@dataclass
class Visit:
    """A browser window, what went wrong in it, and screenshots of it."""

    site: Site
    context: BrowserContext
    page: Page
    test: str
    faults: list[str] = field(default_factory=list)
    shots: int = 0
    interrupted: bool = False
    """Whether the browser has dropped its connections since it began to load the page."""

    def open(self, path: str, until: str = "body") -> None:
        """Go to a path below the platform's base path, until an element of the page is there.

        Again when the machine's own network changed meanwhile: Chromium drops all connections, also those on which the
        page's scripts come, when an interface gets an address, as those of starting containers do.
        """
        for last in (False, False, False, False, True):
            self.interrupted = False
            try:
                self.page.goto(f"{self.site.hub.url}/{path}")
                self.page.locator(until).wait_for()
            except Error as error:
                # The second is the first's error page, which comes in between the next attempt.
                again = self.interrupted or re.search("ERR_NETWORK_CHANGED|chrome-error://", str(error))
                if last or not again:
                    raise
            else:
                return

    def shot(self, name: str, page: Page | None = None) -> None:
        """Keep a screenshot, where somebody wants them."""
        if directory := os.environ.get("HUBWRIGHT_SCREENSHOTS"):
            self.shots += 1
            (page or self.page).screenshot(path=Path(directory) / f"{self.test}-{self.shots}-{name}.png")

    def note(self, fault: str) -> None:
        """Note a fault, unless it is known and not ours."""
        self.interrupted = self.interrupted or "ERR_NETWORK_CHANGED" in fault
        if not NOT_OURS.search(fault):
            self.faults.append(fault)

    def watch(self, page: Page) -> Page:
        """Note every script error, console error and failed answer of a page."""
        page.on("pageerror", lambda error: self.note(f"script error: {error}"))
        page.on("console", lambda line: line.type == "error" and self.note(f"console: {line.text} ({line.location})"))
        page.on("response", lambda a: a.status >= 400 and self.note(f"HTTP {a.status}: {a.request.method} {a.url}"))
        return page


@contextmanager
def window(
    site: Site, browser: Browser, request: pytest.FixtureRequest, person: Session | None = None
) -> Iterator[Visit]:
    """Open a window, of somebody who is logged in. It trusts any certificate: Chromium has no CA file."""
    with browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(60_000)  # ms
        host = str(urlsplit(site.hub.url).hostname)
        cookies = person.http.cookies if person else ()
        context.add_cookies([{"name": c.name, "value": c.value or "", "domain": host, "path": c.path} for c in cookies])
        test = request.node.name.removeprefix("test_").replace("[", "-")[:40]
        visit = Visit(site, context, context.new_page(), f"{test}-{person.name}" if person else test)
        visit.watch(visit.page)
        failed = request.session.testsfailed
        yield visit
        if request.session.testsfailed > failed:
            visit.shot("failed")


@pytest.fixture
def visit(site: Site, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open a window without cookies."""
    with window(site, browser, request) as visit:
        yield visit


@pytest.fixture
def admin_visit(site: Site, browser: Browser, request: pytest.FixtureRequest, admin: Session) -> Iterator[Visit]:
    """Open the administrator's window."""
    with window(site, browser, request, admin) as visit:
        yield visit


@pytest.fixture
def lab(site: Site, browser: Browser, request: pytest.FixtureRequest, member: Session) -> Iterator[Visit]:
    """Open JupyterLab as a user who is logged in and whose server runs."""
    with window(site, browser, request, member) as visit:
        visit.open(f"user/{member.name}/lab?reset", until=".jp-Launcher")
        yield visit
