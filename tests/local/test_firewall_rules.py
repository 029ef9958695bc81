"""What the embedded cluster's policy engine makes of NetworkPolicies: the API's own words, one by one."""

from ipaddress import IPv4Address
from typing import Any

import pytest

from components import addresses
from local.firewall.model import Labels, Pod, Policy, State, known, pod, selects
from local.firewall.rules import EGRESS, INGRESS, Direction, permits, render

# What is no public address, 10.0.0.0/8 together with a range of the cluster's own.
CLOSED = (
    "0.0.0.0/8", "10.0.0.0/7", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/3",
)  # fmt: skip
NAMESPACES: dict[str, Labels] = {"ci": {"name": "ci"}, "other": {"name": "other"}}
BUILD = Pod("ci", {"task": "build"}, IPv4Address("10.244.0.5"))
LISTENER = Pod("ci", {"app": "listener"}, IPv4Address("10.244.0.6"), (("web", "TCP", 8080), ("web", "UDP", 53)))
STRANGER = Pod("other", {"app": "listener"}, IPv4Address("10.244.0.7"), (("web", "TCP", 9090),))
PODS = (BUILD, LISTENER, STRANGER)


def allowed(spec: dict[str, Any], of: Pod = BUILD, direction: Direction = EGRESS) -> list[str] | None:
    """What one policy of the namespace `ci` lets pass."""
    state = State(NAMESPACES, PODS, (Policy("ci", "policy", {"podSelector": {}} | spec),))
    return permits(state, of, direction)


def leaving(**rule: Any) -> list[str] | None:
    return allowed({"policyTypes": ["Egress"], "egress": [rule]})


def entering(of: Pod = LISTENER, **rule: Any) -> list[str] | None:
    return allowed({"policyTypes": ["Ingress"], "ingress": [rule]}, of, INGRESS)


def test_without_a_policy_nothing_is_judged() -> None:
    assert permits(State(NAMESPACES, PODS), BUILD, EGRESS) is None


@pytest.mark.parametrize(
    ("spec", "outward", "inward"),
    [
        pytest.param({"policyTypes": ["Ingress", "Egress"]}, [], [], id="both"),
        pytest.param({"policyTypes": ["Egress"]}, [], None, id="egress"),
        pytest.param({}, None, [], id="unsaid-without-egress"),
        pytest.param({"egress": []}, [], [], id="unsaid-with-egress"),
        pytest.param({"podSelector": {"matchLabels": {"task": "other"}}}, None, None, id="another-pod"),
    ],
)
def test_a_pod_is_closed_in_the_directions_of_the_policies_that_select_it(
    spec: dict[str, Any], outward: list[str] | None, inward: list[str] | None
) -> None:
    assert (allowed(spec), allowed(spec, direction=INGRESS)) == (outward, inward)


def test_a_policy_of_another_namespace_selects_nothing_here() -> None:
    assert allowed({"policyTypes": ["Egress"]}, STRANGER) is None


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        pytest.param({}, ["return"], id="everything"),
        pytest.param({"ports": [{"port": 53}]}, ["tcp dport 53 return"], id="tcp-unless-said"),
        pytest.param({"ports": [{"port": 53, "protocol": "UDP"}]}, ["udp dport 53 return"], id="udp"),
        pytest.param({"ports": [{"port": 80, "endPort": 90}]}, ["tcp dport 80-90 return"], id="range"),
        pytest.param({"ports": [{"protocol": "UDP"}]}, ["meta l4proto udp return"], id="protocol"),
        pytest.param(
            {"to": [{"podSelector": {"matchLabels": {"app": "listener"}}}]},
            ["ip daddr { 10.244.0.6 } return"],
            id="pods-of-the-policys-namespace",
        ),
        pytest.param(
            {"to": [{"namespaceSelector": {}}]},
            ["ip daddr { 10.244.0.5, 10.244.0.6, 10.244.0.7 } return"],
            id="every-namespace",
        ),
        pytest.param(
            {"to": [{"namespaceSelector": {"matchLabels": {"name": "other"}}, "podSelector": {}}]},
            ["ip daddr { 10.244.0.7 } return"],
            id="another-namespace",
        ),
        pytest.param({"to": [{"podSelector": {"matchLabels": {"app": "none"}}}]}, [], id="nobody-is-not-everybody"),
        pytest.param(
            {"to": [{"ipBlock": {"cidr": "10.0.0.1/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 1}]},
            ["ip daddr 10.0.0.0/8 ip daddr != { 10.1.0.0/16 } tcp dport 1 return"],
            id="block",
        ),
        pytest.param({"to": [{"ipBlock": {"cidr": "::/0"}}]}, [], id="block-of-ipv6"),
        pytest.param(
            {"to": addresses.peers("ghcr.io", ["10.199.0.0/16", "fd00::/8"], []), "ports": [{"port": 443}]},
            ["ip daddr 10.199.0.0/16 tcp dport 443 return"],
            id="named-ranges",
        ),
        pytest.param(
            {"to": addresses.public(["11.0.0.0/8"]), "ports": [{"port": 443}]},
            [f"ip daddr 0.0.0.0/0 ip daddr != {{ {', '.join(CLOSED)} }} tcp dport 443 return"],
            id="the-internet",
        ),
        pytest.param(
            {"ports": [{"port": "web"}]},
            ["ip daddr { 10.244.0.6 } tcp dport 8080 return", "ip daddr { 10.244.0.7 } tcp dport 9090 return"],
            id="named-port-of-whoever-has-it",
        ),
        pytest.param(
            {"to": [{"podSelector": {}}], "ports": [{"port": "web", "protocol": "UDP"}]},
            ["ip daddr { 10.244.0.6 } udp dport 53 return"],
            id="named-port-of-the-peers",
        ),
    ],
)
def test_what_an_egress_rule_opens(rule: dict[str, Any], lines: list[str]) -> None:
    assert leaving(**rule) == lines


def test_an_ingress_rule_names_ports_of_the_pod_itself() -> None:
    assert entering(ports=[{"port": "web"}]) == ["tcp dport 8080 return"]
    assert entering(BUILD, ports=[{"port": "web"}]) == []
    assert entering(**{"from": [{"podSelector": {"matchLabels": {"task": "build"}}}]}) == ["ip saddr { 10.244.0.5 } return"]


def test_policies_add_up() -> None:
    first, second = (
        Policy("ci", str(port), {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": port}]}]})
        for port in (1, 2)
    )
    closed = Policy("ci", "closed", {"podSelector": {}, "policyTypes": ["Egress"]})
    state = State(NAMESPACES, PODS, (first, closed, second))
    assert permits(state, BUILD, EGRESS) == ["tcp dport 1 return", "tcp dport 2 return"]


@pytest.mark.parametrize(
    ("requirement", "holds"),
    [
        ({"key": "task", "operator": "In", "values": ["build"]}, True),
        ({"key": "none", "operator": "In", "values": ["build"]}, False),
        ({"key": "task", "operator": "NotIn", "values": ["build"]}, False),
        ({"key": "none", "operator": "NotIn", "values": ["build"]}, True),
        ({"key": "task", "operator": "Exists"}, True),
        ({"key": "task", "operator": "DoesNotExist"}, False),
    ],
)
def test_expressions_of_selectors(requirement: dict[str, Any], holds: bool) -> None:
    assert selects({"matchExpressions": [requirement]}, BUILD.labels) is holds


def test_an_operator_that_the_api_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operator Like"):
        selects({"matchExpressions": [{"key": "task", "operator": "Like"}]}, {})


def item(phase: str = "Running", address: str | None = "10.244.0.9", **spec: Any) -> dict[str, Any]:
    status = {"phase": phase} | ({"podIP": address} if address else {})
    ports = [{"name": "web", "containerPort": 80}, {"containerPort": 81}]
    return {
        "metadata": {"name": "pod", "namespace": "ci"},
        "spec": {"containers": [{"name": "one", "ports": ports}], **spec},
        "status": status,
    }


def test_a_pod_counts_while_it_has_an_address_of_its_own() -> None:
    assert pod(item()) == Pod("ci", {}, IPv4Address("10.244.0.9"), (("web", "TCP", 80),))
    gone = (item("Succeeded"), item("Failed"), item(address=None), item(hostNetwork=True))
    assert [pod(one) for one in gone] == [None] * 4


def test_an_address_of_two_pods_is_nobodys() -> None:
    double = Pod("other", {}, BUILD.address)
    assert known((*PODS, double)) == (LISTENER, STRANGER)


def test_the_table_judges_every_packet_of_the_pod_network() -> None:
    closed = Policy("ci", "closed", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    table = render(State(NAMESPACES, PODS, (closed,)), "10.244.0.0/16")
    assert "elements = { 10.244.0.5 : jump leaving-0, 10.244.0.6 : jump leaving-0 }" in table, "equal pods share a chain"
    assert "elements = { 10.244.0.5 : jump entering-1, 10.244.0.6 : jump entering-1 }" in table
    assert "set known { type ipv4_addr; elements = { 10.244.0.5, 10.244.0.6, 10.244.0.7 } }" in table
    assert table.startswith("table ip policies\ndelete table ip policies\n"), "one transaction"
    shuffled = State(NAMESPACES, PODS[::-1], (closed,))
    assert render(shuffled, "10.244.0.0/16") == table


def test_before_pods_are_known_nothing_of_theirs_passes() -> None:
    table = render(State({}), "10.244.0.0/16")
    assert "set known { type ipv4_addr; }" in table
    assert "ip saddr != @known counter drop" in table
    assert "ip daddr != @known counter drop" in table
