"""What a host has: its Docker engine and plugins, who listens on which TCP port, how much disk is left.

Everything here only reads, needs no Docker, and answers in well under a second. The ``parse_*`` functions are pure.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_SOCKET = "/var/run/docker.sock"
DEFAULT_ROOT_DIR = "/var/lib/docker"
DAEMON_CONFIG = "/etc/docker/daemon.json"
GIB = 1024**3

# A process that cron, sudo or a minimal container starts may lack these, and dockerd lives in one of them.
_SEARCH_PATH = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"]
)
_LISTEN = "0A"
_ANY_ADDRESSES = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound


class Socket(NamedTuple):
    """A listening TCP socket as the kernel tells it."""

    address: str
    port: int
    inode: int


class Published(NamedTuple):
    """A TCP port of the host that a running container publishes."""

    address: str
    port: int
    container: str
    project: str | None


def parse_address(text: str) -> str:
    """Return the address that /proc/net/tcp or tcp6 writes as native-endian 32-bit words in hexadecimal."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


def parse_sockets(text: str) -> list[Socket]:
    """Return the listening sockets in the text of /proc/net/tcp or /proc/net/tcp6."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:  # noqa: PLR2004 - the inode is the tenth column
            address, port = fields[1].split(":")
            found.append(Socket(parse_address(address), int(port, 16), int(fields[9])))
    return found


def parse_published(containers: Iterable[dict[str, Any]]) -> list[Published]:
    """Return the published TCP ports in the engine's answer to ``GET /containers/json``."""
    return [
        Published(
            port.get("IP") or "0.0.0.0",  # noqa: S104 - what the engine means by no address
            port["PublicPort"],
            (container.get("Names") or [container["Id"]])[0].lstrip("/"),
            (container.get("Labels") or {}).get("com.docker.compose.project"),
        )
        for container in containers
        for port in container.get("Ports") or []
        if port.get("Type") == "tcp" and port.get("PublicPort")
    ]


def parse_version(text: str) -> str | None:
    """Return the first dotted version number in what a program prints about itself, without a distribution's suffix."""
    match = re.search(r"\d+\.\d+(?:\.\d+)?", text)
    return match.group(0) if match else None


def merge_listeners(
    sockets: Iterable[Socket], owners: dict[int, tuple[str, int]], published: Iterable[Published]
) -> list[dict[str, Any]]:
    """Join sockets with the processes that hold them (by inode) and with the containers that publish their port.

    A published port without a socket is listed too: an engine with ``userland-proxy`` off forwards it in the kernel.
    """
    by_port: dict[int, list[Published]] = {}
    for item in published:
        by_port.setdefault(item.port, []).append(item)
    listeners: list[dict[str, Any]] = []
    seen: set[tuple[str, int]] = set()
    for address, port, inode in sockets:
        if (address, port) in seen:  # SO_REUSEPORT: several processes, one address
            continue
        seen.add((address, port))
        process, pid = owners.get(inode, (None, None))
        candidates = [p for p in by_port.get(port, []) if p.address == address or address in _ANY_ADDRESSES]
        container = candidates[0] if candidates and process in {None, "docker-proxy"} else None
        listeners.append(_listener(address, port, process, pid, container))
    listeners += [
        _listener(item.address, item.port, None, None, item)
        for items in by_port.values()
        for item in items
        if (item.address, item.port) not in seen
    ]
    return sorted(listeners, key=lambda entry: (entry["port"], entry["address"]))


def _listener(
    address: str, port: int, process: str | None, pid: int | None, container: Published | None
) -> dict[str, Any]:
    return {
        "address": address,
        "port": port,
        "process": process,
        "pid": pid,
        "container": container.container if container else None,
        "project": container.project if container else None,
    }


def nearest_existing(path: str) -> str:
    """Return the path itself or the nearest of its parents that exists: where it would be created."""
    return next(str(place) for place in (Path(path), *Path(path).absolute().parents) if place.exists())


