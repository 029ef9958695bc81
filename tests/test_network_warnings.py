"""What is wider open than it has to be since the settings do not say more is said at each preview, and passes."""

from typing import Any

import pulumi
import pytest

from components.plan.stack import StackPlan
from components.settings.stack import Stack
from offline.run import placeholder, run
from tests.support import STACK_FILES, record_config, shipped_config, stack_config_text
from tests.test_openings import config

NOT_SAID = (
    "tekton-delivery:build.internet is not set: pods with pull-request code reach every public address on the ports of "
    "ssh.github.com (`tekton-delivery:forge.addresses` is not set) and ghcr.io "
    "(`tekton-delivery:build.quarantine.addresses` is not set). Say `internet: true` if tests and builds may, or name the "
    "addresses"
)


def warnings(settings: dict[str, Any]) -> list[str]:
    found: list[str] = []
    run(lambda: found.extend(StackPlan(Stack.load(read=placeholder)).warnings), config=stack_config_text(settings))
    return found


def test_a_way_to_every_public_address_is_told() -> None:
    assert warnings(config()) == [NOT_SAID]


@pytest.mark.parametrize("internet", [True, False])
def test_what_the_settings_say_is_told_no_more(internet: bool) -> None:
    changed = config()
    changed["build"]["internet"] = internet
    if not internet:
        changed["forge"]["addresses"] = changed["build"]["quarantine"]["addresses"] = ["140.82.112.0/20"]
    assert warnings(changed) == []


def test_a_stack_without_pull_request_code_is_told_nothing() -> None:
    assert warnings(config("production")) == []


def test_a_name_of_the_companys_own_leads_to_every_private_address_and_is_told() -> None:
    """A stack file of the last release, which knew no addresses: it is accepted."""
    former = shipped_config("production")
    for key in ("forge", "registry"):
        del former[key]["addresses"]
    del former["cluster"]["apiServerAddresses"]
    told = warnings(former)
    assert [line.partition(":")[2].partition(" ")[0] for line in told] == ["forge.addresses", "registry.addresses"]
    assert told[1] == (
        "tekton-delivery:registry.addresses is not set: pods that talk to registry.internal reach its port of every private "
        "address, those of the cluster included. Name its own, e.g. `addresses: [10.20.0.0/24]`"
    )


@pytest.mark.parametrize("stack", STACK_FILES)
def test_the_shipped_stacks_are_told_nothing(stack: str) -> None:
    assert warnings(shipped_config(stack)) == []


def test_the_program_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_, **__: told.append(message))
    record_config(config() | {"caBundle": None})
    assert told == [NOT_SAID]
