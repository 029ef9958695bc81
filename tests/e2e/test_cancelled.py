"""A rollout that is cancelled: what served before comes back, nothing says that the other one served, and nobody waits."""

import json
import time
from typing import Any

from local.demo import DEPLOYMENT
from local.follow import follow, wait_for_run
from local.kubernetes_api import TEKTON_GROUP, wait_until
from tests.e2e.admission import refused
from tests.e2e.test_delivery import _dockerfile
from tests.e2e.world import World

NEVER_READY = 'CMD ["/bin/sh", "-c", "exit 1"]\n'


def image(world: World) -> str:
    return str(world.deployment("staging").spec.template.spec.containers[0].image)


def notes(world: World) -> dict[str, str]:
    found: dict[str, str] = world.deployment("staging").metadata.annotations or {}
    return {name: value for name, value in found.items() if name.startswith("tekton-delivery/")}


def holder(world: World) -> str | None:
    spec: Any = world.kubernetes.coordination.read_namespaced_lease(DEPLOYMENT, "staging").spec
    return spec.holder_identity if spec else None


def test_a_cancelled_rollout_is_taken_back_and_the_next_one_waits_for_nobody(world: World) -> None:
    served = world.open({"message.txt": "Serves before and after\n"})
    assert world.run("staging", served)[1]
    before, noted = image(world), notes(world)
    broken = world.open({"Dockerfile": _dockerfile() + NEVER_READY})
    run = wait_for_run(world.kubernetes, "staging-ci", broken.number)
    wait_until(lambda: image(world) != before, 120, "nothing is rolled out")
    unready = image(world)
    rolling = json.loads(notes(world)["tekton-delivery/rolling-out"])
    assert (rolling["image"], rolling["former"], rolling["run"]) == (unready, before, holder(world))
    assert {**notes(world), "tekton-delivery/rolling-out": None} == {**noted, "tekton-delivery/rolling-out": None}

    def cancel(how: str) -> object:
        return world.kubernetes.custom.patch_namespaced_custom_object(
            TEKTON_GROUP,
            "v1",
            "staging-ci",
            "pipelineruns",
            run["metadata"]["name"],
            {"spec": {"status": how}},
            _content_type="application/merge-patch+json",
        )

    # By the other one its status would stay pending; an administrator is told so too.
    assert "its commit status would stay pending" in refused(lambda: cancel("Cancelled"), "staging-endings")
    cancel("CancelledRunFinally")
    begun = time.monotonic()
    wait_until(lambda: holder(world) is None, 25, "the Lease is not given back")
    assert time.monotonic() - begun < 25
    assert image(world) == before
    assert notes(world) == noted
    world.serves("staging", "Serves before and after")
    assert not follow(world.kubernetes, run, world.log.append)[0]
    assert world.status("staging", broken.head_sha)[0] == "failure"

    after = world.open({"message.txt": "Waits for nobody\n"})
    delivered, succeeded, _ = world.run("staging", after)
    assert succeeded
    assert "waiting for another deploy" not in world.logs(delivered, "stage", "stage")
    history = json.loads(notes(world)["tekton-delivery/history"])
    assert unready not in [entry["image"] for entry in history]
    assert unready not in notes(world)["tekton-delivery/before"]


def test_of_a_killed_rollout_nothing_is_recorded_either(world: World) -> None:
    """As when its node dies: no trap runs, so the image stays until somebody else comes."""
    served = world.open({"message.txt": "Serves, whatever was killed\n"})
    assert world.run("staging", served)[1]
    before = image(world)
    broken = world.open({"Dockerfile": _dockerfile() + NEVER_READY})
    run = wait_for_run(world.kubernetes, "staging-ci", broken.number)
    wait_until(lambda: image(world) != before, 120, "nothing is rolled out")
    unready = image(world)
    (task,) = [
        item
        for item in world.kubernetes.task_runs("staging-ci", run["metadata"]["name"])
        if item["metadata"]["labels"]["tekton.dev/pipelineTask"] == "stage"
    ]
    world.kubernetes.core.delete_namespaced_pod(task["status"]["podName"], "staging-ci", grace_period_seconds=0)
    follow(world.kubernetes, run, world.log.append)
    # The kubelet may have given it the second that it needed, and Tekton makes the pod anew, which takes the image back too.
    if image(world) != before:
        lease = world.kubernetes.coordination.read_namespaced_lease(DEPLOYMENT, "staging")
        lease.spec = None  # not to wait for its end
        world.kubernetes.coordination.replace_namespaced_lease(DEPLOYMENT, "staging", lease)
    after = world.open({"message.txt": "Comes after a killed one\n"})
    assert world.run("staging", after)[1]
    found = notes(world)
    assert unready not in found["tekton-delivery/history"] + found["tekton-delivery/before"]
    assert before in found["tekton-delivery/before"]
