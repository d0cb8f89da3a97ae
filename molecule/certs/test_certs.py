"""Judged by OpenSSL, where Ansible's cryptography wrote."""

import ssl
import subprocess
import time

import pytest

CERTS = "/opt/hubwright/certs"


@pytest.fixture
def openssl(host, tmp_path):
    """Return a function that runs this machine's openssl beside copies of the certificates."""

    def run(*arguments):
        for name in ("ca.crt", "server.crt", "server.key"):
            (tmp_path / name).write_bytes(host.file(f"{CERTS}/{name}").content)
        done = subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def names(openssl):
    text = openssl("x509", "-in", "server.crt", "-noout", "-ext", "subjectAltName").splitlines()[-1]
    return {name.strip() for name in text.split(",")}


def days(openssl, file):
    until = openssl("x509", "-in", file, "-noout", "-enddate").strip().removeprefix("notAfter=")
    return (ssl.cert_time_to_seconds(until) - time.time()) / 86400


def test_the_certificate_is_good_for_a_server(openssl):
    openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.crt", "server.crt")
    assert {"DNS:hub.test", "DNS:hub", "DNS:localhost", "IP Address:127.0.0.1"} <= names(openssl)
    assert 300 < days(openssl, "server.crt") < 398  # browsers refuse more
    assert days(openssl, "ca.crt") > 3000


def test_the_key_is_the_certificates_and_kept(openssl, host):
    assert openssl("pkey", "-in", "server.key", "-pubout") == openssl("x509", "-in", "server.crt", "-noout", "-pubkey")
    assert host.file(f"{CERTS}/server.key").mode == 0o600
    assert host.file("/opt/hubwright/secrets/ca.key").mode == 0o600
    assert "CA:TRUE" not in openssl("x509", "-in", "server.crt", "-noout", "-text")


def test_other_names_bring_another_certificate_of_the_same_authority(openssl, converge, host):
    host.run_expect([0], f"truncate --size 100 {CERTS}/server.crt")  # and a damaged one is no obstacle
    kept = {name: host.file(f"{CERTS}/{name}").sha256sum for name in ("ca.crt", "server.key")}
    run = converge(certs_names=["hub.test", "10.9.8.7", "Alias.Hub.Test"])
    assert run.returncode == 0, run.stdout[-3000:]
    openssl("verify", "-CAfile", "ca.crt", "server.crt")
    assert names(openssl) == {"DNS:hub.test", "IP Address:10.9.8.7", "DNS:alias.hub.test"}
    assert kept == {name: host.file(f"{CERTS}/{name}").sha256sum for name in kept}


def test_a_name_that_is_none_is_refused(converge):
    run = converge(certs_names=["https://hub.test"])
    assert run.returncode != 0
    assert "certs_names" in run.stdout
    assert "changed=0" in run.stdout
