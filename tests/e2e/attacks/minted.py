"""What a thief tries with a token of an App that the minter wrote, and with the minter's own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from kubernetes import client

from local.cluster.network import Namespace
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from tests.e2e.github_front import INSTALLATION, Front
from tests.e2e.test_pods import plain_pod
from tests.e2e.world import World


def by_git(world: World, github: Front, token: str, folder: Path) -> tuple[bool, bool]:
    """Whether git fetches by it, and whether it pushes what it fetched."""
    there = f"{github.url.removesuffix('/api/v1').replace('//', f'//x-access-token:{token}@')}/{REPOSITORY}.git"
    clone = str(folder / "stolen")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments: str) -> bool:
        done = subprocess.run(["git", *arguments], env=env, cwd=folder, capture_output=True, timeout=60)
        return done.returncode == 0

    def both() -> tuple[bool, bool]:
        return git("clone", "--quiet", there, clone), git("-C", clone, "push", there, "HEAD:refs/heads/stolen")

    return Namespace(world.machine.cluster.layout.id).call(both)


def by_api(world: World, github: Front, token: str, pull_request: PullRequest) -> list[int]:
    """The answers to a status, a comment and another token of GitHub, and to a branch by the forge behind the front."""
    calls: list[tuple[str, dict[str, Any]]] = [
        (
            f"{github.url}/repos/{REPOSITORY}/statuses/{pull_request.head_sha}",
            {"state": "success", "context": "tekton-delivery/promotable"},
        ),
        (f"{github.url}/repos/{REPOSITORY}/issues/{pull_request.number}/comments", {"body": "mine"}),
        (f"{github.url}/app/installations/{INSTALLATION}/access_tokens", {"permissions": {"statuses": "write"}}),
        (f"{world.machine.forge.url}/api/v1/repos/{REPOSITORY}/branches", {"new_branch_name": "stolen"}),
    ]
    bearer = {"Authorization": f"Bearer {token}"}

    def answers() -> list[int]:
        return [httpx.post(url, headers=bearer, json=body, trust_env=False).status_code for url, body in calls]

    return Namespace(world.machine.cluster.layout.id).call(answers)


def by_minters_token(api: client.ApiClient, namespace: str, *, other: str) -> list[str]:
    """What the minter's own token opens that it should not; it patches its Secret, which is what it is for."""
    core: Any = client.CoreV1Api(api)
    note = {"metadata": {"annotations": {"tekton-delivery/tried": "yes"}}}
    core.patch_namespaced_secret("basic-auth", namespace, note)
    tries: dict[str, Callable[[], Any]] = {
        "lists Secrets": lambda: core.list_namespaced_secret(namespace),
        "reads its Secret by itself": lambda: core.read_namespaced_secret("basic-auth", namespace),
        "deletes its Secret": lambda: core.delete_namespaced_secret("basic-auth", namespace),
        "patches another environment's": lambda: core.patch_namespaced_secret("basic-auth", other, note),
        "makes a pod": lambda: core.create_namespaced_pod(namespace, plain_pod()),
    }
    for name in ("forge-app", "registry-push", "mark-signing"):
        tries[f"reads {name}"] = lambda name=name: core.read_namespaced_secret(name, namespace)
        tries[f"patches {name}"] = lambda name=name: core.patch_namespaced_secret(name, namespace, note)
    done = []
    for what, attempt in tries.items():
        try:
            attempt()
        except client.ApiException as error:
            if error.status == 403:
                continue
        done.append(what)
    return done
