"""What has to succeed before a rollout, on the cluster. `test_settings` brings up what these tests look at."""

import base64
from pathlib import Path

import pytest
from kubernetes import client

from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object
from steps.before_rollout import BeforeRollout
from steps.kubernetes import Kubernetes
from steps.result import Outcome
from tests.e2e import migrations
from tests.e2e.admission import refused
from tests.e2e.people import Person
from tests.e2e.world import World, pods


def test_a_migration_has_succeeded_before_the_rollout(world: World, changed: tuple[Object, list[int]]) -> None:
    (job,) = migrations.jobs(world)
    (container,) = job.spec.template.spec.containers
    (pod,) = pods(world, "qa", "worker")
    assert (job.status.succeeded, container.image) == (1, pod.spec.containers[0].image)
    token = base64.b64decode(world.kubernetes.core.read_namespaced_secret("broker", "qa").data["token"]).decode()
    assert job.status.completion_time <= pod.metadata.creation_timestamp
    assert migrations.said(world, job) == [f"{token} mail", "mail", "migrated"]


@pytest.mark.parametrize("name", migrations.ATTEMPTS)
def test_a_stolen_token_makes_no_other_job(world: World, changed: tuple[Object, list[int]], name: str) -> None:
    policies, change = migrations.ATTEMPTS[name]
    assert migrations.attempt(world)().metadata.name == f"worker-{migrations.DIGEST[:16]}", "the control"
    refused(migrations.attempt(world, change), *(f"qa-{policy}" for policy in policies.split()))


def test_a_stolen_token_makes_no_job_anywhere_else_and_changes_none(world: World, changed: tuple[Object, list[int]]) -> None:
    (job,), batch = migrations.jobs(world), migrations.deployer(world)
    name, body = job.metadata.name, {"spec": {"suspend": True}}
    attempts = [migrations.attempt(world, namespace=other) for other in ("qa-ci", "live", "staging", "default")]
    attempts += [lambda: batch.patch_namespaced_job(name, "qa", body, dry_run="All")]
    for attempt in attempts:
        with pytest.raises(client.ApiException) as answer:
            attempt()
        assert answer.value.status == 403, answer.value.body
    assert batch.read_namespaced_job(name, "qa").status.succeeded == 1, "the control: it may look"
    refused(lambda: batch.delete_namespaced_job(name, "qa", dry_run="All"), "qa-job-deletions")


def test_a_migration_that_cannot_start_ends_in_time(world: World, changed: tuple[Object, list[int]], tmp_path: Path) -> None:
    """As the step does it, with the deployer's own token, and an image that there is not."""
    image, live = migrations.IMAGE.replace("worker", "waiting"), {"metadata": {"annotations": {migrations.LABEL: "waiting"}}}
    reason = tmp_path / "reason"
    with Kubernetes(migrations.access(world, tmp_path)) as api, pytest.raises(SystemExit):
        BeforeRollout(api, "qa", Outcome(reason=reason)).run(live, image)
    told, _, why = reason.read_text().partition(" (10 s): ")
    assert told == "not rolled out: beforeRollout did not start within beforeRollout.timeout"
    assert why.partition(":")[0] in ("ImagePullBackOff", "ErrImagePull"), why
    (job,) = migrations.jobs(world, "waiting")
    migrations.deployer(world).delete_namespaced_job(job.metadata.name, "qa", dry_run="All")


def test_a_migration_that_fails_rolls_nothing_out_and_runs_again(
    world: World, changed: tuple[Object, list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = migrations.jobs(world)
    (served,) = pods(world, "qa", "worker")
    world.kubernetes.core.patch_namespaced_config_map("broker", "qa", {"data": {"BROKEN": "price"}})
    pull_request = world.open({"worker.txt": "With a migration that fails\n"})
    assert not migrations.ended(world, pull_request)
    status = world.machine.forge.developer.statuses(REPOSITORY, pull_request.head_sha)["tekton-delivery/qa/worker"]
    tail = "\"adding the column column 'price' of acme is there\""
    assert (status.state, status.description) == (
        "failure",
        f"not rolled out: beforeRollout failed (exit code 3): {tail}",
    )
    _, failed = migrations.jobs(world)
    assert [pod.metadata.uid for pod in pods(world, "qa", "worker")] == [served.metadata.uid], "the former one serves"

    world.kubernetes.core.patch_namespaced_config_map("broker", "qa", {"data": {"BROKEN": None}})
    admin = Person("admin", world.machine.cluster.kubeconfig, world)
    for known in (1, 2):
        code, text = admin.operate(capsys, "retry", "qa", "worker", str(pull_request.number))
        assert code == 0, text
        assert migrations.ended(world, pull_request, known)
        _, again = migrations.jobs(world)
        if known == 1:
            second = again.metadata.uid
    assert (again.metadata.name, again.status.succeeded) == (failed.metadata.name, 1)
    assert failed.metadata.uid != second == again.metadata.uid, "once for a digest"
    assert migrations.jobs(world)[0].metadata.uid == first.metadata.uid
    (image,) = [pod.spec.containers[0].image for pod in pods(world, "qa", "worker")]
    assert image == again.spec.template.spec.containers[0].image
