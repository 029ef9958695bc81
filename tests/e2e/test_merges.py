"""Merges that a forge tells of and did not make: by a push, by a fast-forward; and pull requests that share their head.

Gitea looks for them where a repository says so. Merge commits, squashes and rebases of its own are in test_promotion.py.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo import APPLICATION, DEPLOYMENT
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.kubernetes_api import Object, wait_until
from local.paths import ROOT
from tests.e2e.attacks.repository import Clone
from tests.e2e.world import World

STYLES = ("allow_manual_merge", "autodetect_manual_merge", "allow_fast_forward_only_merge")


@pytest.fixture(scope="module", autouse=True)
def styles(world: World) -> Iterator[None]:
    """The repository takes pull requests for merged whose commits were pushed, and lets them be fast-forwarded."""
    admin, path = world.machine.forge.admin, f"/repos/{REPOSITORY}"
    before = admin.call("GET", path, "read the styles of merging")
    admin.call("PATCH", path, "allow more styles", json=dict.fromkeys(STYLES, True))
    yield
    # Gitea ignores what it is to know of merging unless the whole unit is said anew.
    former = {name: before[name] for name in STYLES if name in before}
    admin.call("PATCH", path, "restore the styles", json=former)


@contextlib.contextmanager
def held(world: World) -> Iterator[None]:
    """Let staging's deploys wait, as for another one that goes on."""
    now = wait_until_free(world)
    spec = {"holderIdentity": "e2e", "leaseDurationSeconds": 300, "renewTime": now, "acquireTime": now}
    world.kubernetes.coordination.patch_namespaced_lease(DEPLOYMENT, "staging", {"spec": spec})
    try:
        yield
    finally:
        free = dict.fromkeys(spec)
        world.kubernetes.coordination.patch_namespaced_lease(DEPLOYMENT, "staging", {"spec": free})


def wait_until_free(world: World) -> str:
    """Wait until nobody deploys to staging; the time."""

    def free() -> bool:
        lease = world.kubernetes.coordination.read_namespaced_lease(DEPLOYMENT, "staging")
        return not (lease.spec and lease.spec.holder_identity)

    wait_until(free, 60, "somebody deploys to staging")
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())


def same_head(world: World, pull_request: PullRequest) -> PullRequest:
    """Another pull request whose head is the same commit."""
    developer, branch = world.machine.forge.developer, f"{pull_request.branch}-again"
    made = {"new_branch_name": branch, "old_ref_name": pull_request.branch}
    developer.call("POST", f"/repos/{REPOSITORY}/branches", f"make the branch {branch}", json=made)
    return developer.open_pull_request(REPOSITORY, branch, "The same once more")


class Hand:
    """Somebody who merges at home and pushes the branch."""

    def __init__(self, world: World, folder: Path) -> None:
        self._clone = Clone(world.machine, folder)
        self._url = f"{world.machine.forge.url}/{REPOSITORY}.git"

    def merge(self, pull_request: PullRequest) -> str:
        """Merge a pull request's head into main, which has not moved; the merge commit. Nothing is pushed."""
        git = self._clone.git
        git("fetch", "--quiet", self._url, f"{pull_request.branch}:{pull_request.branch}")
        author = ("-c", "user.name=Alice", "-c", "user.email=alice@example.org")
        parents = ("-p", "main", "-p", pull_request.head_sha)
        made = git(*author, "commit-tree", *parents, "-m", "Merged at home", f"{pull_request.head_sha}^{{tree}}")
        git("update-ref", "refs/heads/main", made)
        return made

    def add(self, name: str) -> str:
        """Commit a file on top of main; the commit."""
        made = self._clone.push(f"pushed-{name}", f"Add {name}", {name: "by hand\n"})
        self._clone.git("update-ref", "refs/heads/main", made)
        return made

    def push(self) -> None:
        self._clone.git("push", "--quiet", self._url, "main")


def served(world: World) -> list[str]:
    """The pull requests whose images production has served, the latest last."""
    history = world.deployment("production").metadata.annotations.get("tekton-delivery/history", "[]")
    return [entry["pullRequest"] for entry in json.loads(history)]


