"""Labs: one container a user's server."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from dockerspawner import DockerSpawner
from traitlets import Int

RESTARTS = 3
"""How often the engine itself restarts a lab that crashed, before the hub reports it as stopped."""

LISTEN_INTERVAL = 0.05
"""Seconds between looks at whether a lab listens yet: a connection that is refused costs next to nothing."""

LISTEN_LOOKS = 20
"""After so many the engine is asked whether the lab still runs, and where: one it has restarted may have moved."""

LOG_LINES = 20
"""How much of its log is kept of a lab that did not start."""


class LabStoppedError(Exception):
    """A lab stopped before it listened."""

    def __init__(self, status: int) -> None:
        """`status` is the exit status of the container's process."""
        self.jupyterhub_message = (  # what JupyterHub shows on its pages
            f"Your server stopped right after its start, with exit status {status}. The hub's log has the reason."
        )
        super().__init__(self.jupyterhub_message)


class LabSpawner(DockerSpawner):  # type: ignore[misc]
    """DockerSpawner whose Docker calls do not queue behind one another, and whose labs are ready when it says so."""

    docker_threads = Int(8, min=1, config=True, help="How many Docker calls may run at the same time.")

    _executor: ThreadPoolExecutor | None = None

    @property
    def executor(self) -> ThreadPoolExecutor:
        """The threads Docker calls run on, one pool for all users.

        DockerSpawner's pool has one thread: a container that takes ten seconds to stop would hold up every other
        user's start.
        """
        if LabSpawner._executor is None:
            LabSpawner._executor = ThreadPoolExecutor(self.docker_threads, thread_name_prefix="docker")
        return LabSpawner._executor

    async def start(self) -> tuple[str, int]:
        """Start the lab and wait until it listens. Returns its host name and port.

        JupyterHub itself would look at intervals that double, and so find a lab ready up to a second late, and one
        that crashed only when `http_timeout` has passed.

        Raises:
            LabStoppedError: it stopped instead, and the engine has given up on it.
        """
        where: tuple[str, int] = await super().start()
        while True:
            lab = await self.docker("inspect_container", self.container_id)
            if not lab["State"]["Running"]:
                log = await self.docker("logs", self.container_id, tail=LOG_LINES)
                self.log.error("%s stopped; its last words:\n%s", self.object_name, log.decode(errors="replace"))
                raise LabStoppedError(lab["State"]["ExitCode"])
            address = self.get_network_ip(lab["NetworkSettings"])  # '' while the engine restarts it
            for _ in range(LISTEN_LOOKS):
                if address and await _listens(address, self.port):
                    return where
                await asyncio.sleep(LISTEN_INTERVAL)


async def _listens(address: str, port: int) -> bool:
    with suppress(OSError, TimeoutError):
        _reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port), timeout=1)
        writer.close()
        return True
    return False
