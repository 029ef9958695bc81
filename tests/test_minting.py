"""Commits that are fetched by tokens of a GitHub App: who holds the App's key, what it may write, and what is mounted."""

import json
from typing import Any

import pytest

from components.conventions import MINTER, restricted
from components.credential import BASIC_AUTH, FORGE_APP
from components.settings.errors import SettingsError
from components.settings.pods import FEWEST
from components.tasks.git import token_key
from offline.policy import violations
from offline.reachability.pods import UNTRUSTED
from offline.reachability.rows import rows
from operate import drift
from operate.declared import Declared as DeclaredHere
from steps.inputs import variables
from steps.mint import EXPIRES, Inputs
from tests.admission import refusals
from tests.closure import GIVEN_BY_THE_KUBELET, problems
from tests.support import Declared, Object, fetched_by_app, record_config, shipped_config
from tests.test_held import untrusted
from tests.test_network import policies

NAMESPACES = ("staging-ci", "production-ci")


@pytest.fixture(scope="module")
def stack() -> Declared:
    return fetched_by_app()


def pod(stack: Declared, namespace: str = "staging-ci") -> Object:
    spec: Object = stack.one("Deployment", MINTER, namespace)["spec"]["template"]["spec"]
    return spec


def env(stack: Declared, namespace: str = "staging-ci") -> dict[str, str]:
    (container,) = pod(stack, namespace)["containers"]
    return {item["name"]: item.get("value", "") for item in container["env"]}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_the_minter_holds_the_apps_key_and_its_own_token(stack: Declared, namespace: str) -> None:
    spec = pod(stack, namespace)
    (container,) = spec["containers"]
    assert container["securityContext"] == restricted() | {"readOnlyRootFilesystem": True}
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (MINTER, False)
    assert [item["name"] for item in spec["volumes"]] == [FORGE_APP.name, "kubernetes-api", "scratch-mint", "steps"]
    assert "limits" in container["resources"]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_it_may_patch_the_one_secret_and_nothing_else(stack: Declared, namespace: str) -> None:
    bound = [
        item["roleRef"]["name"]
        for item in stack.all("RoleBinding")
        if any(subject["name"] == MINTER for subject in item["subjects"]) and item["metadata"]["namespace"] == namespace
    ]
    assert bound == [MINTER]
    assert stack.one("Role", MINTER, namespace)["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["basic-auth"], "verbs": ["patch"]}
    ]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_it_reaches_the_forge_and_the_api_server(stack: Declared, namespace: str) -> None:
    opened = {name for name, spec in policies(stack, namespace).items() if f"'{MINTER}'" in str(spec["podSelector"])}
    assert opened == {"minter-to-api-server", "minter-to-forge-api"}


def test_it_asks_for_one_right_and_each_repository_once(stack: Declared) -> None:
    given = env(stack)
    assert json.loads(given["APP_RIGHTS"]) == {"contents": "read"}
    assert given["MINTED_REPOSITORIES"] == "acme/shop acme.shop\nGlobex/Till globex.till"
    assert given["APP_INSTALLATIONS"] == "globex 23456789"


def test_what_it_is_given_is_what_its_step_reads(stack: Declared) -> None:
    assert set(env(stack)) - {"HOME"} == set(variables(Inputs, env(stack))) - GIVEN_BY_THE_KUBELET


def test_authorities_of_the_stack_are_believed_of_the_forge() -> None:
    certificate = {"caBundle": {"file": "company-ca.pem"}}
    assert env(fetched_by_app(**certificate))["BELIEVED_OF"] == "forge-api"


def test_the_secret_is_declared_empty_and_what_is_written_there_is_left(stack: Declared) -> None:
    for namespace in NAMESPACES:
        declared = stack.one("Secret", BASIC_AUTH.secret, namespace)
        assert not {"data", "stringData"} & declared.keys()
    found = [item for item in stack.resources if item.inputs.get("metadata", {}).get("name") == BASIC_AUTH.secret]
    assert [item.ignore_changes for item in found] == [("data",), ("data",)]


def test_what_is_written_there_is_no_drift(stack: Declared) -> None:
    declared = stack.one("Secret", BASIC_AUTH.secret, "staging-ci")
    note = {"annotations": {EXPIRES: "{}"}, "resourceVersion": "7"}
    live = declared | {"metadata": declared["metadata"] | note, "data": {"acme.shop": "eA=="}}
    kept = drift.replacement(DeclaredHere(declared, ("data",)), live)
    assert list(drift.differences(live, kept)) == []
    assert list(drift.differences(live, drift.replacement(DeclaredHere(declared, ()), live))) == ["data was added"]


def test_it_starts_with_all_that_it_needs(stack: Declared) -> None:
    """What it lacks ends its first try, and Kubernetes waits before the next."""
    kinds = ("ServiceAccount", "Role", "RoleBinding", "Secret", "NetworkPolicy")
    (minter,) = [each for each in stack.resources if each.name == "staging-minting-minter" and "Deployment" in each.type]
    assert {kind for kind in kinds if any(f"/v1:{kind}::" in urn for urn in minter.dependencies)} == set(kinds)


def test_where_no_app_fetches_there_is_no_minter(staging: Declared) -> None:
    assert MINTER not in staging.names("Deployment") + staging.names("ServiceAccount")


