"""Password entries for Traefik's basicAuth."""

from __future__ import annotations

import base64
import hashlib


def htpasswd_sha(password: str) -> str:
    """The {SHA} form of `password`.

    Only for generated passwords: it is fast to guess and fast to check. JupyterHub asks Traefik's API several times
    for each start of a lab, and bcrypt would cost a quarter of a second each time.
    """
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()  # noqa: S324 - see above


class FilterModule:
    """Filters of role traefik."""

    def filters(self) -> dict[str, object]:
        """Name to function, as Ansible asks for them."""
        return {"htpasswd_sha": htpasswd_sha}
