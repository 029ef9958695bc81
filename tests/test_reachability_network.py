"""What `make reach` says of the network: it is read from the declared policies, and the internet is called by its name."""

from collections.abc import Callable
from typing import Any

import pytest

from offline.reachability.rows import NETWORK, rows
from tests.support import Object, record_config
from tests.test_openings import build, config

Change = Callable[[list[Object]], None]


def reached(objects: list[Object], pod: str = "build (") -> set[str]:
    """Where the pods of that name lead."""
    return {row.reaches for row in rows(objects) if row.runs == NETWORK and row.pod.startswith(pod)} - {DNS}


DNS = "port 53/UDP, 53 of every pod in kube-system"
PUBLIC = "port 443 of EVERY public address"


def objects(**changed: Any) -> list[Object]:
    return list(record_config(config(**changed)).objects)


def test_a_way_to_the_whole_internet_is_called_so() -> None:
    assert reached(objects()) == {PUBLIC}
    with_internet = build(internet=True)
    assert reached(objects(**with_internet)) == {PUBLIC, "port 80, 443 of EVERY public address"}


def test_what_is_closed_in_it_and_what_is_named_are_told() -> None:
    own = objects(cluster={"ownAddresses": ["8.8.8.0/24"], "apiServerAddresses": ["10.96.0.1/32"]})
    assert reached(own) == {f"{PUBLIC} but 8.8.8.0/24"}
    assert "port 443, 6443 of 10.96.0.1/32" in reached(own, "report (")
    named = config()
    named["forge"]["addresses"] = ["100.0.0.0/8"]
    named["build"]["quarantine"]["addresses"] = ["10.20.0.0/24", "fd20::/64"]
    assert reached(list(record_config(named).objects)) == {
        "port 443 of 100.0.0.0/8 but 100.64.0.0/10",
        "port 443 of 10.20.0.0/24, fd20::/64",
    }


def without_policies(declared: list[Object]) -> None:
    declared[:] = [item for item in declared if item["kind"] != "NetworkPolicy"]


def policy(**egress: Any) -> Change:
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [egress]}
    return lambda declared: declared.append(
        {"kind": "NetworkPolicy", "metadata": {"name": "added", "namespace": "staging-ci"}, "spec": spec}
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(without_policies, {"every port of EVERY address"}, id="no-policy"),
        pytest.param(policy(), {PUBLIC, "every port of EVERY address"}, id="everything"),
        pytest.param(policy(ports=[{"port": 5432}]), {PUBLIC, "port 5432 of EVERY address"}, id="a-port"),
        pytest.param(
            policy(to=[{"ipBlock": {"cidr": "0.0.0.0/0"}}], ports=[{"port": 1, "endPort": 9}]),
            {PUBLIC, "port 1-9 of 0.0.0.0/0"},
            id="more-than-the-internet",
        ),
        pytest.param(
            policy(to=[{"podSelector": {"matchLabels": {"app": "db"}}}]),
            {PUBLIC, "every port of pods app=db in the pod's own namespace"},
            id="pods",
        ),
        pytest.param(
            policy(to=[{"namespaceSelector": {}}]), {PUBLIC, "every port of every pod in every namespace"}, id="all"
        ),
    ],
)
def test_what_somebody_adds_or_takes_away_is_told(change: Change, expected: set[str]) -> None:
    declared = objects()
    change(declared)
    assert reached(declared) == expected
