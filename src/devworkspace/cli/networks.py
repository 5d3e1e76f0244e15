"""The networks that environments have no business with: the cluster's own and the link-local ones."""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from devworkspace.api.names import LINK_LOCAL_NETWORKS
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.language import phrase

Command = TypeVar("Command", bound=Callable[..., Any])


def network_option(*, default: tuple[str, ...], help_text: str) -> Callable[[Command], Command]:
    """The option `--blocked-network`, repeatable, with a check of its values."""
    return click.option(
        "--blocked-network",
        "blocked_networks",
        metavar="CIDR",
        multiple=True,
        default=default,
        callback=_check,
        help=help_text,
    )


def _check(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError as error:
            raise click.BadParameter(phrase("{error}; write it like 10.0.0.0/8 or fd00::/8", error=error)) from error
    return values


def find_own_networks(kubectl: Kubectl) -> tuple[str, ...]:
    """The link-local networks and, as far as the cluster tells them, those of its pods, Services and nodes."""
    found = [*LINK_LOCAL_NETWORKS]
    for node in kubectl.json("get", "nodes")["items"]:
        found += node["spec"].get("podCIDRs", ())
        found += [entry["address"] for entry in node["status"].get("addresses", ()) if entry["type"].endswith("IP")]
    slices = kubectl.json(
        "get", "endpointslices", "--namespace=default", "--selector=kubernetes.io/service-name=kubernetes"
    )
    found += [address for part in slices["items"] for end in part["endpoints"] or () for address in end["addresses"]]
    if kubectl.serves("networking.k8s.io/v1", "servicecidrs"):
        found += [cidr for item in kubectl.json("get", "servicecidrs")["items"] for cidr in item["spec"]["cidrs"]]
    return _collapse(found)


def _collapse(networks: Iterable[str]) -> tuple[str, ...]:
    parsed = [ipaddress.ip_network(network) for network in networks]
    four = ipaddress.collapse_addresses(net for net in parsed if isinstance(net, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(net for net in parsed if isinstance(net, ipaddress.IPv6Network))
    return (*map(str, four), *map(str, six))
