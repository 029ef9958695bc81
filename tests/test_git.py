"""Fetching over HTTPS: with a token that only the fetching steps see, or of public repositories without any credential."""

import pytest

from components.conventions import BASIC_AUTH
from offline.reachability.rows import rows
from tests.admission import refusals
from tests.closure import problems, run_problems
from tests.sink import deliver
from tests.support import STACKS, Declared, Object, over_https
from tests.test_routing import payload

FETCHING = {"staging": {"build", "stage", "needed", "tests", "base-moved"}, "production": {"promote"}}
EVENTS = {"staging": "opened", "production": "closed_merged"}
FETCHING_STEPS = {"fetch", "needed", "stage", "promote", "prove", "moved"}


@pytest.fixture(params=STACKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def steps(declared: Declared) -> list[tuple[str, Object]]:
    return [(task["metadata"]["name"], step) for task in declared.all("Task") for step in task["spec"]["steps"]]


def env(step: Object) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in step["env"]}


@pytest.mark.parametrize("public", [False, True], ids=["token", "public"])
def test_every_step_that_fetches_does_so_over_https_alone(name: str, public: bool) -> None:
    declared = over_https(name, public=public)
    found = [(task, step) for task, step in steps(declared) if "PARAM_REPOSITORY_URL" in env(step)]
    assert {task for task, _ in found} == FETCHING[name]
    for _, step in found:
        assert step["name"] in FETCHING_STEPS
        assert env(step)["GIT_ALLOW_PROTOCOL"] == "https"
        assert "GIT_SSH_COMMAND" not in env(step)
    urls = {
        param["value"]
        for pipeline in declared.all("Pipeline")
        for task in pipeline["spec"]["tasks"]
        for param in task["params"]
        if param["name"] == "repository-url"
    }
    assert urls == {"https://git.example:8443/forge/acme/chespirito.git"}


def test_the_token_is_mounted_where_git_fetches_and_nowhere_else(name: str) -> None:
    declared = over_https(name)
    mounted = {step["name"] for _, step in steps(declared) if step.get("workspaces")}
    assert mounted == {step["name"] for _, step in steps(declared) if step["name"] in FETCHING_STEPS}
    reached = [row for row in rows(declared.objects) if row.reaches == f"secret {name}-ci/{BASIC_AUTH}"]
    assert {row.container for row in reached} <= FETCHING_STEPS
    assert reached
    assert "ssh-directory" not in declared.names("Secret")


def test_the_secret_is_what_gits_credential_helper_reads(name: str) -> None:
    secret = over_https(name).resource("Secret", BASIC_AUTH)
    assert secret.inputs["type"] == "Opaque"
    assert list(secret.inputs["stringData"]) == [".git-credentials"]


def test_public_repositories_take_no_credential(name: str) -> None:
    declared = over_https(name, public=True)
    assert not {BASIC_AUTH, "ssh-directory"} & set(declared.names("Secret"))
    assert not any("workspaces" in item["spec"] for kind in ("Task", "Pipeline") for item in declared.all(kind))
    assert not any("credential.helper" in env(step).values() for _, step in steps(declared))


@pytest.mark.parametrize("public", [False, True], ids=["token", "public"])
def test_what_a_webhook_starts_fits_and_is_admitted(name: str, public: bool) -> None:
    declared = over_https(name, public=public)
    # Which events start the other pipelines is told by the shipped stacks.
    assert [line for line in problems(declared) if not line.startswith("pipelines: ")] == []
    (made,) = deliver(declared, payload("gitea", EVENTS[name]))
    assert list(run_problems(declared, made)) == []
    listener = f"system:serviceaccount:{name}-ci:listener"
    assert refusals(declared, f"tekton-delivery-{name}-runs", made, user=listener) == []


@pytest.mark.parametrize("public", [False, True], ids=["token", "public"])
def test_the_same_pods_reach_the_forge_and_on_the_urls_port(name: str, public: bool) -> None:
    opening = over_https(name, public=public).one("NetworkPolicy", "runs-to-forge-git")["spec"]
    (expression,) = opening["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == FETCHING[name]
    assert opening["egress"][0]["ports"] == [{"protocol": "TCP", "port": 8443}]
