"""A GitHub App and nothing else: the stack `both` fetches and talks to the forge by tokens of the App's installation.

The forge is Gitea behind a front that gives the tokens as GitHub does, and lets git in by them. Gitea's webhooks pass as
GitHub's where both name an event alike: opened, and closed. `/ok-to-test` is sent as GitHub sends it.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from components.conventions import MINTER
from local.cluster.network import Namespace
from local.forge.client import PullRequest
from local.forge.replay import send
from local.forge.setup import REPOSITORY
from steps.mint import EXPIRES
from tests.e2e.attacks.minted import by_api, by_git, by_minters_token
from tests.e2e.github_front import APP, INSTALLATION, Front, front
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

LISTENER = "el-both-github-el"
KEY = REPOSITORY.replace("/", ".")


def key_pair(path: Path) -> Path:
    """An App's private key as GitHub gives it; its public half."""
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", path, "2048"], check=True, capture_output=True)
    public = path.with_suffix(".pub")
    subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-out", public], check=True, capture_output=True)
    return public


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def github(world: World, pulumi: Pulumi, folder: Path) -> Iterator[Front]:
    """The stack is up, on GitHub as far as it knows, and hears of pull requests."""
    key = folder / "app.pem"
    public_key = key_pair(key)

    def by_app(settings: dict[str, Any]) -> None:
        del settings["forge"]["token"], settings["forge"]["ssh"]
        app = {"id": APP, "installationId": INSTALLATION, "privateKey": {"file": str(key)}}
        settings["forge"] |= {"kind": "github", "apiUrl": made.url, "app": app, "okToTest": {}}
        settings["forge"] |= {"runUrl": "https://tekton.example/{namespace}/{pipelineRun}", "deployments": True}

    with (
        front(world.machine, public_key) as made,
        stack(pulumi, "both", altered("both", folder, by_app)),
        heard(world, "both", "qa", LISTENER),
    ):
        yield made


@dataclass
class Delivered:
    """A pull request that was delivered, and its run."""

    pull_request: PullRequest
    run: dict[str, Any]


@pytest.fixture(scope="module")
def delivered(world: World, github: Front) -> Delivered:
    pull_request = world.open({"message.txt": "By an App\n"})
    run, succeeded, told = world.run("qa", pull_request)
    assert succeeded, told
    return Delivered(pull_request, run)


def test_statuses_are_set_by_tokens_that_can_do_little_else(world: World, github: Front, delivered: Delivered) -> None:
    sha, number = delivered.pull_request.head_sha, delivered.pull_request.number
    assert world.status("qa", sha)[0] == "success"
    assert world.status("promotable", sha)[0] == "success"
    # The pull request was announced, and its end was told, by a step each: of their tokens one is for statuses.
    # The first one has asked for its head; what had been told meanwhile is read once it is green.
    begins, told = ("pull_requests", "statuses"), (("statuses",), "POST", f"statuses/{sha}")
    *calls, read = [call for call in github.calls if "statuses" in call[0]]
    assert (read[0], read[2].partition("?")[0]) == (("statuses",), f"commits/{sha}/statuses")
    assert calls == [(begins, "GET", f"pulls/{number}"), (begins, *told[1:]), told, told]
    assert github.refused == []
    assert github.mistakes == []


def test_the_comment_is_one_and_written_by_tokens_that_set_no_status(
    github: Front, delivered: Delivered, world: World
) -> None:
    number = delivered.pull_request.number
    comments = f"issues/{number}/comments"
    calls = [call[1:] for call in github.calls if call[0] == ("pull_requests",)]
    assert [method for method, _ in calls] == ["GET", "POST", "GET", "GET", "PATCH"]
    assert [path for _, path in calls[:4]] == [comments] * 4
    asked = len(github.issued) - len(github.fetching)
    assert asked == 2 * 3, "two steps, each with a token for statuses, for the comment and for deployments"
    said = world.comment("staging", delivered.pull_request)  # whose token the front gives
    page = f"https://tekton.example/qa-ci/{delivered.run['metadata']['name']}"
    assert "### qa: done" in said
    assert f"](<{page}>)" in said
    developer = world.machine.forge.developer
    assert developer.statuses(REPOSITORY, delivered.pull_request.head_sha)["tekton-delivery/qa"].target_url == page


