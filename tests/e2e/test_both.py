"""The example that holds both environments in one stack, with one between them: a merge goes through one after the other.

One listener tells all three, beside the shipped stacks. What the one in the middle does not roll out goes no further.
The application has two workloads of its one image, which go forward and back together.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from local.demo import APPLICATION, DEPLOYMENT, PORTS, digest
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from tests.e2e.admission import refused
from tests.e2e.attacks.marks import own_key
from tests.e2e.people import Person
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

LISTENER = "el-both-github-el"
JOBS = "chespirito-jobs-pod"
BROKEN = "broken jobs"
# Serves as the application does, but not if the message says so.
SCRIPT = f"! grep -q '{BROKEN}' /opt/chespirito/message.txt && exec sh /opt/chespirito/serve.sh"
NAMESPACES = {"qa", "qa-ci", "pre", "pre-ci", "live", "live-ci"}


def namespaces(world: World) -> dict[str, str]:
    """This stack's and the shipped ones', with what tells a namespace from another one of that name.

    The conformance tests make and remove namespaces of their own meanwhile.
    """
    known = NAMESPACES | {f"{name}{end}" for name in PORTS for end in ("", "-ci")}
    found = {item.metadata.name: item.metadata.uid for item in world.kubernetes.core.list_namespace().items}
    return {name: uid for name, uid in found.items() if name in known}


@pytest.fixture(scope="module")
def file(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with a third environment, and the key pair by which that one vouches."""
    folder = tmp_path_factory.mktemp("chain")
    key = own_key(world.machine.folders["cosign"] / "cosign", folder / "pre")
    (folder / "password").write_text(key.password)
    private, public = {"file": str(key.path)}, {"file": str(key.path.with_suffix(".pub"))}

    def between(settings: dict[str, Any]) -> None:
        qa, live = settings["environments"]
        qa["rolloutTimeout"] = "20s"
        (application,) = settings["applications"]
        application["workloads"] = {"jobs": {"port": 9000, "healthPath": "/healthz", "args": ["sh", "-c", SCRIPT]}}
        mark = {"privateKey": private, "password": {"file": str(folder / "password")}}
        pre = live | {"name": "pre", "rolloutTimeout": "15s", "mark": mark}
        settings["environments"] = [qa, pre, live | {"promotesFrom": "pre", "mark": {"publicKey": public}}]

    return altered("both", folder, between)


@pytest.fixture(scope="module")
def chain(world: World, pulumi: Pulumi, file: Path, alone: None) -> Iterator[None]:
    """The stack is up and the forge tells its one listener about pull requests. Afterwards it is gone."""
    before = namespaces(world)

    def gone() -> None:
        assert namespaces(world) == before

    with stack(pulumi, "both", file, beside=True, gone=gone), heard(world, "both", "qa", LISTENER, alone=False):
        yield


def ended(world: World, environment: str, pull_request: PullRequest, known: int = 0) -> bool:
    run = wait_for_run(world.kubernetes, f"{environment}-ci", pull_request.number, known=known)
    succeeded, told = follow(world.kubernetes, run, world.log.append)
    world.log.append(told)
    return succeeded


def image(world: World, environment: str, name: str = DEPLOYMENT) -> str:
    return str(world.kubernetes.deployment(environment, name).spec.template.spec.containers[0].image)


def together(world: World, environment: str) -> str:
    """What both workloads run, and are ready with."""
    for name in (DEPLOYMENT, JOBS):
        assert world.kubernetes.deployment_ready(environment, name)
    assert image(world, environment) == image(world, environment, JOBS)
    return image(world, environment)


@pytest.mark.usefixtures("chain")
def test_one_listener_takes_a_pull_request_to_one_environment_and_its_merge_to_the_others_in_turn(world: World) -> None:
    assert namespaces(world).keys() >= NAMESPACES
    pull_request = world.open({"message.txt": "Three environments in one stack\n"})
    assert ended(world, "qa", pull_request), world.log
    assert world.runs("pre", pull_request.number) == world.runs("live", pull_request.number) == []
    world.merge(pull_request)
    assert ended(world, "pre", pull_request), world.log
    assert ended(world, "live", pull_request), world.log
    assert digest(world.machine, "live") == digest(world.machine, "pre") == digest(world.machine, "qa")
    assert together(world, "live") == together(world, "pre") == together(world, "qa")
    assert [run["spec"]["pipelineRef"]["name"] for run in world.runs("qa", pull_request.number)] == [
        "chespirito-qa-pipeline"
    ]
    notes = {name: world.kubernetes.deployment(name, DEPLOYMENT).metadata.annotations for name in ("pre", "live")}
    assert notes["pre"]["tekton-delivery/delivered-at"] <= notes["live"]["tekton-delivery/delivered-at"]
    merge = world.machine.forge.developer.pull_request(REPOSITORY, pull_request.number).merge_commit_sha
    marks = {name: json.loads(noted["tekton-delivery/history"])[-1]["mark"] for name, noted in notes.items()}
    assert [(marks[name]["environment"], marks[name]["headSha"]) for name in ("pre", "live")] == [
        ("qa", pull_request.head_sha),
        ("pre", merge),
    ]
    # The shipped stacks heard of the same pull request, and delivered it on their own.
    for environment in PORTS:
        assert world.run(environment, pull_request)[1]


