"""How long a person waits for a lab: from the request until the hub says it is ready.

The floor is the same image started by `docker run` without a hub, until it answers.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import docker
import requests
from hubclient import PASSWORD, Hub, wait_until

ROUNDS = 5
URL, CA, ADMIN_LAB = "https://localhost:18443/jupyterhub", "/opt/hubwright-second/certs/ca.crt", "hubwrightsecond-admin"
LAB = ["jupyter", "lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", "--IdentityProvider.token=none"]


def spawns() -> list[float]:
    """Start the administrator's lab again and again. Returns seconds."""
    admin = Hub(URL, CA).admin("admin", PASSWORD)
    admin.spawn()
    seconds = []
    for _ in range(ROUNDS):
        admin.stop()
        seconds.append(admin.spawn())
    return seconds


def plain_starts() -> list[float]:
    """Start the same image without a hub. Returns seconds."""
    engine, seconds = docker.from_env(), []
    image = engine.containers.get(ADMIN_LAB).image
    http = requests.Session()
    http.trust_env = False

    def answers(url: str) -> bool:
        try:
            return http.get(url, timeout=1).ok
        except requests.RequestException:
            return False

    for _ in range(ROUNDS):
        began = time.monotonic()
        lab = engine.containers.run(image, LAB, detach=True, init=True)
        try:
            lab.reload()
            url = f"http://{lab.attrs['NetworkSettings']['IPAddress']}:8888/api"
            wait_until(lambda url=url: answers(url), "the plain lab", interval=0.02)
            seconds.append(time.monotonic() - began)
        finally:
            lab.remove(force=True, v=True)
    return seconds


def main() -> None:
    """Deploy the tests' platform, measure, and print both medians and their ratio."""
    subprocess.run(["make", "up", "INVENTORY=tests/inventory"], check=True, stdout=subprocess.DEVNULL)
    spawned, plain = statistics.median(spawns()), statistics.median(plain_starts())
    sys.stdout.write(f"spawn {spawned:.2f} s, docker run {plain:.2f} s, ratio {spawned / plain:.2f}\n")


if __name__ == "__main__":
    main()
