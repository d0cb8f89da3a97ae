"""The address plan of the lab network."""

from __future__ import annotations

import ipaddress

from ansible.errors import AnsibleFilterError

MIN_ADDRESSES = 32


def lab_network(subnet: str) -> dict[str, str]:
    """Split `subnet` (CIDR) into the fixed addresses and the range labs get theirs from.

    The upper half is the labs': the engine could otherwise give the hub's address to a lab while the hub is down.

    Raises:
        AnsibleFilterError: not an IPv4 network, host bits set, or fewer than 32 addresses.
    """
    try:
        network = ipaddress.IPv4Network(subnet)
    except ValueError as error:
        raise AnsibleFilterError(f"platform_network_subnet: {error}.") from error
    if network.num_addresses < MIN_ADDRESSES:
        raise AnsibleFilterError(f"platform_network_subnet: {subnet} is too small, give it a /27 or larger.")
    return {
        "gateway": str(network[1]),
        "hub": str(network[2]),
        "traefik": str(network[3]),
        "labs": str(list(network.subnets())[1]),
    }


def addresses_within(addresses: list[str], subnet: str) -> list[str]:
    """Those of `addresses` (IPv4) that lie in `subnet` (CIDR)."""
    network = ipaddress.IPv4Network(subnet)
    return [address for address in addresses if ipaddress.IPv4Address(address) in network]


class FilterModule:
    """Filters of role platform."""

    def filters(self) -> dict[str, object]:
        """Name to function, as Ansible asks for them."""
        return {"lab_network": lab_network, "addresses_within": addresses_within}
