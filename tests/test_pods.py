"""The quota of pods: what is declared fits, and nobody has less than before."""

from typing import Any

import pytest

from components.settings.errors import SettingsError
from tests.support import Declared, record_config, shipped_config


def stack(count: int, environment: dict[str, Any] | None = None, **application: Any) -> Declared:
    """Staging with some applications."""
    staging = shipped_config("staging")
    own = {"nodePorts": {}} | (environment or {})
    named = [{"name": f"app-{number}", "repository": f"acme/app-{number}"} | application for number in range(count)]
    return record_config(staging | {"environments": [staging["environments"][0] | own], "applications": named})


def quotas(declared: Declared) -> tuple[int, int]:
    """Of workloads, and of deliveries."""
    workload, delivery = (
        declared.one("ResourceQuota", "pods", namespace)["spec"]["hard"]["pods"] for namespace in ("staging", "staging-ci")
    )
    return int(workload), int(delivery)


@pytest.mark.parametrize(
    ("count", "environment", "application", "expected"),
    [
        (1, {}, {}, (20, 20)),
        (4, {"replicas": 3}, {}, (20, 20)),
        (5, {"replicas": 3}, {}, (20, 22)),
        (6, {"replicas": 3}, {}, (24, 26)),
        (40, {}, {}, (80, 162)),
        (2, {"applications": {"app-0": {"autoscaling": {"min": 1, "max": 30}}}}, {}, (33, 20)),
        (3, {"replicas": 5}, {"terminationGracePeriod": "1m"}, (30, 20)),
        (40, {"replicas": 0}, {}, (20, 162)),
        (1, {"maxPods": 7}, {}, (7, 7)),
        (3, {"maxPods": 6}, {}, (6, 6)),
    ],
)
def test_a_quota_holds_what_is_declared(
    count: int, environment: dict[str, Any], application: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert quotas(stack(count, environment, **application)) == expected


def test_one_that_does_not_hold_it_is_refused_with_the_number() -> None:
    with pytest.raises(SettingsError, match=r"maxPods = 79: the applications may need 80 pods"):
        stack(40, {"maxPods": 79})
    assert quotas(stack(40, {"maxPods": 80})) == (80, 80)
