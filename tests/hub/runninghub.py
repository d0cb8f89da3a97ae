"""A real hub in a thread: JupyterHub's own MockHub with the configuration of the hub image.

Only the lab's container and Traefik are left out: servers are JupyterHub's test servers, routes stay in memory.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from hubclient import Hub
from jupyterhub.proxy import Proxy
from jupyterhub.tests.mocking import MockHub, MockSpawner
from jupyterhub.utils import random_port
from traitlets.config import PyFileConfigLoader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG = Path(__file__).parents[2] / "files/hub/jupyterhub_config.py"


class Routes(Proxy):
    """The routes of no proxy at all: tests talk to the hub directly."""

    should_start = False

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.routes = {}

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return self.routes


@dataclass(frozen=True)
class RunningHub(Hub):
    """A hub's address, and what tests need of its inside."""

    app: MockHub | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function on the hub's event loop, where its database session is at home."""

        async def run() -> Any:
            result = function(*args)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(60)


@contextmanager
def running_hub(directory: Path, **environment: str) -> Iterator[RunningHub]:
    """Run a hub whose data are in a directory: a second one there is the first, restarted."""
    (directory / "password").write_text("sesame")
    given = {
        "HUBWRIGHT_PROJECT": "test",
        "JUPYTERHUB_ADMIN": "boss",
        "JUPYTERHUB_ADMIN_BOOTSTRAP": "signup",
        "JUPYTERHUB_DATA_DIR": str(directory),
        "JUPYTERHUB_TEST_DB_URL": f"sqlite:///{directory}/jupyterhub.sqlite",
        "JUPYTERHUB_TRUSTED_PROXIES": "127.0.0.1",
        "TRAEFIK_API_URL": "http://traefik:8080",
        "TRAEFIK_API_PASSWORD_FILE": str(directory / "password"),
        "TRAEFIK_RULES_FILE": str(directory / "rules.toml"),
        "DOCKER_NOTEBOOK_IMAGE": "none",
        "DOCKER_NETWORK_NAME": "none",
        **environment,
    }
    with mock.patch.dict(os.environ, given):
        config = PyFileConfigLoader(str(CONFIG)).load_config()
        port = random_port()
        config.JupyterHub.bind_url = f"http://127.0.0.1:{random_port()}{config.JupyterHub.bind_url.split('443')[1]}"
        config.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port}"
        config.JupyterHub.hub_connect_url = ""
        config.JupyterHub.proxy_class = Routes
        config.JupyterHub.spawner_class = MockSpawner
        config.JupyterHub.redirect_to_server = False  # a login starts no server
        loop = asyncio.new_event_loop()
        app = MockHub(config=config, test_clean_db=False)
        hub = RunningHub(f"http://127.0.0.1:{port}/jupyterhub", app=app, loop=loop)
        thread = threading.Thread(target=loop.run_forever, name="hub")
        thread.start()
        try:
            hub.call(start, app)
            yield hub
        finally:
            hub.call(app.stop)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def start(app: MockHub) -> None:
    await app.initialize([])
    await app.start()
