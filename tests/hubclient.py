"""What a user does on a hubwright platform, without a browser: sign up, log in, spawn, run code, edit files.

    user = Hub("https://hub.example/jupyterhub", ca="/opt/hubwright/certs/ca.crt", address="127.0.0.1").session()
    user.signup("ann", "a long password")
    user.login("ann", "a long password")
    user.spawn()
    with user.kernel() as kernel:
        assert kernel.run("6 * 7").result == "42"
    user.stop()

Every step that fails raises HubError with the status and what the page says, so that a failing test explains itself.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

import requests
import websocket
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.cookiejar import Cookie

PASSWORD = "correct horse battery staple"
"""One that the platform accepts, for whoever needs no particular one."""

JSON = Any
"""What a JSON answer holds; tests know its shape."""


class HubError(Exception):
    """A step failed; the message holds the request, the status and what the answer says."""


class _PageText(HTMLParser):
    """Collects the text of the elements in which JupyterHub's pages tell what went wrong."""

    TELLING = frozenset({"alert", "error", "login_error"})
    VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        telling = self.TELLING.intersection(classes) and "hidden" not in classes
        if tag not in self.VOID and (self.depth or telling):
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self.depth:
            self.depth -= 1

    def handle_data(self, data: str) -> None:
        if self.depth and data.strip():
            self.text.append(data.strip())


def page_text(html: str) -> str:
    """Return what a JupyterHub page tells its reader: its alerts and errors, or '' where it has none."""
    parser = _PageText()
    parser.feed(html)
    return " ".join(" ".join(parser.text).split())


def _explain(response: requests.Response) -> str:
    said = ""
    if "json" in response.headers.get("Content-Type", ""):
        said = response.json().get("message", response.text)
    else:
        said = page_text(response.text) or response.text[:200]
    return f"{response.request.method} {response.url}: HTTP {response.status_code} {response.reason}: {said}"


class _FixedAddress(HTTPAdapter):
    """Connects to one address whatever the URL's host is, like `curl --resolve`; TLS still checks the URL's name."""

    def __init__(self, host: str, address: str) -> None:
        self.host, self.address = host, address
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.headers["Host"] = urlsplit(str(request.url)).netloc
        return super().send(request, *args, **kwargs)

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        host: Any  # requests' own types know only their own keys
        pool: Any
        host, pool = super().build_connection_pool_key_attributes(*args, **kwargs)
        if host["host"] == self.host:
            host["host"] = self.address
            if host["scheme"] == "https":
                pool.update(server_hostname=self.host, assert_hostname=self.host)
        return host, pool


@dataclass(frozen=True)
class Hub:
    """Where a platform is: its URL with the base path, the CA that signed it, the address if DNS does not know it."""

    url: str
    ca: str | None = None
    address: str | None = None

    def connect(self, token: str | None = None) -> requests.Session:
        """Return an HTTP session that reaches this platform and trusts nothing but its CA (the system's without)."""
        session = requests.Session()
        session.trust_env = False  # or REQUESTS_CA_BUNDLE would win over `verify`
        session.verify = self.ca or True
        if self.address:
            adapter = _FixedAddress(str(urlsplit(self.url).hostname), self.address)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
        if token:
            session.headers["Authorization"] = f"token {token}"
        return session

    def session(self, token: str | None = None) -> Session:
        """Return somebody who is not logged in yet, or who uses the API with `token`."""
        return Session(self, token)

    def admin(self, username: str, password: str) -> Session:
        """Return the platform's administrator, logged in, and signed up before where nobody has yet."""
        session = self.session()
        with suppress(HubError):  # the name is taken: then the password must be right
            session.signup(username, password)
        session.login(username, password)
        return session

    def member(self, username: str, password: str, admin: Session) -> Session:
        """Return a new user, signed up, let in by `admin` and logged in."""
        session = self.session()
        session.signup(username, password)
        admin.authorize(username)
        session.login(username, password)
        return session

    def websocket(self, url: str, headers: dict[str, str]) -> websocket.WebSocket:
        """Open a websocket to an absolute https URL of this platform."""
        parts = urlsplit(url)
        host, secure = str(parts.hostname), parts.scheme == "https"
        plain = socket.create_connection((self.address or host, parts.port or (443 if secure else 80)), timeout=30)
        tls = ssl.create_default_context(cafile=self.ca)
        stream = tls.wrap_socket(plain, server_hostname=host) if secure else plain
        try:
            return websocket.create_connection(url.replace("http", "ws", 1), socket=stream, header=headers, timeout=30)
        except (websocket.WebSocketException, OSError) as error:
            stream.close()
            raise HubError(f"websocket {url}: {error}") from error