def disk(paths: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return size and space left for an unprivileged writer, in GiB, of the file systems the paths are (to be) on."""
    result = {}
    for path in paths:
        usage = os.statvfs(nearest_existing(path))
        result[path] = {
            "total_gib": round(usage.f_frsize * usage.f_blocks / GIB, 1),
            "free_gib": round(usage.f_frsize * usage.f_bavail / GIB, 1),
        }
    return result


def engine(socket_path: str = DEFAULT_SOCKET) -> tuple[dict[str, Any], list[Published]]:
    """Return what is known about the engine, running, installed or absent, and the ports its containers publish."""
    dockerd = shutil.which("dockerd", path=_SEARCH_PATH)
    options, error = daemon_options()
    facts: dict[str, Any] = {
        "installed": dockerd is not None,
        "running": False,
        "version": None,
        "api_version": None,
        "root_dir": options.get("data-root", DEFAULT_ROOT_DIR),
        "cgroup_driver": None,
        "swarm": False,
        "socket_gid": None,
        "daemon_options": options,
        "daemon_options_error": error,
    }
    try:
        info, version = _ask(socket_path, "/info"), _ask(socket_path, "/version")
        published = parse_published(_ask(socket_path, "/containers/json"))
    except (OSError, http.client.HTTPException, ValueError):
        if dockerd:
            facts["version"] = parse_version(_output([dockerd, "--version"]))
        return facts, []
    facts.update(
        installed=True,
        running=True,
        version=parse_version(version["Version"]),
        api_version=version["ApiVersion"],
        root_dir=info["DockerRootDir"],
        cgroup_driver=info["CgroupDriver"],
        swarm=info.get("Swarm", {}).get("LocalNodeState", "inactive") != "inactive",
        socket_gid=Path(socket_path).stat().st_gid,
    )
    return facts, published


def daemon_options(path: str = DAEMON_CONFIG) -> tuple[dict[str, Any], str | None]:
    """Return the content of daemon.json, empty where there is none, and what is wrong with it, if anything."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        return {}, str(error)
    try:
        content = json.loads(text or "{}")
    except ValueError as error:
        return {}, f"it is not JSON: {error}"
    return (content, None) if isinstance(content, dict) else ({}, "it holds no JSON object")


def plugin_version(name: str) -> str | None:
    """Return the version of a plugin of the docker command, or None where command or plugin is missing."""
    docker = shutil.which("docker", path=_SEARCH_PATH)
    return parse_version(_output([docker, name, "version"])) if docker else None


def listeners(published: Iterable[Published]) -> list[dict[str, Any]]:
    """Return every TCP listener of this network namespace, see `merge_listeners`."""
    tables = [table for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if table.exists()]  # IPv6 may be off
    sockets = [item for table in tables for item in parse_sockets(table.read_text(encoding="ascii"))]
    return merge_listeners(sockets, _owners({item.inode for item in sockets}), published)


def _owners(inodes: set[int]) -> dict[int, tuple[str, int]]:
    """Return name and id of the process that holds each socket, as far as this user may see it."""
    owners: dict[int, tuple[str, int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        name, held = _sockets_of(process)
        owners.update((inode, (name, int(process.name))) for inode in held & inodes - owners.keys())
    return owners


def _sockets_of(process: Path) -> tuple[str, set[int]]:
    """Return a process's name and its sockets' inodes; none where it belongs to someone else or has just ended."""
    try:
        name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
        targets = [os.readlink(entry.path) for entry in os.scandir(process / "fd")]  # noqa: PTH115 - 10x faster here
    except OSError:
        return "", set()
    return name, {int(target[8:-1]) for target in targets if target.startswith("socket:[")}


def _ask(socket_path: str, path: str) -> Any:
    """Return the engine's JSON answer.

    Raises:
        OSError: nothing listens there, or it took longer than five seconds.
        http.client.HTTPException, ValueError: what answered is no engine.

    """
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(5)
        connection.sock.connect(socket_path)
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f"{path} answered {answer.status}")
        return json.loads(answer.read())
    finally:
        connection.close()


def _output(command: list[str]) -> str:
    """Return what a command prints, nothing where it fails or hangs."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout
