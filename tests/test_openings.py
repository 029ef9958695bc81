"""Where openings lead: to what the settings name. Nobody reaches a private address because a registry has a port."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from components import addresses
from tests.support import ALL_STACKS, Declared, Object, record_config, shipped_config
from tests.test_network import TASK, policies, selects

# Of each kind that is nobody's business, beside a cloud's metadata.
CLOSED = (
    "10.0.0.1", "10.255.255.254", "172.16.0.1", "172.31.255.254", "192.168.0.1", "100.64.0.1", "100.127.255.254",
    "169.254.169.254", "169.254.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "192.0.0.192", "198.18.0.1", "100.100.100.200", "168.63.129.16",
    "::", "::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8", "2002:a00:1::1", "2001::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip
PUBLIC = ("140.82.112.3", "8.8.8.8", "11.0.0.1", "100.63.255.255", "172.32.0.1", "2606:50c0:8000::154")
GITHUB = {
    "apiUrl": "https://api.github.com",
    "kind": "github",
}


def config(stack: str = "staging", **changed: Any) -> dict[str, Any]:
    """A shipped stack as a user has it whose forge is GitHub and whose registry is GHCR, before or after changes."""
    shipped = shipped_config(stack)
    shipped["forge"] = {
        "kind": "github",
        "ssh": shipped["forge"]["ssh"] | {"url": "ssh://git@ssh.github.com:443"},
        "token": shipped["forge"]["token"],
    }
    shipped["cluster"] = {}
    shipped["registry"] = {"host": "ghcr.io", "path": "acme", "read": shipped["registry"]["read"]}
    if stack == "staging":
        write = {"username": "untrusted", "password": {"file": "secrets/quarantine"}}
        shipped["build"] = {"quarantine": {"host": "ghcr.io", "path": "acme/quarantine", "write": write}}
    return shipped | changed


def build(**keys: Any) -> dict[str, Any]:
    return {"build": {"quarantine": {"host": "ghcr.io", "path": "acme/quarantine"}} | keys}


def opens(stack: Declared, labels: dict[str, str], address: str, port: int, namespace: str = "staging-ci") -> bool:
    """Whether a pod with these labels may open a connection: as the API means it, whatever one policy allows is allowed."""
    return any(
        (not rule.get("to") or any(inside(peer.get("ipBlock"), address) for peer in rule["to"]))
        and any(item["port"] == port for item in rule["ports"])
        for spec in policies(stack, namespace).values()
        if selects(spec["podSelector"], labels)
        for rule in spec.get("egress", [])
    )


def inside(block: Object | None, address: str) -> bool:
    """An `ipBlock` has what is in its range, less what is in one of its exceptions."""
    wanted = ip_address(address)

    def has(cidr: str) -> bool:
        network = ip_network(cidr)
        return network.version == wanted.version and wanted in network

    return bool(block) and has(block["cidr"]) and not any(map(has, block.get("except", [])))


def test_nobody_reaches_a_private_address_since_a_registry_is_public() -> None:
    stack = record_config(config())
    for task in ("build", "stage", "report"):
        assert opens(stack, {TASK: task}, PUBLIC[0], 443), "the control"
    for address in CLOSED:
        assert not opens(stack, {TASK: "build"}, address, 443), address
        assert not opens(stack, {TASK: "build"}, address, 22), address


def test_production_neither() -> None:
    stack = record_config(config("production"))
    without_api_server = {TASK: "promote"}
    (rule,) = policies(stack, "production-ci")["runs-to-registry"]["egress"]
    blocks = [peer["ipBlock"] for peer in rule["to"]]
    assert opens(stack, without_api_server, PUBLIC[0], 443, "production-ci")
    for address in CLOSED:
        assert not any(inside(block, address) for block in blocks), address


@pytest.mark.parametrize("address", PUBLIC)
def test_every_public_address_is_reached_where_nothing_more_is_known(address: str) -> None:
    assert opens(record_config(config()), {TASK: "build"}, address, 443)


def test_what_the_settings_name_is_reached_and_nothing_else() -> None:
    changed = config()
    changed["forge"]["addresses"] = ["10.20.0.10/32", "fd20::10/128"]
    changed["build"]["quarantine"]["addresses"] = ["140.82.112.0/20"]
    stack = record_config(changed)
    for address in ("10.20.0.10", "fd20::10", "140.82.112.3"):
        assert opens(stack, {TASK: "build"}, address, 443), address
    for address in (*CLOSED, "8.8.8.8", "10.20.0.11", "fd20::11", "2606:50c0:8000::154"):
        assert not opens(stack, {TASK: "build"}, address, 443), address


def test_a_named_range_leaves_out_where_clouds_hand_out_credentials() -> None:
    changed = config()
    changed["registry"]["addresses"] = ["100.0.0.0/8", "fc00::/7", "168.0.0.0/8", "64:ff9b::/96"]
    (rule,) = policies(record_config(changed), "staging-ci")["runs-to-registry"]["egress"]
    blocks = [peer["ipBlock"] for peer in rule["to"]]
    for address, reached in {
        "100.63.0.1": True,
        "100.64.0.1": False,
        "100.100.100.200": False,
        "fd00::1": True,
        "fd00:ec2::254": False,
        "fd20:ce::254": False,
        "168.63.129.15": True,
        "168.63.129.16": False,
        "64:ff9b::8.8.8.8": True,
        "64:ff9b::10.0.0.1": False,
        "64:ff9b::169.254.169.254": False,
    }.items():
        assert any(inside(block, address) for block in blocks) == reached, address


@pytest.mark.parametrize(
    ("host", "reached", "closed"),
    [
        pytest.param("10.20.0.10:5000", "10.20.0.10", "10.20.0.11", id="an-address"),
        pytest.param("140.82.112.3:5000", "140.82.112.3", "140.82.112.4", id="a-public-address"),
        pytest.param("registry:5000", "10.20.0.10", "140.82.112.3", id="no-domain"),
        pytest.param("registry.corp.internal:5000", "192.168.7.7", "140.82.112.3", id="a-company"),
        pytest.param("registry.tools.svc:5000", "10.96.0.1", "169.254.169.254", id="a-service"),
        pytest.param("registry.tools.svc.cluster.local:5000", "fd00::1", "fd00:ec2::254", id="a-service-in-full"),
    ],
)
def test_a_name_tells_where_a_host_is(host: str, reached: str, closed: str) -> None:
    changed = config()
    changed["registry"] = changed["registry"] | {"host": host, "insecure": True}
    stack = record_config(changed)
    assert opens(stack, {TASK: "stage"}, reached, 5000)
    assert not opens(stack, {TASK: "stage"}, closed, 5000)


def test_ranges_of_the_clusters_own_are_closed_unless_they_are_named() -> None:
    changed = config(cluster={"ownAddresses": ["8.8.8.0/24", "2606:50c0::/32"]})
    stack = record_config(changed)
    assert opens(stack, {TASK: "build"}, "140.82.112.3", 443), "the control"
    for address in ("8.8.8.8", "2606:50c0:8000::154"):
        assert not opens(stack, {TASK: "build"}, address, 443)
    changed["build"]["quarantine"]["addresses"] = ["8.8.8.8/32"]
    assert opens(record_config(changed), {TASK: "build"}, "8.8.8.8", 443)


@pytest.mark.parametrize(("internet", "ports"), [(True, {80, 443}), (False, set())])
def test_tests_and_builds_reach_the_internet_where_the_settings_say_so(internet: bool, ports: set[int]) -> None:
    changed = config()
    changed["forge"]["addresses"] = changed["build"]["quarantine"]["addresses"] = ["10.20.0.0/24"]
    changed["build"]["internet"] = internet
    changed["forge"]["okToTest"] = {"token": {"file": "secrets/reader"}}
    stack = record_config(changed)
    for task in ("build", "tests"):
        assert {port for port in (22, 80, 443, 6443) if opens(stack, {TASK: task}, "8.8.8.8", port)} == ports
        for address in CLOSED:
            assert not opens(stack, {TASK: task}, address, 80), address
    assert not opens(stack, {TASK: "report"}, "8.8.8.8", 80), "a pod without pull-request code has no use for it"


def test_the_api_server_is_reached_where_it_is() -> None:
    named = record_config(config(cluster={"apiServerAddresses": ["10.96.0.1/32", "10.20.0.5"]}))
    for pod in ({TASK: "report"}, {"app.kubernetes.io/component": "pruner"}, {"eventlistener": "chespirito-github-el"}):
        for address in ("10.96.0.1", "10.20.0.5"):
            assert opens(named, pod, address, 6443), address
        for address in ("10.96.0.2", "140.82.112.3", "169.254.169.254"):
            assert not opens(named, pod, address, 6443), address
        # Without the setting it can be anywhere, but not there.
        unnamed = record_config(config())
        assert opens(unnamed, pod, "10.96.0.1", 443)
        assert opens(unnamed, pod, "140.82.112.3", 443)
        for address in ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "127.0.0.1", "::1", "fe80::1"):
            assert not opens(unnamed, pod, address, 443), address


@pytest.mark.parametrize("stack", ALL_STACKS)
def test_each_opening_to_addresses_is_one_that_the_api_takes(stacks: dict[str, Declared], stack: str) -> None:
    """An empty `to` would be everything, and what is excepted has to lie inside of its range and be less than it."""
    for item in stacks[stack].all("NetworkPolicy"):
        for rule in item["spec"].get("egress", []):
            assert rule["to"], item["metadata"]["name"]
            for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
                for excepted in block.get("except", []):
                    inner: Any = ip_network(excepted)
                    assert inner.subnet_of(ip_network(block["cidr"])), block
                    assert inner != ip_network(block["cidr"])


def test_what_is_public_is_what_the_registry_of_addresses_calls_global() -> None:
    blocks = [peer["ipBlock"] for peer in addresses.public()]
    edges = [ip_network(text) for block in blocks for text in (block["cidr"], *block["except"])]
    for edge in edges:
        for number in (int(edge[0]) - 1, int(edge[0]), int(edge[-1]), int(edge[-1]) + 1):
            if 0 <= number < 2**edge.max_prefixlen:
                address = type(edge[0])(number)
                opened = any(inside(block, str(address)) for block in blocks)
                # Azure's metadata have a public address; some of what carries IPv4 in IPv6 counts as global.
                assert not opened or (address.is_global and not address.is_multicast), address


def test_nothing_left_open_is_an_error_and_not_everything() -> None:
    with pytest.raises(ValueError, match="nothing is left open"):
        addresses.named_only(["169.254.0.0/16"])
