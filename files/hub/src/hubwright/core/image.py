"""Image references, read as Docker reads them.

Source: the grammar of https://github.com/distribution/reference and its normalisation of familiar names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DOCKER_HUB = "docker.io"

_REGISTRY = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])"
    r"(?::[0-9]+)?",
)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Image:
    """A reference in full: what Docker makes of the name a person types."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def version(self) -> str:
        """What a registry is asked for: the digest where there is one, else the tag."""
        return self.digest or self.tag or "latest"

    @property
    def name(self) -> str:
        """The familiar name without tag and digest, as `docker image ls` prints it."""
        if self.registry != DOCKER_HUB:
            return f"{self.registry}/{self.repository}"
        official = self.repository.count("/") == 1 and self.repository.startswith("library/")
        return self.repository.partition("/")[2] if official else self.repository

    def __str__(self) -> str:
        """Return the familiar reference."""
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(reference: str) -> Image:
    """Read an image reference.

    :raises ValueError: with one sentence that says what is wrong with it
    """
    if not isinstance(reference, str) or not reference:
        raise ValueError("an image reference is a non-empty string")
    if _IMAGE_ID.fullmatch(reference):
        raise ValueError(f"{reference} is the ID of an image, not the name of one")
    rest, digest_mark, digest = reference.partition("@")
    if digest_mark and not _DIGEST.fullmatch(digest):
        raise ValueError(f"{reference}: what follows the @ is no digest such as sha256:<64 hexadecimal digits>")
    # A colon after the last slash separates the tag; one before it belongs to the registry's port.
    head, slash, last = rest.rpartition("/")
    last, tag_mark, tag = last.partition(":")
    if tag_mark and not _TAG.fullmatch(tag):
        raise ValueError(f"{reference}: the tag {tag!r} is not 1 to 128 letters, digits, '_', '.' and '-'")
    registry, repository = _split_registry(head + slash + last)
    if not _REGISTRY.fullmatch(registry):
        raise ValueError(f"{reference}: {registry!r} is no registry host such as registry.example.org:5000")
    if repository != repository.lower():
        raise ValueError(f"{reference}: the name of an image is written in lowercase")
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"{reference} is no image reference such as registry.example.org:5000/group/name:tag")
    if len(f"{registry}/{repository}") > _LONGEST_NAME:
        raise ValueError(f"{reference}: the name of an image has at most {_LONGEST_NAME} characters")
    return Image(registry, repository, tag or (None if digest else "latest"), digest or None)


def _split_registry(name: str) -> tuple[str, str]:
    """Tell the registry from the repository: the first part is a host when nothing else can look like it."""
    first, slash, repository = name.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_host:
        first, repository = DOCKER_HUB, name
    if first == f"index.{DOCKER_HUB}":
        first = DOCKER_HUB
    if first == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return first, repository