def fetching(stack: Declared, name: str) -> list[Object]:
    """The tasks of an application's Pipelines that fetch."""
    return [
        task
        for pipeline in stack.all("Pipeline")
        if pipeline["metadata"]["name"].startswith(f"{name}-")
        for task in pipeline["spec"]["tasks"]
        if any(param["name"] == "repository-url" for param in task.get("params", []))
    ]


@pytest.mark.parametrize(("name", "key"), [("shop", "acme.shop"), ("docs", "acme.shop"), ("till", "globex.till")])
def test_each_application_mounts_its_own_repositorys_token_alone(stack: Declared, name: str, key: str) -> None:
    found = fetching(stack, name)
    assert found
    for task in found:
        params = {param["name"]: param["value"] for param in task["params"]}
        assert (params["git-secret-name"], params["git-secret-key"]) == (BASIC_AUTH.secret, key)
        assert params["repository-url"].startswith("https://github.com/")


def test_what_a_pipeline_tells_its_tasks_is_taken(stack: Declared) -> None:
    assert [line for line in problems(stack) if not line.startswith("pipelines: ")] == []


def test_pull_request_code_is_nowhere_near_the_key(stack: Declared) -> None:
    held = {(row.runs, row.reaches) for row in rows(stack.objects) if row.runs == UNTRUSTED}
    assert held
    assert not [reaches for _, reaches in held if FORGE_APP.secret in reaches or BASIC_AUTH.secret in reaches]
    fetchers = {row.container for row in rows(stack.objects) if row.reaches == "secret staging-ci/basic-auth"}
    assert "fetch" in fetchers
    assert not fetchers & {"test", "image"}


def test_what_the_minter_reaches_is_in_the_table(stack: Declared) -> None:
    """Its key, its token and, since a change answers with what is there, the Secret that it fills."""
    always = [row for row in rows(stack.objects) if row.cause == "always staging-ci/minter" and row.container == "mint"]
    assert {row.reaches for row in always} == {
        "secret staging-ci/forge-app",
        "secret staging-ci/basic-auth",
        "service account staging-ci/minter",
        "patch secrets basic-auth in staging-ci",
    }


@pytest.mark.parametrize(
    ("secret", "container", "admitted"),
    [("basic-auth", "step-fetch", True), ("basic-auth", "step-test", False), ("forge-app", "step-fetch", False)],
)
def test_the_admission_policy_holds_pods_to_it(stack: Declared, secret: str, container: str, admitted: bool) -> None:
    source = {"secret": {"name": secret, "items": [{"key": "acme.shop", "path": "token"}]}}
    spec = untrusted(container, {"projected": {"sources": [source]}})
    found = refusals(stack, "tekton-delivery-staging-pods", {"spec": spec})
    assert ([text for text in found if "mount" in text or "get" in text] == []) is admitted


def test_the_policy_pack_finds_nothing(stack: Declared) -> None:
    assert list(violations(stack.recording)) == []


def test_a_new_key_is_tried_by_the_next_update_and_one_that_the_cluster_holds_is_not_known() -> None:
    def version(key: Object) -> str:
        template = fetched_by_app(key=key).one("Deployment", MINTER, "staging-ci")["spec"]["template"]
        found: str = template["metadata"]["annotations"]["tekton-delivery/app-key"]
        return found

    one, other = version({"file": "secrets/one.pem"}), version({"file": "secrets/other.pem"})
    assert len({one, other, ""}) == 3
    assert version({"secret": {"name": "github", "key": "pem"}}) == ""


def test_a_key_of_the_clusters_is_mounted_from_where_it_is() -> None:
    volumes = pod(fetched_by_app(key={"secret": {"name": "github", "key": "pem"}}))["volumes"]
    items = [{"key": "pem", "path": "private-key"}]
    assert volumes[0] == {"name": FORGE_APP.name, "secret": {"secretName": "github", "items": items}}


def test_the_quota_has_room_for_it_and_its_successor() -> None:
    many = [{"name": f"shop{number}", "repository": "acme/shop", "paths": [f"{number}"]} for number in range(10)]

    def most(stack: Declared) -> int:
        return int(stack.one("ResourceQuota", "pods", "staging-ci")["spec"]["hard"]["pods"])

    by_app = fetched_by_app(applications=[each | {"dockerfile": f"{each['paths'][0]}/Dockerfile"} for each in many])
    assert most(fetched_by_app()) == FEWEST
    assert most(by_app) == 2 + 4 * 10 + 2


def test_logs_are_quoted_still(stack: Declared) -> None:
    """No fingerprint tells a token of an hour; the reporter hides what looks like one of GitHub's."""
    assert "log-masks" in stack.names("Secret")


# --- settings ---


def refused(**forge: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        record_config(shipped_config("staging") | {"forge": forge})
    return str(caught.value)


def test_without_an_app_there_has_to_be_a_way_to_fetch() -> None:
    told = refused(token={"file": "secrets/forge-token"})
    assert "either `ssh` or `https`, or with neither and `app`" in told


def test_there_are_no_two_ways() -> None:
    https, ssh = {"token": {"file": "secrets/git-token"}}, shipped_config("staging")["forge"]["ssh"]
    assert "either `ssh` or `https`" in refused(token={"file": "secrets/forge-token"}, https=https, ssh=ssh)


@pytest.mark.parametrize("repository", ["acme/shop", "Acme/Shop"])
def test_capitals_make_no_other_key(repository: str) -> None:
    assert token_key(repository) == "acme.shop"
