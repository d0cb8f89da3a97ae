"""Image references are read as Docker reads them."""

import pytest
from hubwright.core.image import parse

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("reference", "registry", "repository", "version", "familiar"),
    [
        ("debian", "docker.io", "library/debian", "latest", "debian:latest"),
        ("debian:trixie-slim", "docker.io", "library/debian", "trixie-slim", "debian:trixie-slim"),
        ("library/debian:12", "docker.io", "library/debian", "12", "debian:12"),
        ("docker.io/debian:12", "docker.io", "library/debian", "12", "debian:12"),
        ("index.docker.io/a/b:1", "docker.io", "a/b", "1", "a/b:1"),
        ("docker.io/library/a/b:1", "docker.io", "library/a/b", "1", "library/a/b:1"),
        ("stellars/stellars-jupyterlab-ds:latest", "docker.io", "stellars/stellars-jupyterlab-ds", "latest", None),
        ("localhost/lab", "localhost", "lab", "latest", "localhost/lab:latest"),
        ("localhost:5000/lab", "localhost:5000", "lab", "latest", "localhost:5000/lab:latest"),
        ("localhost:5000", "docker.io", "library/localhost", "5000", "localhost:5000"),
        ("host:5000/group/lab:1.0", "host:5000", "group/lab", "1.0", "host:5000/group/lab:1.0"),
        ("ghcr.io/group/lab", "ghcr.io", "group/lab", "latest", "ghcr.io/group/lab:latest"),
        ("HOST/lab:1", "HOST", "lab", "1", "HOST/lab:1"),
        ("[::1]:5000/lab:1", "[::1]:5000", "lab", "1", "[::1]:5000/lab:1"),
        ("192.0.2.1/lab:1", "192.0.2.1", "lab", "1", "192.0.2.1/lab:1"),
        (f"debian@{DIGEST}", "docker.io", "library/debian", DIGEST, f"debian@{DIGEST}"),
        (f"debian:12@{DIGEST}", "docker.io", "library/debian", DIGEST, f"debian:12@{DIGEST}"),
        (f"host:5000/lab@{DIGEST}", "host:5000", "lab", DIGEST, f"host:5000/lab@{DIGEST}"),
        ("a__b/c--d.e:_1", "docker.io", "a__b/c--d.e", "_1", "a__b/c--d.e:_1"),
    ],
)
def test_reference(reference, registry, repository, version, familiar):
    image = parse(reference)
    assert (image.registry, image.repository, image.version) == (registry, repository, version)
    assert str(image) == (familiar or reference)
    assert parse(str(image)) == image, "the familiar name means the same image"


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("", "non-empty"),
        ("f" * 64, "ID of an image"),
        ("Lab", "lowercase"),
        ("group/Lab:1", "lowercase"),
        ("host:5000/", "no image reference"),
        ("host:port/lab", "no registry host"),
        ("-host.example/lab", "no registry host"),
        ("group//lab", "no image reference"),
        ("group/lab:", "tag ''"),
        ("group/lab:with space", "tag"),
        ("group/lab:1:2", "tag"),
        ("group/lab:" + "a" * 129, "tag"),
        ("lab@latest", "digest"),
        ("lab@", "digest"),
        ("lab@sha256:beef", "digest"),
        ("https://host.example/lab", "no registry host"),
        ("a___b", "no image reference"),
        ("lab\n", "no image reference"),
        ("a/" * 127 + "ab", "255"),
    ],
)
def test_what_is_no_reference(reference, says):
    with pytest.raises(ValueError, match=says):
        parse(reference)
