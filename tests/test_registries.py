"""Production with a registry of its own: who reads the former environment's, who writes to this one, what is rolled out."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from components.conventions import PROJECT
from components.credentials import CredentialsArgs, RegistryLogin
from components.environment import Environment
from components.plan import StackPlan
from components.settings.stack import Stack
from offline.run import placeholder, run
from tests.closure import problems
from tests.support import (
    PRODUCTIONS_REGISTRY,
    STAGINGS_REGISTRY,
    Declared,
    Object,
    record_config,
    registries_apart,
    shipped_config,
)

SOURCE, OWN = STAGINGS_REGISTRY, PRODUCTIONS_REGISTRY


@pytest.fixture(scope="module")
def apart() -> Declared:
    return registries_apart()


@pytest.fixture(scope="module")
def everything(stacks: dict[str, Declared]) -> Declared:
    """Of its two registries the quarantine alone is insecure."""
    return stacks["everything"]


@pytest.fixture(scope="module")
def steps(apart: Declared) -> dict[str, Object]:
    return {step["name"]: step for step in apart.one("Task", "promote")["spec"]["steps"]}


def env(step: Object) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in step["env"]}


def credentials(config: dict[str, Any]) -> CredentialsArgs:
    """What the Secrets of a stack's only environment are made of."""
    found: list[CredentialsArgs] = []
    namespaces = cast(Environment, SimpleNamespace(workload_namespace="shop", delivery_namespace="shop-ci"))

    def program() -> None:
        (plan,) = StackPlan(Stack.load(read=placeholder)).environments
        found.append(plan.credentials(namespaces))

    run(program, config={f"{PROJECT}:{key}": json.dumps(value) for key, value in config.items()})
    return found[0]


def users(logins: tuple[RegistryLogin, ...]) -> list[tuple[str, str]]:
    return [(login.host, login.username) for login in logins]


def test_the_mark_is_proven_where_it_was_signed_and_again_where_it_is_rolled_out_from(steps: dict[str, Object]) -> None:
    """In which order, and what by which credential, tests/steps/test_promote.py sees."""
    assert list(steps) == ["promote"]
    told = env(steps["promote"])
    assert (told["PARAM_SOURCE_IMAGE"], told["PARAM_IMAGE"]) == ("$(params.source-image)", "$(params.image)")


def test_no_step_shares_its_scratch_with_another_one(apart: Declared, steps: dict[str, Object]) -> None:
    written = [mount["name"] for step in steps.values() for mount in step["volumeMounts"] if mount["mountPath"] == "/tmp"]
    assert written == [f"scratch-{name}" for name in steps]
    volumes = [volume["name"] for volume in apart.one("Task", "promote")["spec"]["volumes"]]
    assert len(volumes) == len(set(volumes)), "Tekton takes each name once"


def test_the_pipeline_names_both_repositories(apart: Declared) -> None:
    (task,) = apart.one("Pipeline", "chespirito-production-pipeline")["spec"]["tasks"]
    values = {param["name"]: param["value"] for param in task["params"]}
    assert values["source-image"] == "registry.staging.example/chespirito"
    declared = {param["name"] for param in apart.one("Task", "promote")["spec"]["params"]}
    assert values.keys() == declared
    assert values["image"] == "registry.production.example:5000/chespirito"


def test_what_is_handed_over_is_taken(apart: Declared) -> None:
    assert [line for line in problems(apart) if not line.startswith("pipelines: ")] == []


def test_a_quarantine_without_tls_does_not_make_the_mark_be_signed_without(everything: Declared) -> None:
    steps = {step["name"]: env(step) for step in everything.one("Task", "stage")["spec"]["steps"]}
    assert {name: steps[name]["INSECURE"] for name in ("stage", "sign")} == {"stage": "true", "sign": "false"}


def test_what_may_write_is_for_the_own_registry_and_a_credential_of_its_own(
    apart: Declared, steps: dict[str, Object]
) -> None:
    held = credentials(shipped_config("production") | {"registry": OWN, "sourceRegistry": SOURCE})
    assert users(held.push) == [(OWN["host"], "promoter")]
    assert users(held.source) == [(SOURCE["host"], "guest")]
    told = env(steps["promote"])
    mounted = {mount["name"]: mount["mountPath"] for mount in steps["promote"]["volumeMounts"]}
    assert mounted["registry-push"] == told["PUSH_CONFIG"]
    assert mounted["source-pull"] == told["SOURCE_CONFIG"]
    assert mounted["registry-pull"] == told["DOCKER_CONFIG"]
    assert len({told[name] for name in ("PUSH_CONFIG", "SOURCE_CONFIG", "DOCKER_CONFIG")}) == 3


def test_what_is_rolled_out_comes_from_the_own_registry_alone(apart: Declared) -> None:
    held = credentials(shipped_config("production") | {"registry": OWN, "sourceRegistry": SOURCE})
    assert users(held.pull) == [(OWN["host"], "puller")]
    policy = apart.one("ValidatingAdmissionPolicy", "tekton-delivery-production-deploys")
    rules = json.dumps(policy["spec"]["validations"])
    assert "registry.production.example:5000/chespirito" in rules
    assert "registry.staging.example" not in rules


def test_both_registries_are_reached(apart: Declared) -> None:
    policies = {name: apart.one("NetworkPolicy", f"runs-to-{name}")["spec"]["egress"] for name in ("registry", "source")}
    assert [rule["ports"][0]["port"] for rules in policies.values() for rule in rules] == [5000, 443]


def test_a_source_that_anybody_reads_needs_no_credential() -> None:
    stack = record_config(shipped_config("production") | {"registry": OWN, "sourceRegistry": {"host": "open.example"}})
    assert "source-pull" not in stack.names("Secret")
    volumes = {volume["name"]: volume for volume in stack.one("Task", "promote")["spec"]["volumes"]}
    assert "emptyDir" in volumes["source-pull"]


def test_of_two_users_of_one_host_the_pod_that_pushes_gets_the_one_that_writes() -> None:
    staging = shipped_config("staging")
    quarantine = {key: value for key, value in staging["build"]["quarantine"].items() if key != "delete"}
    build = staging["build"] | {"quarantine": quarantine | {"host": OWN["host"], "path": "quarantine"}}
    # The last one of a host counts (components/credentials.py).
    assert users(credentials(staging | {"registry": OWN, "build": build}).push)[-1] == (OWN["host"], "promoter")
