"""What may be promoted: a merge that is what staging ran and vouched for, never older than what runs, and once."""

import base64
import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local.demo import DEPLOYMENT
from local.follow import follow, wait_for_run
from local.forge import deliveries
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.kubernetes_api import wait_until
from local.paths import SECRETS
from tests.e2e.world import World


def test_a_merge_whose_base_has_moved_is_refused_and_the_next_one_ships_both(world: World) -> None:
    first = world.open({"message.txt": "The first of two\n"})
    second = world.open({"second.txt": "The second of two\n"})
    assert world.run("staging", first)[1]
    assert world.run("staging", second)[1]
    assert world.status("promotable", second.head_sha)[0] == "success"
    world.merge(first)
    assert world.run("production", first)[1]
    shipped = world.digest("production")
    assert world.status("promotable", second.head_sha) == ("failure", "main has moved: update the branch")

    world.merge(second)
    _, succeeded, _ = world.run("production", second)
    assert not succeeded
    assert world.digest("production") == shipped, "it would have undone the first one"
    world.serves("production", "The first of two")
    state, description = world.status("production", second.head_sha)
    assert state == "failure"
    assert "main has moved" in description

    third = world.open({"message.txt": "All three\n"})
    assert world.run("staging", third)[1]
    world.merge(third, "squash")
    _, succeeded, told = world.run("production", third)
    assert succeeded, told
    world.serves("production", "All three")


def test_rebased_merges_are_proven_too_and_deleted_branches_do_not_matter(world: World) -> None:
    pull_request = world.open({"message.txt": "Merged by rebase\n"})
    assert world.run("staging", pull_request)[1]
    world.merge(pull_request, "rebase")
    world.machine.forge.developer.delete_branch(REPOSITORY, pull_request.branch)
    _, succeeded, told = world.run("production", pull_request)
    assert succeeded, told
    world.serves("production", "Merged by rebase")


def test_a_merge_before_staging_has_finished_waits_for_its_mark(world: World) -> None:
    pull_request = world.open({"message.txt": "Merged in a hurry\n"})
    wait_for_run(world.kubernetes, "staging-ci", pull_request.number)
    world.merge(pull_request)
    run, succeeded, told = world.run("production", pull_request)
    assert succeeded, told
    assert "waiting for the mark of staging" in world.logs(run, "promote", "promote")
    world.serves("production", "Merged in a hurry")


def test_the_replay_of_an_older_merge_changes_nothing(world: World) -> None:
    older, newer = (_delivered(world, f"Merged {name}") for name in ("earlier", "later"))
    before = world.deployment("production").metadata.annotations
    forge = world.machine.forge
    hooks = {hook["id"]: hook["name"] for hook in forge.admin.all(f"/repos/{REPOSITORY}/hooks", "list webhooks")}
    (delivery,) = [
        item
        for item in deliveries.read(world.machine.cluster.state / "forge")
        if json.loads(item.body).get("number") == older.number
        and json.loads(item.body)["action"] == "closed"
        and hooks.get(item.webhook, "").startswith("production")
    ]
    (run,) = world.runs("production", older.number)
    # As if it had been pruned: then nothing but the order of commits stands against the replay.
    world.kubernetes.custom.delete_namespaced_custom_object(
        "tekton.dev", "v1", "production-ci", "pipelineruns", run["metadata"]["name"]
    )
    wait_until(lambda: not world.runs("production", older.number), 30, "the run is still there")
    passwords = json.loads((SECRETS / "forge.json").read_text())
    administrator = next(name for name in passwords if "admin" in name)
    deliveries.send_again(forge.url, administrator, passwords[administrator], REPOSITORY, delivery)
    again = wait_for_run(world.kubernetes, "production-ci", older.number)
    succeeded, _ = follow(world.kubernetes, again, world.log.append)
    assert succeeded, world.logs(again, "promote", "promote")
    assert "superseded" in world.logs(again, "promote", "promote")
    after = world.deployment("production").metadata.annotations
    assert after["tekton-delivery/merge-commit"] == before["tekton-delivery/merge-commit"]
    world.serves("production", "Merged later")
    assert newer.number > older.number


