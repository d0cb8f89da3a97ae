"""A registry of Debian's package on the loopback address, and a small image for it."""

import contextlib
import io
import json
import shutil
import socket
import subprocess
import tarfile
import time

import docker
import pytest


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """Return a context manager that serves a folder as a registry and gives its address.

    Debian's package is unpacked and not installed: it would start as a service.
    """
    program = shutil.which("docker-registry")
    if not program:
        package = tmp_path_factory.mktemp("package")
        package.chmod(0o777)  # apt downloads as a user of its own
        subprocess.run(["apt-get", "download", "docker-registry"], cwd=package, check=True)
        subprocess.run(["dpkg-deb", "--extract", *package.glob("*.deb"), package], check=True)
        program = package / "usr/bin/docker-registry"

    @contextlib.contextmanager
    def serve(folder, certificate=None, **settings):
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        web = {"addr": address}
        if certificate:
            web["tls"] = {"certificate": str(certificate), "key": str(certificate.with_suffix(".key"))}
        storage = {"filesystem": {"rootdirectory": str(folder / "storage")}}
        config = {"version": 0.1, "log": {"level": "error"}, "http": web, "storage": storage, **settings}
        (folder / "config.json").write_text(json.dumps(config))
        with subprocess.Popen([program, "serve", folder / "config.json"]) as process:
            try:
                wait_until_listening(address)
                yield address
            finally:
                process.terminate()

    return serve


def wait_until_listening(address):
    host, port = address.split(":")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.05)
    pytest.fail(f"nobody listens on {address}")


@pytest.fixture(scope="session")
def small_image():
    """Make an image of one file."""
    client = docker.from_env()
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("file"))
        client.api.import_image_from_data(buffer.getvalue(), repository="hubwright-test/small", tag="1")
    yield client.images.get("hubwright-test/small:1")
    client.images.remove("hubwright-test/small:1")