@pytest.mark.usefixtures("chain")
def test_what_the_middle_one_does_not_roll_out_goes_no_further_until_it_does(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    served = digest(world.machine, "live")
    pull_request = world.open({"message.txt": "Not rolled out in the middle\n"})
    assert ended(world, "qa", pull_request), world.log
    quota = {"spec": {"hard": {"pods": "1"}}}
    former = world.kubernetes.core.read_namespaced_resource_quota("pods", "pre").spec.hard
    world.kubernetes.core.patch_namespaced_resource_quota("pods", "pre", quota)
    try:
        world.merge(pull_request)
        assert not ended(world, "pre", pull_request)
        refused = world.status("pre", pull_request.head_sha)[1]
        assert refused.startswith(f"{DEPLOYMENT}: not ready within 15s: its pods are refused: ")
        assert "exceeded quota: pods" in refused
        told = world.status("live", pull_request.head_sha)
        assert told == ("pending", "waits for pre to roll it out and vouch for it, up to 6m")
        (waiting,) = world.runs("live", pull_request.number)
        assert "completionTime" not in waiting["status"]
        assert digest(world.machine, "pre") == digest(world.machine, "live") == served
    finally:
        world.kubernetes.core.patch_namespaced_resource_quota("pods", "pre", {"spec": {"hard": former}})
    admin = Person("admin", world.machine.cluster.kubeconfig, world)
    code, said = admin.operate(capsys, "retry", "pre", APPLICATION, str(pull_request.number))
    assert code == 0, said
    assert ended(world, "live", pull_request), world.log
    assert digest(world.machine, "live") == digest(world.machine, "qa") != served
    for environment in PORTS:
        assert world.run(environment, pull_request)[1]


@pytest.mark.usefixtures("chain")
def test_a_workload_that_ends_at_its_start_takes_both_back_and_a_rejection_does(world: World) -> None:
    before = together(world, "qa")
    pull_request = world.open({"message.txt": f"With {BROKEN}\n"})
    assert not ended(world, "qa", pull_request)
    refused = world.status("qa", pull_request.head_sha)[1]
    assert refused.startswith(f"{JOBS}: not ready")
    assert "ended at its start (exit code 1); restored" in refused
    assert together(world, "qa") == before
    world.push(pull_request, {"message.txt": "With mended jobs\n"})
    assert ended(world, "qa", pull_request, known=1), world.log
    assert together(world, "qa") != before
    world.machine.forge.developer.close(REPOSITORY, pull_request.number)
    assert ended(world, "qa", pull_request, known=2), world.log
    assert together(world, "qa") == before


@pytest.mark.usefixtures("chain")
def test_a_rollback_takes_both_back_and_keeps_both(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    admin, before = Person("admin", world.machine.cluster.kubeconfig, world), together(world, "live")
    thief: Any = client.AppsV1Api(world.as_account("live-ci", "deployer"))

    def bring(name: str, image: str, **more: Any) -> Any:
        body = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image} | more]}}}}
        return thief.patch_namespaced_deployment(name, "live", body, dry_run="All", field_manager="tekton-delivery")

    code, said = admin.operate(capsys, "rollback", "live", APPLICATION)
    assert code == 0, said
    back = together(world, "live")
    assert back != before
    assert f"with it {JOBS}" in admin.operate(capsys, "history", "live", APPLICATION)[1]
    for name in (DEPLOYMENT, JOBS):
        assert "operate lift" in refused(lambda name=name: bring(name, before), "live-deploys")  # type: ignore[misc]
    assert admin.operate(capsys, "lift", "live", APPLICATION)[0] == 0
    assert bring(JOBS, before), "the control"
    other = before.replace("/chespirito@", "/chespirito-jobs@")
    assert "by digest" in refused(lambda: bring(JOBS, other), "live-deploys")
    assert "nothing of a Deployment but" in refused(lambda: bring(JOBS, before, args=["steal"]), "live-deploys")
    note = {"metadata": {"annotations": {"tekton-delivery/commit": "a" * 40}}}
    options: Any = {"dry_run": "All", "field_manager": "tekton-delivery"}
    assert thief.patch_namespaced_deployment(DEPLOYMENT, "live", note, **options), "the control"
    told = refused(lambda: thief.patch_namespaced_deployment(JOBS, "live", note, **options), "live-deploys")
    assert "notes of a workload that follows another one what it rolls out" in told


@pytest.mark.usefixtures("chain")
def test_the_shipped_stacks_see_nothing_of_it(pulumi: Pulumi) -> None:
    for name in PORTS:
        pulumi("preview", "--stack", name, "--expect-no-changes")


@pytest.mark.usefixtures("chain")
def test_the_listener_creates_runs_in_its_delivery_namespaces_and_in_no_other(world: World) -> None:
    thief = client.AuthorizationV1Api(world.as_account("qa-ci", "listener"))

    def may(namespace: str) -> bool:
        attributes = {"group": "tekton.dev", "resource": "pipelineruns", "verb": "create", "namespace": namespace}
        answer = thief.create_self_subject_access_review({"spec": {"resourceAttributes": attributes}})
        return bool(answer.status.allowed)

    known = (*NAMESPACES, "staging-ci", "production-ci")
    assert {name for name in known if may(name)} == {"qa-ci", "pre-ci", "live-ci"}
