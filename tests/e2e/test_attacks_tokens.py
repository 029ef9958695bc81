"""What stolen tokens are good for: what their identities do, and nothing else. RBAC answers here; `test_policies_runs`
and `test_policies_deploys` show what admission policies refuse of what RBAC allows.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from kubernetes import client

from components.access import LOG_READER_RULES, REPORTER_RULES, SUPERVISOR_RULES, deployer_rules
from components.listener.access import LISTENER_CLUSTER_RULES, LISTENER_RULES, RUN_CREATOR_RULES
from local.demo import DEPLOYMENT
from local.kubernetes_api import Object
from tests.e2e.attacks.tokens import IMPOSSIBLE, POSSIBLE
from tests.e2e.test_pods import plain_pod
from tests.e2e.world import World

NAMESPACES = ("staging", "staging-ci", "production", "production-ci", "tekton-pipelines", "kube-system", "default")
ACCOUNTS = {
    "staging-ci": ("listener", "untrusted", "deployer", "reporter", "supervisor", "default"),
    "production-ci": ("listener", "deployer", "reporter", "default"),
    "staging": ("default",),
    "production": ("default",),
}
Right = tuple[str, str, str, str]


def _rights(rules: list[Any]) -> set[Right]:
    """Rules one by one: API group, resource, name of the object, verb."""
    return {
        (group, resource, name, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or ["*"]
        for verb in rule["verbs"]
    }


# What everybody who is known may ask: about himself.
SELF = {"authorization.k8s.io", "authentication.k8s.io"}
INTENDED: dict[tuple[str, str], set[Right]] = {
    ("listener", "{0}-ci"): _rights([*LISTENER_RULES, *RUN_CREATOR_RULES]),
    ("deployer", "{0}"): _rights(deployer_rules([DEPLOYMENT])),
    ("reporter", "{0}-ci"): _rights(REPORTER_RULES),
    ("supervisor", "{0}-ci"): _rights(SUPERVISOR_RULES),
}
# Where pull requests are built, and what their pods print is quoted.
QUOTED = {("reporter", "staging-ci"): _rights(LOG_READER_RULES)}


@pytest.mark.parametrize(("home", "account"), [(home, name) for home, names in ACCOUNTS.items() for name in names])
def test_a_stolen_token_has_its_identitys_rights_and_no_more(world: World, home: str, account: str) -> None:
    review: Any = client.AuthorizationV1Api(world.as_account(home, account))
    environment = home.removesuffix("-ci")
    everywhere = _rights(LISTENER_CLUSTER_RULES) if account == "listener" else set()
    for namespace in NAMESPACES:
        spec = client.V1SelfSubjectRulesReviewSpec(namespace=namespace)
        answer = review.create_self_subject_rules_review(client.V1SelfSubjectRulesReview(spec=spec))
        rules = [rule for rule in answer.to_dict()["status"]["resource_rules"] if not SELF & set(rule["api_groups"])]
        found = _rights(
            [{"apiGroups": rule["api_groups"], "resourceNames": rule["resource_names"], **rule} for rule in rules]
        )
        intended = {
            right
            for (name, place), rights in INTENDED.items()
            if name == account and place.format(environment) == namespace and home.endswith("-ci")
            for right in rights
        } | QUOTED.get((account, namespace if home == namespace else ""), set())
        assert found - SHARED == intended | everywhere, namespace


# Tekton lets everybody who is known read which version is installed.
SHARED = {("", "configmaps", name, "get") for name in ("pipelines-info", "triggers-info")}


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[httpx.Client]:
    """The API server, as nobody yet."""
    configuration = world.kubernetes.api.configuration
    trusted = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    with httpx.Client(base_url=configuration.host, verify=trusted, trust_env=False, timeout=15) as made:
        yield made


def _status(
    api: httpx.Client, token: str, method: str, path: str, body: Object | None, headers: Mapping[str, str] | None = None
) -> int:
    """The answer's status. Nothing is changed, whatever it is: the API server is only asked whether it would."""
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    url = httpx.URL(path).copy_merge_params({} if method == "GET" else {"dryRun": "All"})
    bearer = {"Authorization": f"Bearer {token}", "Content-Type": kind, **(headers or {})}
    return api.request(method, url, content=json.dumps(body) if body else None, headers=bearer).status_code


@pytest.mark.parametrize(
    ("account", "method", "path", "body"),
    [
        pytest.param(account, *attempt, id=f"{account}-{attempt[0]}-{attempt[1].replace('/', '-')}")
        for account, attempts in IMPOSSIBLE.items()
        for attempt in attempts
    ],
)
def test_a_stolen_token_does_nothing_else(
    world: World, api: httpx.Client, account: str, method: str, path: str, body: Object | None
) -> None:
    stolen = world.token("staging-ci", account)
    assert _status(api, stolen, *POSSIBLE[account]) == 200, "the control: the token works"
    assert _status(api, stolen, method, path, body) == 403


def test_a_stolen_token_speaks_for_nobody_else(world: World, api: httpx.Client) -> None:
    stolen, allowed = world.token("staging-ci", "deployer"), POSSIBLE["deployer"]
    assert _status(api, stolen, *allowed) == 200, "the control"
    for headers in (
        {"Impersonate-User": "system:serviceaccount:production-ci:deployer"},
        {"Impersonate-User": "x", "Impersonate-Group": "system:masters"},
    ):
        assert _status(api, stolen, *allowed, headers) == 403


def test_a_token_for_another_audience_is_no_token(world: World, api: httpx.Client) -> None:
    allowed = POSSIBLE["deployer"]
    assert _status(api, world.token("staging-ci", "deployer"), *allowed) == 200, "the control"
    for audience in ("sts.example.org", "https://forge.internal"):
        assert _status(api, world.token("staging-ci", "deployer", audiences=[audience]), *allowed) == 401


def test_a_token_ends_with_the_pod_that_it_was_made_for(world: World, api: httpx.Client) -> None:
    core, allowed = world.kubernetes.core, POSSIBLE["default"]
    pod = core.create_namespaced_pod("staging-ci", plain_pod() | {"metadata": {"name": "ended"}})
    try:
        bound = client.V1BoundObjectReference(api_version="v1", kind="Pod", name="ended", uid=pod.metadata.uid)
        token = world.token("staging-ci", "default", bound_object_ref=bound)
    finally:
        core.delete_namespaced_pod("ended", "staging-ci", grace_period_seconds=0)
    unbound = world.token("staging-ci", "default")
    assert _status(api, unbound, *allowed) == 200, "the control: another token of the same account"
    assert _status(api, token, *allowed) == 401