def test_the_rollout_is_a_deployment(github: Front, delivered: Delivered) -> None:
    (made,) = github.deployments.values()
    run = delivered.run["metadata"]["name"]
    assert (made["ref"], made["environment"], made["payload"]) == (delivered.pull_request.head_sha, "qa", {"run": run})
    assert [each["state"] for each in made["statuses"]] == ["in_progress", "success"]
    assert {each["log_url"] for each in made["statuses"]} == {f"https://tekton.example/qa-ci/{run}"}
    assert {call[0] for call in github.calls if call[2].startswith("deployments")} == {("deployments",)}


def test_commits_are_fetched_by_tokens_that_read_and_do_nothing_else(
    world: World, github: Front, delivered: Delivered
) -> None:
    assert github.fetches
    assert {service for service, _ in github.fetches} == {"git-upload-pack"}
    assert {status for _, status in github.fetches} == {200}
    for namespace in ("qa-ci", "live-ci"):
        held = world.kubernetes.secret(namespace, "basic-auth")
        assert held.keys() == {KEY}
        assert held[KEY] in github.fetching
        secret: Any = world.kubernetes.core.read_namespaced_secret("basic-auth", namespace)
        assert json.loads(secret.metadata.annotations[EXPIRES]).keys() == {KEY}


def test_what_pod_1_could_steal_reads_and_does_nothing_else(
    world: World, github: Front, delivered: Delivered, folder: Path
) -> None:
    """The token that the fetch step mounts, in an attacker's hands."""
    token, refused = world.kubernetes.secret("qa-ci", "basic-auth")[KEY], len(github.refused)
    assert by_git(world, github, token, folder) == (True, False)
    assert github.fetches.pop() == ("git-receive-pack", 403)
    assert by_api(world, github, token, delivered.pull_request) == [403, 403, 401, 403]
    del github.refused[refused:]


def test_the_minters_token_opens_one_secret(world: World, github: Front) -> None:
    assert by_minters_token(world.as_account("qa-ci", MINTER), "qa-ci", other="live-ci") == []


def test_a_pod_with_pull_request_code_cannot_mount_the_key(world: World, github: Front, delivered: Delivered) -> None:
    """Whoever makes it: by admission, beside the Secret that it may mount."""
    run = delivered.run["metadata"]["name"]
    found: Any = world.kubernetes.core.list_namespaced_pod(
        "qa-ci", label_selector=f"tekton.dev/pipelineRun={run},tekton.dev/pipelineTask=build"
    )
    pod = world.kubernetes.api.sanitize_for_serialization(found.items[0])
    pod["metadata"] = {"name": "probe", "labels": pod["metadata"]["labels"]}
    del pod["spec"]["nodeName"], pod["status"]

    (workspace,) = [each for each in pod["spec"]["volumes"] if "basic-auth" in json.dumps(each)]

    def created(secret: str) -> None:
        workspace["secret"]["secretName"] = secret
        world.kubernetes.core.create_namespaced_pod("qa-ci", pod, dry_run="All")

    created("basic-auth")
    with pytest.raises(client.ApiException, match="tekton-delivery-qa-pods"):
        created("forge-app")


def test_minted_tokens_are_no_change_for_pulumi(pulumi: Pulumi, github: Front, folder: Path) -> None:
    flags = ("--stack", "both", "--config-file", str(folder / "Pulumi.altered.yaml"))
    pulumi("preview", *flags, "--expect-no-changes")


def test_neither_key_nor_tokens_are_in_the_logs(world: World, github: Front, delivered: Delivered, folder: Path) -> None:
    printed = "".join(world.logs(delivered.run, task, step) for task, step in (("begin", "begin"), ("report", "report")))
    assert f"{delivered.pull_request.head_sha} qa: " in printed
    for secret in (*github.issued, *(folder / "app.pem").read_text().splitlines(), "Bearer"):
        assert secret not in printed


def test_the_key_is_a_secret_of_the_stack_and_there_is_no_token(world: World, github: Front, folder: Path) -> None:
    for namespace in ("qa-ci", "live-ci"):
        names = {item.metadata.name for item in world.kubernetes.core.list_namespaced_secret(namespace).items}
        assert "forge-app" in names
        assert not names & {"forge-token", "forge-reader", "ssh-directory"}
        assert world.kubernetes.secret(namespace, "forge-app") == {"private-key": (folder / "app.pem").read_text()}