def test_a_tag_is_no_mark(world: World, tmp_path: Path) -> None:
    """Whoever can push can move the tag; what it then points at has no mark for this head."""
    good = _delivered(world, "The honest image")
    served = world.digest("production")
    pull_request = world.open({"message.txt": "To be replaced\n"})
    assert world.run("staging", pull_request)[1]
    for tag in (pull_request.head_sha, f"{pull_request.head_sha}-staging"):
        _tag(world, tmp_path, good.head_sha, tag)
    run_count = len(world.runs("production", pull_request.number))
    world.merge(pull_request)
    started = wait_for_run(world.kubernetes, "production-ci", pull_request.number, known=run_count)
    assert not follow(world.kubernetes, started, world.log.append)[0]
    assert world.digest("production") == served
    assert "has not vouched" in world.status("production", pull_request.head_sha)[1]


def test_a_held_lease_makes_others_wait_and_a_dead_holders_one_runs_out(world: World) -> None:
    lease = world.kubernetes.coordination.read_namespaced_lease(DEPLOYMENT, "staging")
    held = {"holderIdentity": "a-dead-one", "leaseDurationSeconds": 40, "renewTime": _now(), "acquireTime": _now()}
    world.kubernetes.coordination.patch_namespaced_lease(DEPLOYMENT, "staging", {"spec": held})
    until = datetime.now(UTC) + timedelta(seconds=38)
    pull_request = world.open({"message.txt": "After the lease\n"})
    run, succeeded, told = world.run("staging", pull_request)
    assert succeeded, told
    assert datetime.now(UTC) > until, "it did not wait"
    assert "waiting for another deploy" in world.logs(run, "stage", "stage")
    assert lease.metadata.name == DEPLOYMENT


def test_a_new_push_cancels_the_older_run(world: World) -> None:
    slow = "#!/bin/sh\nsleep 60\n"
    pull_request = world.open({"test.sh": slow, "message.txt": "Slow\n"})
    first = wait_for_run(world.kubernetes, "staging-ci", pull_request.number)
    sha = world.push(pull_request, {"test.sh": "#!/bin/sh\nexit 0\n", "message.txt": "Quick\n"})
    _, succeeded, told = world.run("staging", pull_request, known=1)
    assert succeeded, told
    (older,) = [
        run for run in world.runs("staging", pull_request.number) if run["metadata"]["name"] == first["metadata"]["name"]
    ]
    assert older["status"]["conditions"][0]["reason"] == "Cancelled"
    assert world.deployment("staging").metadata.annotations["tekton-delivery/commit"] == sha


def test_staging_returns_to_what_it_served_before_a_rejected_pull_request(world: World) -> None:
    kept = world.open({"message.txt": "Stays open\n"})
    assert world.run("staging", kept)[1]
    before = world.digest("staging")
    rejected = world.open({"message.txt": "To be rejected\n"})
    assert world.run("staging", rejected)[1]
    assert world.digest("staging") != before
    world.machine.forge.developer.close(REPOSITORY, rejected.number)
    wait_until(lambda: world.digest("staging") == before, 60, "staging does not return")
    world.serves("staging", "Stays open")

    def recorded() -> bool:
        """It is recorded once it is ready."""
        notes = world.deployment("staging").metadata.annotations
        return bool(notes["tekton-delivery/pull-request"] == str(kept.number))

    wait_until(recorded, 30, f"staging does not say that it serves #{kept.number} again")


def _delivered(world: World, message: str) -> PullRequest:
    pull_request = world.open({"message.txt": f"{message}\n"})
    assert world.run("staging", pull_request)[1]
    world.merge(pull_request)
    assert world.run("production", pull_request)[1]
    return pull_request


def _tag(world: World, folder: Path, source: str, target: str) -> None:
    """Move a tag, with the credential that pipelines push with."""
    host = f"{world.machine.cluster.node_ip}:5000"
    password = (SECRETS / "registry" / "deployer").read_text()
    auth = base64.b64encode(f"deployer:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    command = [world.machine.folders["crane"] / "crane", "tag", "--insecure", f"{host}/chespirito:{source}", target]
    subprocess.run(command, env=os.environ | {"DOCKER_CONFIG": str(folder)}, check=True, capture_output=True)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
