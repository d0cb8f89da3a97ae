#!/usr/bin/python
# Copyright (c) hubwright contributors
# BSD 3-Clause License (see LICENSE)
"""Ansible module: read-only facts about the host. The logic is in hubwright.core.host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_facts
short_description: What a host has of Docker, disk and open ports
description:
  - Tells about the Docker engine and its plugins, about every TCP listener and about disk space.
  - It only reads, needs nothing but Python, and also answers on a host without Docker.
author: hubwright contributors
options:
  paths:
    description: Paths whose file system's space is wanted. A path may not exist yet. The engine's own is always told.
    type: list
    elements: path
    default: []
  socket:
    description: The engine's socket.
    type: path
    default: /var/run/docker.sock
attributes:
  check_mode:
    description: Nothing is changed, so check mode makes no difference.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Look at the host
  host_facts:
    paths: [/opt/hubwright]
  register: host

- name: Refuse a taken port
  ansible.builtin.assert:
    that: host.listeners | selectattr('port', '==', 443) | length == 0
"""

RETURN = r"""
engine:
  description: The Docker engine.
  returned: always
  type: dict
  contains:
    installed: {description: Whether dockerd is there., type: bool}
    running: {description: Whether it answers on its socket., type: bool}
    version: {description: Its version without a distribution's suffix; null where none is installed., type: str}
    api_version: {description: The newest API it speaks; null while it does not run., type: str}
    root_dir: {description: Where it keeps its data or would keep them., type: str}
    cgroup_driver: {description: C(systemd) or C(cgroupfs); null while it does not run., type: str}
    swarm: {description: Whether it takes part in a swarm., type: bool}
    socket_gid: {description: The group that owns the socket; null while it does not run., type: int}
    daemon_options: {description: The content of daemon.json., type: dict}
    daemon_options_error: {description: What is wrong with daemon.json; null if nothing is., type: str}
compose_version:
  description: Version of the Compose plugin; null where it is missing.
  returned: always
  type: str
buildx_version:
  description: Version of the buildx plugin; null where it is missing.
  returned: always
  type: str
listeners:
  description: TCP listeners, ordered by port. Process or container is null where there is none or it cannot be seen.
  returned: always
  type: list
  elements: dict
  sample:
    - {address: "0.0.0.0", port: 443, process: docker-proxy, pid: 812, container: traefik, project: hubwright}
disk:
  description: Space by path, in GiB.
  returned: always
  type: dict
  sample: {/var/lib/docker: {total_gib: 98.3, free_gib: 71.6}}
"""

from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.hubwright import host


def main() -> None:
    """Map the arguments to hubwright.core.host and its answers to the result."""
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "default": []},
            "socket": {"type": "path", "default": host.DEFAULT_SOCKET},
        },
        supports_check_mode=True,
    )
    with ThreadPoolExecutor() as pool:  # the two plugins are programs to be started: ask them meanwhile
        compose = pool.submit(host.plugin_version, "compose")
        buildx = pool.submit(host.plugin_version, "buildx")
        engine, published = host.engine(module.params["socket"])
        module.exit_json(
            changed=False,
            engine=engine,
            compose_version=compose.result(),
            buildx_version=buildx.result(),
            listeners=host.listeners(published),
            disk=host.disk([*module.params["paths"], engine["root_dir"]]),
        )


if __name__ == "__main__":
    main()