@pytest.fixture(scope="module")
def other(world: World, delivered: Delivered) -> Iterator[PullRequest]:
    """One more, which stays open."""
    pull_request = world.open({"other.txt": "Still open\n"}, "Another change")
    assert world.run("qa", pull_request)[1]
    yield pull_request
    world.machine.forge.developer.close(REPOSITORY, pull_request.number)


def test_after_a_merge_other_pull_requests_are_read_as_well(
    world: World, github: Front, delivered: Delivered, other: PullRequest
) -> None:
    before = len(github.calls)
    merged = world.merge(delivered.pull_request)
    _, succeeded, told = world.run("live", merged)
    assert succeeded, told
    rights = ("pull_requests", "statuses")
    calls = github.calls[before:]
    assert (rights, "GET", "pulls") in calls
    # The shipped stacks' tokens may have been there first, and what is red is not said again.
    assert (rights, "GET", f"commits/{other.head_sha}/status") in calls
    assert world.status("promotable", other.head_sha)[0] == "failure"
    live = [each for each in github.deployments.values() if each["environment"] == "live"]
    assert [[said["state"] for said in each["statuses"]] for each in live] == [["in_progress", "success"]]
    both = world.comment("staging", delivered.pull_request)
    assert "### qa: done" in both
    assert "### live: done" in both, "one comment of the one account"
    assert github.mistakes == []


def comment(world: World, number: int, sha: str) -> int:
    """A word about a commit, as GitHub sends it. Its number."""
    developer = world.machine.forge.developer
    path = f"/repos/{REPOSITORY}/issues/{number}/comments"
    written = developer.call("POST", path, f"comment on {number}", json={"body": f"/ok-to-test {sha}"})
    user = {"login": developer.user, "id": written["user"]["id"]}
    body = {
        "action": "created",
        "repository": {"full_name": REPOSITORY},
        "issue": {"number": number, "state": "open", "pull_request": {}},
        "comment": {
            "id": written["id"],
            "user": user,
            "body": f"/ok-to-test {sha}",
            "created_at": "2026-01-02T03:04:05Z",
            "author_association": "MEMBER",
        },
        "sender": user,
    }
    url = f"http://{world.kubernetes.service_address('qa-ci', LISTENER)}:8080"
    secret = world.kubernetes.webhook_secret("qa-ci")
    # From inside the cluster, where the Service has an address.
    inside = Namespace(world.machine.cluster.layout.id)
    inside.call(lambda: send(json.dumps(body).encode(), url=url, secret=secret, event="issue_comment"))
    return int(written["id"])


def test_who_may_write_is_looked_up_by_a_token_that_only_reads(world: World, github: Front, other: PullRequest) -> None:
    before = len(github.calls)
    number = comment(world, other.number, other.head_sha)
    run, succeeded, told = world.run("qa", other, known=1)
    assert succeeded, told
    assert "no: refused: the pull request is no fork's" in world.logs(run, "permit", "permit")
    rights = ("metadata", "pull_requests")
    developer = world.machine.forge.developer.user
    assert github.calls[before:] == [
        (rights, "GET", f"issues/comments/{number}"),
        (rights, "GET", f"collaborators/{developer}/permission"),
        (rights, "GET", f"pulls/{other.number}"),
    ]


def test_a_key_that_is_not_the_apps_is_refused_and_the_run_says_so(world: World, github: Front, folder: Path) -> None:
    """As after the App's key was deleted on GitHub: the delivery goes on, the forge is told nothing, and the run fails."""
    right, github.public_key = github.public_key, key_pair(folder / "other.pem")
    before = len(github.calls)
    try:
        pull_request = world.open({"message.txt": "Signed by nobody\n"}, "Signed by nobody")
        run, succeeded, _ = world.run("qa", pull_request)
    finally:
        github.public_key = right
    assert not succeeded
    why = f"error: the forge gives the GitHub App {APP} no token (status 401): its private key is not one of this App's"
    for task, step in (("begin", "begin"), ("report", "report")):
        assert why in world.logs(run, task, step)
    assert github.refused == [401, 401]
    assert github.calls[before:] == []
    assert "tekton-delivery/qa" not in world.machine.forge.developer.statuses(REPOSITORY, pull_request.head_sha)
    world.machine.forge.developer.close(REPOSITORY, pull_request.number)
