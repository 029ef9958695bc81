"""A GitHub App and nothing else: the stack `both` fetches and talks to the forge by tokens of the App's installation.

The forge is Gitea behind a front that gives the tokens as GitHub does, and lets git in by them. Gitea's webhooks pass as
GitHub's where both name an event alike: opened, and closed. `/ok-to-test` is sent as GitHub sends it.
"""

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from kubernetes import client

from components.conventions import MINTER
from local.cluster.network import Namespace
from local.demo import APPLICATION
from local.follow import follow
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.kubernetes_api import wait_until
from steps.mint import EXPIRES
from tests.e2e.attacks.minted import by_api, by_git, by_minters_token
from tests.e2e.github_app import Delivered, build_pod, key_pair, ok_to_test, retold, said
from tests.e2e.github_front import APP, INSTALLATION, Front, cut_off, front
from tests.e2e.stacks import Pulumi, altered, heard, stack
from tests.e2e.world import World

LISTENER = "el-both-github-el"
KEY = REPOSITORY.replace("/", ".")


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
        stack(pulumi, "both", altered("both", folder, by_app), beside=True),
        heard(world, "both", "qa", LISTENER),
    ):
        # Its own hour would come in the middle of a test.
        batch: Any = client.BatchV1Api(world.kubernetes.api)
        batch.patch_namespaced_cron_job("teller", "qa-ci", {"spec": {"suspend": True}})
        yield made


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
    pod = build_pod(world, delivered)
    (workspace,) = [each for each in pod["spec"]["volumes"] if "basic-auth" in json.dumps(each)]

    def created(secret: str) -> None:
        workspace["secret"]["secretName"] = secret
        world.kubernetes.core.create_namespaced_pod("qa-ci", pod, dry_run="All")

    created("basic-auth")
    with pytest.raises(client.ApiException, match="tekton-delivery-qa-pods"):
        created("forge-app")


def test_minted_tokens_are_no_change_for_pulumi_and_encrypted_where_it_has_read_them(
    world: World, pulumi: Pulumi, github: Front, folder: Path
) -> None:
    flags = ("--stack", "both", "--config-file", str(folder / "Pulumi.altered.yaml"))
    pulumi("refresh", *flags, "--yes", "--skip-preview")
    pulumi("preview", *flags, "--refresh=false", "--expect-no-changes")
    state, shown = (pulumi("stack", "export", "--stack", "both", *how).stdout for how in ((), ("--show-secrets",)))
    held = base64.b64encode(world.kubernetes.secret("qa-ci", "basic-auth")[KEY].encode()).decode()
    assert held in shown, "the control"
    for told in (held, *github.issued, *(base64.b64encode(token.encode()).decode() for token in github.issued)):
        assert told not in state


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
def other(world: World, github: Front, delivered: Delivered) -> Iterator[PullRequest]:
    """One more, which stays open. While it is delivered the forge is down: it ends well, and nobody hears of it."""
    message = f"Delivered unheard {uuid.uuid4().hex}"
    with cut_off(github, 0):
        pull_request = world.open({"message.txt": f"{message}\n"}, "Another change")
        _, succeeded, told = world.run("qa", pull_request)
    assert succeeded, told
    page = f"http://{world.kubernetes.service_address('qa', APPLICATION)}"
    inside = Namespace(world.machine.cluster.layout.id)

    def serves() -> bool:
        try:
            return message in inside.call(lambda: httpx.get(page, timeout=5, trust_env=False).text)
        except httpx.HTTPError:
            return False

    wait_until(serves, 20, f"{page} does not show {message!r}")
    assert said(world, pull_request) == {}
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


def test_who_may_write_is_looked_up_by_a_token_that_only_reads(world: World, github: Front, other: PullRequest) -> None:
    before = len(github.calls)
    number = ok_to_test(world, LISTENER, other.number, other.head_sha)
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


@pytest.fixture(scope="module")
def unheard(world: World, github: Front, folder: Path) -> Iterator[Delivered]:
    """A delivery as after the App's key was deleted on GitHub."""
    right, github.public_key = github.public_key, key_pair(folder / "other.pem")
    before = len(github.calls)
    try:
        pull_request = world.open({"message.txt": "Signed by nobody\n"}, "Signed by nobody")
        run, succeeded, _ = world.run("qa", pull_request)
    finally:
        github.public_key = right
    assert not succeeded
    assert github.calls[before:] == []
    yield Delivered(pull_request, run)
    world.machine.forge.developer.close(REPOSITORY, pull_request.number)


def test_a_key_that_is_not_the_apps_is_refused_and_the_run_says_so(world: World, github: Front, unheard: Delivered) -> None:
    """The delivery goes on, the forge is told nothing, and the run fails."""
    why = f"error: the forge gives the GitHub App {APP} no token (status 401): its private key is not one of this App's"
    for task, step in (("begin", "begin"), ("report", "report")):
        assert why in world.logs(unheard.run, task, step)
    assert github.refused == [401, 401]
    assert said(world, unheard.pull_request) == {}


def test_what_the_forge_did_not_hear_it_hears_later_and_once(
    world: World, github: Front, other: PullRequest, unheard: Delivered
) -> None:
    """Two deliveries, and a push to the base branch while it says that it is asked too often: that fails no run either."""
    known = len(world.kubernetes.runs("qa-ci", event="base-moved"))
    with cut_off(github, 429):
        world.machine.forge.developer.commit(REPOSITORY, "main", "In a hurry", {"hurry.txt": uuid.uuid4().hex})
        wait_until(lambda: len(world.kubernetes.runs("qa-ci", event="base-moved")) > known, 20, "nothing hears of the push")
        run = world.kubernetes.runs("qa-ci", event="base-moved")[-1]
        succeeded, told = follow(world.kubernetes, run, world.log.append)
        assert succeeded, told
        assert "told later: heads" in world.logs(run, "base-moved", "moved")
    assert said(world, unheard.pull_request) == {}
    assert "qa" not in said(world, other)
    before = len(github.calls)
    retold(world)
    red = ("failure", "main has moved: update the branch")
    for pull_request in (other, unheard.pull_request):
        told_late = said(world, pull_request)
        assert told_late["qa"][0] == "success"
        assert told_late["promotable"] == red, "whose run was told after the push, which came later"
        assert "### qa: done" in world.comment("staging", pull_request)
    # Of the two, the one that was rolled out last is what is there: GitHub takes what is created last for that.
    states = {each["ref"]: [said["state"] for said in each["statuses"]] for each in github.deployments.values()}
    assert (states.get(other.head_sha), states.get(unheard.pull_request.head_sha)) == (None, ["success"])
    assert [call for call in github.calls[before:] if call[1] != "GET"], "the control of what follows"
    before = len(github.calls)
    retold(world)
    assert [call for call in github.calls[before:] if call[1] != "GET"] == []
    assert github.calls[before:], "it has asked"
    assert github.mistakes == []
