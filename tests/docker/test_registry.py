"""What the module registry_image says of a real registry, in all the ways one may be guarded, and of none."""

import base64
import contextlib
import datetime as dt
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import docker
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hubwright.core.image import parse
from hubwright.core.registry import find_login, look_up

ROOT = Path(__file__).parents[2]
NAME = "registry.test"  # stands for a registry that is not this machine, hence needs a trusted certificate


@pytest.fixture
def serve(registry, tmp_path):
    """Return a function that starts a registry with settings of its configuration, and returns its address."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(registry(tmp_path, **settings))


@pytest.fixture
def push(small_image):
    """Return a function that pushes the small image to a registry, and returns the digest Docker gives it."""
    client = docker.from_env()
    pushed = []

    def do(address):
        name = f"{address}/group/small:1"
        small_image.tag(name)
        pushed.append(name)
        subprocess.run(["docker", "push", "--quiet", name], check=True, capture_output=True)
        digests = client.images.get(name).attrs["RepoDigests"]
        return next(digest.partition("@")[2] for digest in digests if digest.startswith(address))

    yield do
    for name in pushed:
        client.images.remove(name)


def ask(address, name="group/small:1", **options):
    return look_up(parse(f"{address}/{name}"), **options)


def test_image_that_is_there(serve, push):
    address = serve()
    digest = push(address)
    by_tag = ask(address)
    assert (by_tag.exists, by_tag.digest, by_tag.reason) == (True, digest, None)
    assert ask(address, f"group/small@{digest}").exists


@pytest.mark.parametrize("name", ["group/small:2", "group/other:1", "group/small@sha256:" + "0" * 64])
def test_image_that_is_not_there(serve, push, name):
    address = serve()
    push(address)
    answer = ask(address, name)
    assert not answer.exists
    assert answer.reason == f"the registry {address} does not have {address}/{name}"


@pytest.mark.parametrize(
    ("address", "why"), [("127.0.0.1:9", "Connection refused"), ("registry.invalid", "not known|resolution")]
)
def test_registry_that_is_not_there(address, why):
    answer = ask(address)
    assert not answer.exists
    assert re.fullmatch(rf"the registry {address} does not answer: .*({why}).*", answer.reason)


def test_something_that_is_no_registry():
    with web_server(http.server.SimpleHTTPRequestHandler) as address:
        answer = ask(address)
    assert not answer.exists
    assert address in answer.reason


def test_something_that_is_no_web_server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        answer = ask(address, timeout=0.5)
    assert answer.reason == f"the registry {address} does not answer: timed out"


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate for NAME that nobody trusts, its key beside it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "registry.crt"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.with_suffix(".key").write_bytes(private)
    return path


@pytest.fixture
def guarded(serve, push, certificate, monkeypatch):
    """Return a filled registry behind TLS, under a name that is not this machine's."""
    address = serve(certificate=certificate)
    push(address)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1" if host == NAME else host, *rest, **more)
    )
    return f"{NAME}:{address.split(':')[1]}"


def test_certificate_that_nobody_trusts(guarded):
    answer = ask(guarded)
    assert not answer.exists
    assert answer.reason.startswith(f"the certificate of the registry {guarded} is not trusted here: self")


def test_certificate_that_the_host_trusts(guarded, certificate, monkeypatch):
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(certificate))
    assert ask(guarded).exists


@pytest.mark.parametrize(
    ("insecure", "exists"), [([NAME], False), ([NAME + ":{port}"], True), (["127.0.0.0/8"], False)]
)
def test_certificate_that_docker_is_told_not_to_judge(guarded, insecure, exists):
    port = guarded.split(":")[1]
    assert ask(guarded, insecure=[entry.format(port=port) for entry in insecure]).exists is exists


