"""The platform's own pull-request check: one comment on the forge, and a preview by an account without any right."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from local import preview
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.paths import ROOT
from local.pulumi_stacks import BACKEND
from offline.check.__main__ import BY_THE_BRANCH
from offline.check.report import MARKER
from tests.e2e.stacks import altered
from tests.e2e.world import World

ACCOUNT = "default/tekton-delivery-preview"


@pytest.fixture(scope="module")
def comment_text() -> str:
    """What the one local command prints, staging's preview included."""
    command = [sys.executable, "-m", "local.pull_request_check", "--against", "HEAD", "staging", "production"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_the_command_previews_staging_and_never_production(comment_text: str) -> None:
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in comment_text.splitlines() if line.startswith("| ")}
    assert rows["staging"].endswith(" unchanged |"), rows["staging"]
    assert rows["production"].endswith(" not run here |"), rows["production"]
    assert "✅ tekton-delivery@v" in comment_text
    assert BY_THE_BRANCH in comment_text


@pytest.fixture
def pull_request(world: World) -> Iterator[PullRequest]:
    """A pull request to a branch that no trigger is for: it starts nothing."""
    developer = world.machine.forge.developer
    developer.commit(REPOSITORY, "check-base", "A base", {"check.txt": "base\n"}, base="main")
    developer.commit(REPOSITORY, "check-head", "A change", {"check.txt": "head\n"}, base="check-base")
    opened = developer.open_pull_request(REPOSITORY, "check-head", "A change of the platform", base="check-base")
    yield opened
    developer.close(REPOSITORY, opened.number)
    for branch in ("check-head", "check-base"):
        developer.delete_branch(REPOSITORY, branch)


def test_the_forge_shows_one_comment_that_the_next_run_changes(
    world: World, pull_request: PullRequest, comment_text: str
) -> None:
    forge = world.machine.forge
    token = forge.admin.new_token(forge.developer.user, "pull-request-check", ["write:issue"])
    command = [
        *(sys.executable, "-m", "offline.check.comment", "--api", f"{forge.url}/api/v1", "--repository", REPOSITORY),
        *("--pull-request", str(pull_request.number), "--user", forge.developer.user),
    ]
    forge.developer.comment(REPOSITORY, pull_request.number, "A remark of somebody")
    for text in (f"{MARKER}\nfirst\n", comment_text):
        subprocess.run(command, cwd=ROOT, input=text, env=os.environ | {"FORGE_TOKEN": token}, text=True, check=True)
    remark, written = forge.developer.comments(REPOSITORY, pull_request.number)
    assert remark.body == "A remark of somebody"
    assert written.body.strip() == comment_text.strip()


@pytest.fixture
def nobody(world: World, tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of an account that nobody gave a right."""
    core = world.kubernetes.core
    namespace, _, name = ACCOUNT.partition("/")
    core.create_namespaced_service_account(namespace, {"metadata": {"name": name}})
    try:
        request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=3600))
        token = core.create_namespaced_service_account_token(name, namespace, request).status.token
        config = yaml.safe_load(world.machine.cluster.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        yield path
    finally:
        core.delete_namespaced_service_account(name, namespace)


def test_a_preview_needs_no_right_on_the_cluster(world: World, nobody: Path, tmp_path: Path) -> None:
    """The same state, on which the provider's kubeconfig is that account's: nothing else differs."""
    shipped = str(world.machine.cluster.kubeconfig.relative_to(ROOT))
    backend = tmp_path / "backend"
    shutil.copytree(BACKEND, backend)
    (state,) = backend.glob(".pulumi/stacks/**/staging.json")
    assert shipped in state.read_text()
    state.write_text(state.read_text().replace(shipped, str(nobody)))

    another, more = tmp_path / "another", tmp_path / "more"
    another.write_text("another")
    more.write_text("more")

    def change(settings: dict[str, Any], memory: str | None) -> None:
        settings["cluster"] |= {"kubeconfig": str(nobody)}
        if memory:
            settings["applications"][0]["resources"] = {"memory": memory}
            # Secrets change and come too: none of them is read.
            settings["mark"]["password"] = {"file": str(another)}
            settings["applications"][0]["buildSecrets"] = {"more": {"file": str(more)}}

    def run(memory: str | None, *flags: str) -> "subprocess.CompletedProcess[str]":
        file = altered("staging", tmp_path, lambda settings: change(settings, memory))
        ((command, variables),) = preview.commands(["staging"])
        return subprocess.run(
            [*command, "--config-file", str(file), "--color", "never", *flags],
            cwd=ROOT, env=variables | {"PULUMI_BACKEND_URL": f"file://{backend}"}, capture_output=True, text=True,
        )  # fmt: skip

    unchanged = run(None, "--refresh=false", "--expect-no-changes")
    assert unchanged.returncode == 0, unchanged.stdout + unchanged.stderr
    changed = run("300Mi", "--refresh=false")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert re.search(r"~  kubernetes:apps/v1:Deployment \S+ update", changed.stdout), changed.stdout
    assert re.search(r"~  kubernetes:core/v1:Secret \S+ update", changed.stdout), changed.stdout
    assert re.search(r"\+  kubernetes:core/v1:Secret \S+ create", changed.stdout), changed.stdout
    looked = run(None)
    assert looked.returncode != 0, "the control: what is asked of the cluster is refused"
    assert "forbidden" in looked.stdout, looked.stdout


def test_that_account_reads_and_writes_nothing(world: World, nobody: Path) -> None:
    kubectl = world.machine.folders["kubernetes"] / "kubectl"
    for namespace in ("staging", "staging-ci", "production", "production-ci", "default"):
        rules = subprocess.run(
            [kubectl, "--kubeconfig", nobody, "auth", "can-i", "--list", "--namespace", namespace],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        # What every account may: ask what it may, and read which kinds there are.
        for line in rules.splitlines()[1:]:
            assert "selfsubject" in line or line.lstrip().startswith("["), rules
    api = client.CoreV1Api(client.ApiClient(_configuration(nobody)))
    for namespace in ("staging-ci", "production-ci"):
        with pytest.raises(client.ApiException) as refused:
            api.read_namespaced_secret("forge-token", namespace)
        assert refused.value.status == 403


def _configuration(kubeconfig: Path) -> client.Configuration:
    from kubernetes import config

    made = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=made)
    return made
