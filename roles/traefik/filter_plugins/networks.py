"""Addresses and networks as Traefik and the hub read them."""

from __future__ import annotations

import ipaddress


def faulty_networks(items: list[str]) -> list[str]:
    """Those of `items` that are neither an IP address nor a network in CIDR notation, or are the whole Internet."""
    return [item for item in items if not _is_network(item)]


def _is_network(item: str) -> bool:
    # Python knows spellings that Traefik refuses: netmasks, prefixes with a leading zero and zones.
    address, slash, length = item.partition("/")
    try:
        network = ipaddress.ip_network(item)
    except ValueError:
        return False
    return "%" not in address and network.prefixlen > 0 and (not slash or length == str(network.prefixlen))


class FilterModule:
    """Filters of role traefik."""

    def filters(self) -> dict[str, object]:
        """Name to function, as Ansible asks for them."""
        return {"faulty_networks": faulty_networks}
