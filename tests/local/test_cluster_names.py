"""Names and addresses: different for every cluster, and never in somebody's way."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from local.cluster import network
from local.cluster.names import Layout
from local.errors import UserError


def test_identities_differ_by_checkout_and_by_cluster(tmp_path: Path) -> None:
    layouts = [Layout(name, tmp_path / checkout) for name in ("a", "b") for checkout in ("x", "y")]
    identities = {layout.id for layout in layouts}
    assert len(identities) == 4
    # The kernel takes 15 characters for a device's name.
    assert all(identity.startswith("td-") and len(identity) == 11 for identity in identities)


def test_socket_paths_stay_short_however_deep_the_checkout(tmp_path: Path) -> None:
    layout = Layout("a" * 30, tmp_path / ("deep/" * 40))
    assert len(str(layout.containerd_socket)) < 60


@pytest.mark.parametrize("name", ["", "..", "a/b", "-a", "a-", "A", "a" * 31])
def test_names_that_are_no_folder_or_no_node_name_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot be called"):
        Layout(name)


def test_the_host_has_the_first_address_and_the_node_the_second() -> None:
    link = network.Link(IPv4Network("10.199.7.4/30"))
    assert (link.host, link.node) == ("10.199.7.5", "10.199.7.6")


def test_a_cluster_keeps_choosing_the_same_network_while_it_is_free() -> None:
    first = network.choose("td-1", [])
    assert network.choose("td-1", []) == first
    assert first.network.prefixlen == 30
    assert first.network.subnet_of(network.POOL)


def test_networks_in_use_are_passed_over() -> None:
    first = network.choose("td-1", [])
    second = network.choose("td-1", [first.network])
    assert second.network != first.network
    third = network.choose("td-1", [IPv4Network("10.0.0.0/24"), first.network.supernet(new_prefix=24)])
    assert not third.network.overlaps(first.network.supernet(new_prefix=24))


def test_a_full_pool_is_an_error() -> None:
    with pytest.raises(UserError, match=r"No /30 is free in 10\.199\.0\.0/16"):
        network.choose("td-1", [IPv4Network("10.0.0.0/8")])