USER, PASSWORD = "someone", "a secret"
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture
def log_in(tmp_path, monkeypatch):
    """Return a function by which Docker itself logs in to a registry; the login is this test's alone."""
    folder = tmp_path / "docker"
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))

    def do(address):
        command = ["docker", "login", "--username", USER, "--password-stdin", address]
        subprocess.run(command, input=PASSWORD, text=True, check=True, capture_output=True)

    return do


def assert_only_a_login_shows_the_image(address, push, log_in):
    stranger = ask(address)
    assert not stranger.exists
    assert "login" in stranger.reason
    assert find_login(address) is None
    log_in(address)
    digest = push(address)
    assert find_login(address) == LOGIN
    answer = ask(address, login=find_login(address))
    assert (answer.exists, answer.digest) == (True, digest)


def test_registry_with_a_password(serve, push, log_in, tmp_path):
    perl = ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", PASSWORD, "$2b$04$abcdefghijklmnopqrstuu"]
    encrypted = subprocess.run(perl, capture_output=True, text=True, check=True).stdout
    (tmp_path / "htpasswd").write_text(f"{USER}:{encrypted}\n")
    address = serve(auth={"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}})
    assert_only_a_login_shows_the_image(address, push, log_in)


def test_registry_with_tokens(serve, push, log_in, certificate):
    """As the public registries have them: somebody else gives a token for the image to whom may see it."""
    key = serialization.load_pem_private_key(certificate.with_suffix(".key").read_bytes(), None)
    chain = ["".join(certificate.read_text().splitlines()[1:-1])]

    class Tokens(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            known = self.headers["Authorization"] == f"Basic {LOGIN}"
            scopes = [scope.split(":") for scope in asked.get("scope", []) if known]
            access = [{"type": kind, "name": name, "actions": can.split(",")} for kind, name, can in scopes]
            now = int(time.time())
            claims = {
                "iss": "test",
                "sub": "",
                "aud": asked["service"][0],
                "exp": now + 60,
                "nbf": now - 60,
                "iat": now,
            }
            parts = {"typ": "JWT", "alg": "RS256", "x5c": chain}, {**claims, "jti": "1", "access": access}
            signed = b".".join(encode(json.dumps(part).encode()) for part in parts)
            signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
            body = json.dumps({"token": (signed + b"." + encode(signature)).decode()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    with web_server(Tokens) as tokens:
        settings = {"realm": f"http://{tokens}/token", "service": "test", "issuer": "test"}
        address = serve(auth={"token": {**settings, "rootcertbundle": str(certificate)}})
        assert_only_a_login_shows_the_image(address, push, log_in)


def test_password_that_a_helper_keeps(tmp_path, monkeypatch):
    helper = tmp_path / "docker-credential-hubwright"
    helper.write_text('#!/bin/sh\nread -r host; echo "{\\"Username\\": \\"$host\\", \\"Secret\\": \\"x\\"}"\n')
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text('{"credsStore": "hubwright"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert base64.b64decode(find_login("r.example:5000")) == b"r.example:5000:x"
    assert base64.b64decode(find_login("docker.io")) == b"https://index.docker.io/v1/:x"


def test_module_answers_for_each_name_and_changes_nothing(serve, push):
    address = serve()
    digest = push(address)
    names = [f"{address}/group/small:1", f"{address}/group/small:2", "No/Reference"]
    command = [f"{sys.prefix}/bin/ansible", "localhost", "--check", "--inventory=localhost,", "--connection=local"]
    command += [f"--extra-vars=ansible_python_interpreter={sys.executable}", "--module-name=registry_image"]
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    command += [f"--args={json.dumps({'names': names})}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout[done.stdout.index("{") :])
    assert result["changed"] is False
    there, absent, wrong = (result["images"][name] for name in names)
    assert there == {"exists": True, "digest": digest, "reason": None}
    assert (absent["exists"], wrong["exists"]) == (False, False)
    assert "lowercase" in wrong["reason"]


@contextlib.contextmanager
def web_server(handler):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