class Session:
    """One person at one platform: cookies and XSRF tokens as a browser keeps them, or an API token."""

    def __init__(self, hub: Hub, token: str | None = None) -> None:
        """Somebody at `hub` without any cookies yet."""
        self.hub = hub
        self.http = hub.connect(token)
        self.name = ""
        self.progress: list[dict[str, JSON]] = []
        """Events of the last spawn, as the progress page shows them."""

    # Requests

    def url(self, path: str) -> str:
        """Return the absolute URL of a path below the platform's base path, such as `hub/api/`."""
        return self.hub.url.rstrip("/") + "/" + path

    def request(self, method: str, path: str, *, timeout: float = 60, **options: Any) -> requests.Response:
        """Send one request as this person; a status of 400 and above raises HubError."""
        url = self.url(path)
        if token := self._xsrf(url):
            options.setdefault("headers", {})["X-XSRFToken"] = token
        try:
            response = self.http.request(method, url, timeout=timeout, **options)
        except requests.RequestException as error:
            raise HubError(f"{method} {url}: {error}") from error
        if "text/html" in response.headers.get("Content-Type", ""):
            response.encoding = "utf-8"  # as the pages themselves say
        if not response.ok:
            raise HubError(_explain(response))
        return response

    def api(self, method: str, path: str, body: JSON = None) -> JSON:
        """Call the hub's API: `api("GET", "users/ann")`. Return the JSON of its answer, None when it has none."""
        response = self.request(method, f"hub/api/{path}", json=body)
        return response.json() if response.content else None

    def cookies(self, url: str) -> list[Cookie]:
        """Return the cookies a browser would send to a URL, most specific path first."""
        path = urlsplit(url).path
        mine = [c for c in self.http.cookies if path.startswith(c.path)]
        return sorted(mine, key=lambda c: len(c.path), reverse=True)

    def _xsrf(self, url: str) -> str | None:
        return next((c.value for c in self.cookies(url) if c.name == "_xsrf"), None)

    def _form(self, path: str, **fields: str) -> requests.Response:
        """Fill in a form of the hub: open its page, which sets the XSRF cookie, and send it."""
        self.request("GET", path)
        return self.request("POST", path, data={"_xsrf": self._xsrf(self.url(path)) or "", **fields})

    # Account

    def signup(self, username: str, password: str) -> str:
        """Create an account on the sign-up page. Return what the page says; a refusal raises HubError."""
        again = {"signup_password": password, "signup_password_confirmation": password}
        return page_text(self._form("hub/signup", username=username, **again).text)

    def login(self, username: str, password: str, otp: str = "") -> None:
        """Log in on the hub's page; `otp` is for who has set up one-time codes."""
        self._form("hub/login", username=username, password=password, otp=otp)
        if not any(c.name.startswith("jupyterhub-session-id") for c in self.http.cookies):
            raise HubError(f"login of {username}: the password has to be changed first")
        self.name = username

    def change_password(self, old: str, new: str, username: str = "") -> None:
        """Change one's password, logged in or, with a user name, before the first login."""
        again = {"new_password": new, "new_password_confirmation": new}
        self._form("hub/change-password", username=username or self.name, password=old, **again)

    def authorize(self, username: str) -> None:
        """Let a person who signed up in, as an administrator does on the Accounts page."""
        self.manage("authorize", username)

    def manage(self, action: str, username: str) -> str:
        """Do what a button of the Accounts page does: authorize, revoke, discard, unlock... The page after it."""
        self.request("GET", "hub/authorize")
        return self.request("POST", f"hub/{action}/{quote(username, safe='')}").text

    # Server

    @property
    def server(self) -> str:
        """Path of this person's server."""
        return f"user/{quote(self.name)}"

    def running(self) -> bool:
        """Tell whether the hub considers this person's server started and ready."""
        return bool((self.api("GET", f"users/{quote(self.name)}")["servers"].get("") or {}).get("ready"))

    def spawn(self, timeout: float = 300) -> float:
        """Start the server and follow the progress page's events until it is ready. Return the seconds that took."""
        started = time.monotonic()
        self.progress = []
        if "" not in self.api("GET", f"users/{quote(self.name)}")["servers"]:  # else the login has started it
            self.api("POST", f"users/{quote(self.name)}/server", {})
        for event in self._events(f"hub/api/users/{quote(self.name)}/server/progress", started + timeout):
            self.progress.append(event)
            if event.get("failed"):
                said = "; ".join(e["message"] for e in self.progress if e.get("message"))
                raise HubError(f"spawn of {self.name}: {said}")
            if event.get("ready"):
                break
        else:
            raise HubError(f"spawn of {self.name}: the progress events ended before it was ready: {self.progress}")
        seconds = time.monotonic() - started
        # Opening the page takes the person through the hub's OAuth and sets the server's cookies.
        self.request("GET", f"{self.server}/tree" if self.http.headers.get("Authorization") else f"{self.server}/lab")
        return seconds

    def _events(self, path: str, deadline: float) -> Iterator[dict[str, JSON]]:
        """Yield the events of a text/event-stream until it ends."""
        headers = {"Accept": "text/event-stream"}
        with self.request("GET", path, stream=True, headers=headers) as response:
            for line in response.iter_lines(decode_unicode=True):
                if time.monotonic() > deadline:
                    raise HubError(f"GET {path}: not ready in time; last: {self.progress[-1:]}")
                if line and line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def stop(self, timeout: float = 60) -> None:
        """Stop the server and wait until the hub says that it is gone."""
        self.api("DELETE", f"users/{quote(self.name)}/server")
        wait_until(
            lambda: "" not in self.api("GET", f"users/{quote(self.name)}")["servers"],
            f"the server of {self.name} to stop",
            timeout,
        )

    # Inside the server

    def lab(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request to this person's server: `lab("GET", "api/status")`."""
        return self.request(method, f"{self.server}/{path}", **options)

    @contextmanager
    def kernel(self) -> Iterator[Kernel]:
        """Start a Python kernel in the server; it is shut down when the `with` block ends."""
        kernel = Kernel(self, self.lab("POST", "api/kernels", json={"name": "python3"}).json()["id"])
        try:
            yield kernel
        finally:
            kernel.close()
            self.lab("DELETE", f"api/kernels/{kernel.id}")

    def read(self, path: str) -> str:
        """Return a text file of the server, by the contents API."""
        return str(self.lab("GET", f"api/contents/{quote(path)}", params={"type": "file"}).json()["content"])

    def write(self, path: str, text: str) -> None:
        """Save a text file on the server, by the contents API."""
        body = {"type": "file", "format": "text", "content": text}
        self.lab("PUT", f"api/contents/{quote(path)}", json=body)


@dataclass(frozen=True)
class Output:
    """What a cell printed and what its last expression was, as text."""

    stdout: str
    result: str | None


class Kernel:
    """A kernel and its websocket."""

    def __init__(self, session: Session, kernel_id: str) -> None:
        """Connect to the kernel `kernel_id` in the server of `session`."""
        self.session, self.id = session, kernel_id
        self.client = uuid.uuid4().hex
        self.socket = self._connect()

    def _connect(self) -> websocket.WebSocket:
        url = urljoin(
            self.session.url(""), f"{self.session.server}/api/kernels/{self.id}/channels?session_id={self.client}"
        )
        headers = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in self.session.cookies(url))}
        if authorization := self.session.http.headers.get("Authorization"):
            headers["Authorization"] = str(authorization)
        return self.session.hub.websocket(url, headers)

    def close(self) -> None:
        """Close the websocket; the kernel itself goes on."""
        self.socket.close()

    def run(self, code: str, timeout: float = 60) -> Output:
        """Execute a cell over the open websocket and return its output; an exception in it raises HubError."""
        message_id = uuid.uuid4().hex
        self._send(
            "execute_request", message_id, {"code": code, "silent": False, "allow_stdin": False, "stop_on_error": False}
        )
        deadline = time.monotonic() + timeout
        stdout, result, failure, idle, replied = "", None, None, False, False
        while not (idle and replied):
            message = self._receive(deadline, code)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream" and content["name"] == "stdout":
                stdout += content["text"]
            elif kind == "execute_result":
                result = content["data"]["text/plain"]
            elif kind == "error":
                failure = f"{content['ename']}: {content['evalue']}"
            elif kind == "status":
                idle = content["execution_state"] == "idle"
            elif kind == "execute_reply":
                replied = True
        if failure:
            raise HubError(f"cell {code!r}: {failure}")
        return Output(stdout, result)

    def answers(self) -> bool:
        """Tell whether the kernel executes a cell over the websocket that is open since its start."""
        try:
            return self.run("6 * 7", timeout=10).result == "42"
        except HubError:
            return False

    def _send(self, kind: str, message_id: str, content: dict[str, JSON]) -> None:
        header = {"msg_id": message_id, "msg_type": kind, "session": self.client, "username": "", "version": "5.4"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        try:
            self.socket.send(json.dumps(message))
        except (websocket.WebSocketException, OSError) as error:
            raise HubError(f"kernel {self.id}: the websocket is gone: {error}") from error

    def _receive(self, deadline: float, code: str) -> dict[str, JSON]:
        try:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.01))
            return dict(json.loads(self.socket.recv()))
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise HubError(f"cell {code!r}: no answer from kernel {self.id}: {error}") from error


def wait_until(condition: Callable[[], object], what: str, timeout: float = 60, interval: float = 0.2) -> None:
    """Wait until a condition that offers nothing to wait on holds; HubError names `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise HubError(f"waited {timeout:.0f} s for {what}")
        time.sleep(interval)
