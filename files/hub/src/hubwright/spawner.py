"""Labs: one container a user's server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from dockerspawner import DockerSpawner
from traitlets import Int

RESTARTS = 3
"""How often the engine itself restarts a lab that crashed, before the hub reports it as stopped."""


class LabSpawner(DockerSpawner):  # type: ignore[misc]
    """DockerSpawner whose Docker calls do not queue behind one another."""

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
