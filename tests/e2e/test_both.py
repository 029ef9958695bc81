"""The example that holds both environments in one stack, beside the shipped stacks: one listener takes an image through."""

from collections.abc import Iterator

import pytest
from kubernetes import client

from local.demo import PORTS, digest
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.paths import ROOT
from tests.e2e.stacks import Pulumi, heard, stack
from tests.e2e.world import World

LISTENER = "el-both-github-el"
NAMESPACES = {"qa", "qa-ci", "live", "live-ci"}


def namespaces(world: World) -> dict[str, str]:
    """This stack's and the shipped ones', with what tells a namespace from another one of that name.

    The conformance tests make and remove namespaces of their own meanwhile.
    """
    known = NAMESPACES | {f"{name}{end}" for name in PORTS for end in ("", "-ci")}
    found = {item.metadata.name: item.metadata.uid for item in world.kubernetes.core.list_namespace().items}
    return {name: uid for name, uid in found.items() if name in known}


@pytest.fixture(scope="module")
def both(world: World, pulumi: Pulumi) -> Iterator[None]:
    """The stack is up and the forge tells its one listener about pull requests. Afterwards it is gone."""
    before = namespaces(world)
    with stack(pulumi, "both", ROOT / "Pulumi.both.yaml"), heard(world, "both", "qa", LISTENER, alone=False):
        yield
    assert namespaces(world) == before


def ended(world: World, environment: str, pull_request: PullRequest) -> None:
    run = wait_for_run(world.kubernetes, f"{environment}-ci", pull_request.number)
    succeeded, told = follow(world.kubernetes, run, world.log.append)
    assert succeeded, told


@pytest.mark.usefixtures("both")
def test_one_listener_takes_a_pull_request_to_one_environment_and_its_merge_to_the_other(world: World) -> None:
    assert namespaces(world).keys() >= NAMESPACES
    pull_request = world.open({"message.txt": "Both environments in one stack\n"})
    ended(world, "qa", pull_request)
    assert world.runs("live", pull_request.number) == []
    world.merge(pull_request)
    ended(world, "live", pull_request)
    assert digest(world.machine, "live") == digest(world.machine, "qa")
    assert [run["spec"]["pipelineRef"]["name"] for run in world.runs("qa", pull_request.number)] == [
        "chespirito-qa-pipeline"
    ]
    # The shipped stacks heard of the same pull request, and delivered it on their own.
    for environment in PORTS:
        assert world.run(environment, pull_request)[1]


@pytest.mark.usefixtures("both")
def test_the_shipped_stacks_see_nothing_of_it(pulumi: Pulumi) -> None:
    for name in PORTS:
        pulumi("preview", "--stack", name, "--expect-no-changes")


@pytest.mark.usefixtures("both")
def test_the_listener_creates_runs_in_both_delivery_namespaces_and_in_no_other(world: World) -> None:
    thief = client.AuthorizationV1Api(world.as_account("qa-ci", "listener"))

    def may(namespace: str) -> bool:
        attributes = {"group": "tekton.dev", "resource": "pipelineruns", "verb": "create", "namespace": namespace}
        answer = thief.create_self_subject_access_review({"spec": {"resourceAttributes": attributes}})
        return bool(answer.status.allowed)

    assert {name for name in (*NAMESPACES, "staging-ci", "production-ci") if may(name)} == {"qa-ci", "live-ci"}
