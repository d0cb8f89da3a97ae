#!/usr/bin/python
# Copyright (c) hubwright contributors
# BSD 3-Clause License (see LICENSE)
"""Ansible module: can these images be pulled? The logic is in hubwright.core.image and hubwright.core.registry."""

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_image
short_description: Ask registries whether they have images
description:
  - Asks each image's registry whether it has the image, as C(docker pull) would, without Docker and without a pull.
  - Uses what C(docker login) stored for the user the module runs as, and asks as nobody otherwise.
  - An image that cannot be had is no failure of the module; its answer says why.
author: hubwright contributors
options:
  names:
    description: The image references, read as Docker reads them.
    type: list
    elements: str
    required: true
  insecure:
    description:
      - Registries that may speak plain HTTP or show a certificate nobody trusts, as hosts or networks.
      - The same list as dockerd's C(insecure-registries). The machine itself always may.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for each answer.
    type: int
    default: 10
attributes:
  check_mode:
    description: Nothing is changed, so check mode makes no difference.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Ask for the lab image
  registry_image:
    names: ["quay.io/group/lab:1.0"]
  register: asked

- name: Refuse an image that nobody has
  ansible.builtin.assert:
    that: asked.images['quay.io/group/lab:1.0'].exists
    fail_msg: "{{ asked.images['quay.io/group/lab:1.0'].reason }}"
"""

RETURN = r"""
images:
  description: The answer for each name.
  returned: always
  type: dict
  contains:
    exists: {description: Whether the image can be pulled., type: bool}
    digest: {description: The digest the registry gives it; null if it gives none., type: str}
    reason: {description: In one sentence why it cannot be had; null if it can., type: str}
  sample:
    quay.io/group/lab:1.0:
      exists: false
      digest: null
      reason: the registry quay.io does not have quay.io/group/lab:1.0
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.hubwright import image, registry


def main() -> None:
    """Map the arguments to hubwright.core.registry and its answers to the result."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "insecure": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    names, insecure, timeout = (module.params[key] for key in ("names", "insecure", "timeout"))

    def ask(name: str) -> registry.Answer:
        try:
            wanted = image.parse(name)
        except ValueError as error:
            return registry.Answer(exists=False, reason=str(error))
        return registry.look_up(wanted, insecure, registry.find_login(wanted.registry), timeout)

    with ThreadPoolExecutor(max_workers=8) as pool:
        module.exit_json(images={name: asdict(answer) for name, answer in zip(names, pool.map(ask, names))})


if __name__ == "__main__":
    main()
