"""Who may do what: every identity has the rights of its one job, and none of them can widen its own."""

from collections.abc import Iterator

import pytest

from components.access import Access, AccessArgs
from tests.support import STACKS, Declared, Object, both_environments, declare, shipped_config


def access(*, runs_untrusted_code: bool = True, pull_secret: str | None = None) -> Declared:
    args = AccessArgs(
        environment="staging",
        workload_namespace="staging",
        delivery_namespace="staging-ci",
        deployments=("shop-pod", "blog-pod"),
        pull_secret=pull_secret,
        runs_untrusted_code=runs_untrusted_code,
    )
    return declare(lambda: Access("access", args))


def rules(declared: Declared) -> Iterator[tuple[str, Object]]:
    for kind in ("Role", "ClusterRole"):
        for role in declared.all(kind):
            for rule in role["rules"]:
                yield f"{kind} {role['metadata']['name']}", rule


def rights(declared: Declared, account: str) -> list[tuple[str, Object]]:
    """The namespace and rule of everything that a service account may do through a RoleBinding."""
    return [
        (binding["metadata"]["namespace"], rule)
        for binding in declared.all("RoleBinding")
        if account in [subject["name"] for subject in binding["subjects"]]
        for rule in declared.one("Role", binding["roleRef"]["name"], binding["metadata"]["namespace"])["rules"]
    ]


def test_the_deployer_changes_the_named_deployments_and_nothing_else_of_the_workloads() -> None:
    for namespace, rule in rights(access(), "deployer"):
        if namespace == "staging" and set(rule["verbs"]) & {"create", "update", "patch", "delete"}:
            assert rule["resourceNames"], rule
            assert "secrets" not in rule["resources"]
    deployments = [rule for _, rule in rights(access(), "deployer") if "deployments" in rule["resources"]]
    assert {name for rule in deployments for name in rule["resourceNames"]} == {"shop-pod", "blog-pod"}
    assert not {verb for rule in deployments for verb in rule["verbs"]} & {"create", "update", "delete", "deletecollection"}


def test_untrusted_code_has_no_rights_at_all() -> None:
    assert rights(access(), "untrusted") == []


def test_the_reporter_reads() -> None:
    for _, rule in rights(access(), "reporter"):
        assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_only_where_pull_requests_are_built_there_is_an_account_for_their_code() -> None:
    assert "untrusted" in access().names("ServiceAccount")
    assert "untrusted" not in access(runs_untrusted_code=False).names("ServiceAccount")


def test_no_run_gets_a_token_by_default() -> None:
    for item in access().all("ServiceAccount"):
        assert item["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("pull_secret", "expected"), [("registry-pull", [{"name": "registry-pull"}]), (None, [])])
def test_images_are_pulled_with_the_registrys_credential(pull_secret: str | None, expected: list[Object]) -> None:
    for item in access(pull_secret=pull_secret).all("ServiceAccount"):
        assert item.get("imagePullSecrets", []) == expected


def test_rights_are_listed_one_by_one(stack: Declared) -> None:
    assert list(rules(stack))
    for where, rule in rules(stack):
        for key in ("apiGroups", "resources", "verbs"):
            assert rule[key], where
            assert "*" not in rule[key], where
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"]), where
        assert "" not in rule["resources"]


def test_nobody_reads_secrets_or_runs_commands_in_pods(stack: Declared) -> None:
    for where, rule in rules(stack):
        assert not {"secrets", "pods/exec", "pods/attach", "serviceaccounts/token"} & set(rule["resources"]), where


def test_rights_over_the_whole_cluster_are_to_read_what_is_cluster_scoped(stack: Declared) -> None:
    for role in stack.all("ClusterRole"):
        for rule in role["rules"]:
            assert rule["apiGroups"] == ["triggers.tekton.dev"]
            assert set(rule["resources"]) == {"clustertriggerbindings", "clusterinterceptors"}
            assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_the_listener_creates_runs_and_cannot_change_or_read_them(stack: Declared) -> None:
    runs = [rule for _, rule in rights(stack, "listener") if "tekton.dev" in rule["apiGroups"]]
    assert [rule["verbs"] for rule in runs] == [["create"]] * len(shipped_config(stack.recording.stack)["environments"])
    assert {resource for rule in runs for resource in rule["resources"]} == {"pipelineruns"}


def test_every_binding_binds_a_declared_role_to_a_declared_account(stack: Declared) -> None:
    accounts = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in stack.all("ServiceAccount")}
    bindings = [*stack.all("RoleBinding"), *stack.all("ClusterRoleBinding")]
    assert bindings
    for binding in bindings:
        reference = binding["roleRef"]
        namespace = binding["metadata"].get("namespace") if reference["kind"] == "Role" else None
        assert stack.one(reference["kind"], reference["name"], namespace)
        for subject in binding["subjects"]:
            if binding["metadata"]["name"] == "approver":
                assert subject["kind"] in ("User", "Group"), "people approve, nobody else"
                continue
            assert subject["kind"] == "ServiceAccount", "no group, no user"
            assert (subject["namespace"], subject["name"]) in accounts


def test_every_role_is_bound(stack: Declared) -> None:
    for kind in ("Role", "ClusterRole"):
        bound = {item["roleRef"]["name"] for item in stack.all(f"{kind}Binding")}
        assert set(stack.names(kind)) == bound


@pytest.mark.parametrize("name", STACKS)
def test_rights_end_at_the_environment(stacks: dict[str, Declared], name: str) -> None:
    for item in [*stacks[name].all("Role"), *stacks[name].all("RoleBinding")]:
        assert item["metadata"]["namespace"] in {name, f"{name}-ci"}
        for subject in item.get("subjects", []):
            assert subject["namespace"] == f"{name}-ci"


def test_one_stack_with_both_environments_keeps_their_deployers_apart() -> None:
    for binding in both_environments().all("RoleBinding"):
        for subject in binding["subjects"]:
            if subject["name"] in ("deployer", "reporter"):
                assert subject["namespace"].removesuffix("-ci") == binding["metadata"]["namespace"].removesuffix("-ci")
