"""Ask a container registry whether it has an image, without Docker.

Source: the OCI distribution specification (`HEAD /v2/<name>/manifests/<reference>`) and Docker's token authentication.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
import ssl
import subprocess
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from .image import DOCKER_HUB, Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from email.message import Message

_ANSWERS = 200
_NEEDS_LOGIN = (401, 403)
_HAS_NOT = 404
# Everything Docker can pull; a registry converts or refuses what is not named here.
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)


@dataclass(frozen=True)
class Answer:
    """Whether an image can be pulled; if not, the reason in one sentence."""

    exists: bool
    digest: str | None = None
    reason: str | None = None


def look_up(image: Image, insecure: Sequence[str] = (), login: str | None = None, timeout: float = 10) -> Answer:
    """Tell whether the image's registry has it.

    :param insecure: registries that may speak plain HTTP or show any certificate, as in dockerd's `insecure-registries`
    :param login: `user:password` in base64 (see :func:`find_login`); without it the registry is asked as nobody
    :param timeout: seconds to wait for each answer
    """
    host = "registry-1.docker.io" if image.registry == DOCKER_HUB else image.registry
    path = f"/v2/{image.repository}/manifests/{image.version}"
    problem: Exception = OSError()
    for scheme, context in _ways(image.registry, insecure):
        try:
            status, headers = _head(f"{scheme}://{host}{path}", login, context, timeout)
        except (OSError, HTTPException, ValueError) as error:
            problem = error
            continue
        if status == _ANSWERS:
            return Answer(exists=True, digest=headers.get("Docker-Content-Digest"))
        return Answer(exists=False, reason=_explain_status(image, status))
    return Answer(exists=False, reason=_explain_failure(image, problem))


def is_insecure(registry: str, insecure: Sequence[str]) -> bool:
    """Tell whether Docker would do without a trusted certificate: this machine itself, and what its options list."""
    host = urlsplit(f"//{registry}").hostname or ""
    networks = [entry for entry in insecure if "/" in entry]
    if host == "localhost" or registry in insecure:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or any(address in ipaddress.ip_network(network, strict=False) for network in networks)


def find_login(registry: str) -> str | None:
    """Return what `docker login` stored for a registry: `user:password` in base64, or None."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    server = f"https://index.{DOCKER_HUB}/v1/" if registry == DOCKER_HUB else registry
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        helper = config.get("credHelpers", {}).get(server) or config.get("credsStore")
        if not helper:
            return config.get("auths", {}).get(server, {}).get("auth") or None
        command = [f"docker-credential-{helper}", "get"]
        got = subprocess.run(command, input=server, capture_output=True, text=True, check=True, timeout=10)
        login = json.loads(got.stdout)
        return base64.b64encode(f"{login['Username']}:{login['Secret']}".encode()).decode()
    except (OSError, ValueError, KeyError, AttributeError, subprocess.SubprocessError):
        return None  # nobody logged in: the registry is asked as nobody


def _ways(registry: str, insecure: Sequence[str]) -> list[tuple[str, ssl.SSLContext | None]]:
    """Return the schemes to try in order, each with its TLS settings, as dockerd does."""
    context = ssl.create_default_context()
    if is_insecure(registry, insecure):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return [("https", context), ("http", None)]
    for certificate in sorted(Path("/etc/docker/certs.d").joinpath(registry).glob("*.crt")):
        context.load_verify_locations(certificate)
    return [("https", context)]


def _head(url: str, login: str | None, context: ssl.SSLContext | None, timeout: float) -> tuple[int, Message]:
    """Ask for a manifest; log in when the registry says how."""
    status, headers, _ = _request("HEAD", url, None, context, timeout)
    challenge = headers.get("WWW-Authenticate", "")
    scheme = challenge.partition(" ")[0].lower()
    if status in _NEEDS_LOGIN and scheme == "bearer":
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        token = _token(fields, login, context, timeout)
        status, headers, _ = _request("HEAD", url, f"Bearer {token}", context, timeout)
    elif status in _NEEDS_LOGIN and login:
        status, headers, _ = _request("HEAD", url, f"Basic {login}", context, timeout)
    return status, headers


def _token(fields: Mapping[str, str], login: str | None, context: ssl.SSLContext | None, timeout: float) -> str:
    query = urlencode({key: fields[key] for key in ("service", "scope") if key in fields})
    realm = fields.get("realm", "")
    url = f"{realm}{'&' if '?' in realm else '?'}{query}"
    _, _, body = _request("GET", url, f"Basic {login}" if login else None, context, timeout)
    try:
        answer = json.loads(body)
        return str(answer.get("token") or answer.get("access_token") or "")
    except (ValueError, AttributeError):
        return ""  # the registry refuses the empty token, and its answer is the one to tell


def _request(
    method: str,
    url: str,
    authorization: str | None,
    context: ssl.SSLContext | None,
    timeout: float,
) -> tuple[int, Message, bytes]:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError(f"{url!r} is no web address")
    request = Request(url, method=method, headers={"Accept": _MANIFESTS})  # noqa: S310 - judged above
    if authorization:
        request.add_unredirected_header("Authorization", authorization)  # for this host alone
    try:
        with urlopen(request, timeout=timeout, context=context) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read()
    except HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read()


def _explain_status(image: Image, status: int) -> str:
    if status in _NEEDS_LOGIN:
        return f"the registry {image.registry} shows {image} to nobody without a login, or does not have it"
    if status == _HAS_NOT:
        return f"the registry {image.registry} does not have {image}"
    return f"the registry {image.registry} answered HTTP {status} when asked for {image}"


def _explain_failure(image: Image, problem: Exception) -> str:
    cause = problem.reason if isinstance(problem, URLError) else problem
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of the registry {image.registry} is not trusted here: {cause.verify_message}"
    detail = (cause.strerror if isinstance(cause, OSError) else None) or str(cause) or type(cause).__name__
    return f"the registry {image.registry} does not answer: {detail}"