def parameters(run: Object) -> dict[str, Any]:
    return {param["name"]: param["value"] for param in run["spec"]["params"]}


def test_what_staging_signed_is_promoted_while_another_run_of_the_same_commit_goes_on(world: World, tmp_path: Path) -> None:
    """The second run has copied an image of its own and signed none. The merge is made at home and pushed."""
    first = world.open({"message.txt": "Merged by hand\n"})
    assert world.run("staging", first)[1]
    digest = world.digest("staging")
    with held(world):
        second = same_head(world, first)
        assert second.head_sha == first.head_sha
        run = wait_for_run(world.kubernetes, "staging-ci", second.number)

        def copied() -> bool:
            with contextlib.suppress(Exception):  # the pod is not there yet
                return "waiting for another deploy" in world.logs(run, "stage", "stage")
            return False

        wait_until(copied, 120, "the second run does not come to its rollout")
        assert world.status("promotable", first.head_sha)[0] == "success"
        hand = Hand(world, tmp_path / "home")
        merge = hand.merge(first)
        hand.push()
        promotion, succeeded, told = world.run("production", first)
        assert succeeded, told
    assert parameters(promotion)["merge-sha"] == merge != first.head_sha
    assert world.digest("production") == digest
    world.serves("production", "Merged by hand")
    assert follow(world.kubernetes, run, world.log.append)[0]
    # The forge takes the second one for merged as well, by the same commit.
    _, succeeded, told = world.run("production", second)
    assert succeeded, told


def test_what_a_fast_forwarded_pull_request_took_back_is_not_promoted(world: World) -> None:
    taken_back = world.open({"message.txt": "Never reviewed\n"})
    assert world.run("staging", taken_back)[1]
    developer, branch = world.machine.forge.developer, f"{taken_back.branch}-reviewed"
    developer.commit(REPOSITORY, branch, "Take it back", {"message.txt": "Reviewed\n"}, base=taken_back.branch)
    reviewed = developer.open_pull_request(REPOSITORY, branch, "Reviewed")
    assert world.run("staging", reviewed)[1]
    merged = world.merge(reviewed, "fast-forward-only")
    assert merged.merge_commit_sha == reviewed.head_sha
    _, succeeded, told = world.run("production", reviewed)
    assert succeeded, told
    # The forge itself says that the first one was merged: by its own head, on the branch and with a mark.
    run, _, _ = world.run("production", taken_back)
    assert parameters(run)["merge-sha"] == parameters(run)["head-sha"] == taken_back.head_sha
    assert "main has moved on since this merge" in world.logs(run, "promote", "promote")
    assert str(taken_back.number) not in served(world)
    world.serves("production", "Reviewed")


def test_where_the_branch_has_moved_on_the_way_out_ships_what_it_has(world: World, tmp_path: Path) -> None:
    pull_request = world.open({"message.txt": "Pushed with more\n"})
    assert world.run("staging", pull_request)[1]
    before = world.digest("production")
    hand = Hand(world, tmp_path / "home")
    merge = hand.merge(pull_request)
    tip = hand.add(f"pushed-{pull_request.number}.txt")
    hand.push()
    run, succeeded, _ = world.run("production", pull_request)
    assert not succeeded
    assert parameters(run)["merge-sha"] == merge
    assert world.digest("production") == before
    state, reason = world.status("production", pull_request.head_sha)
    assert state == "failure"
    command = f"python -m operate rebuild production {APPLICATION} {pull_request.number}"
    assert reason == f"main has moved on since this merge; to ship what it has now: {command}"

    kubeconfig = {"KUBECONFIG": str(world.machine.cluster.kubeconfig)}
    done = subprocess.run(
        [sys.executable, *command.split()[1:]], cwd=ROOT, env=os.environ | kubeconfig, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    _, succeeded, told = world.run("production", pull_request, known=1)
    assert succeeded, told
    notes = world.deployment("production").metadata.annotations
    assert notes["tekton-delivery/merge-commit"] == tip
    assert world.digest("production") == world.digest("staging") != before
    world.serves("production", "Pushed with more")
