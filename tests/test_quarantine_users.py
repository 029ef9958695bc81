"""A quarantine user of an application's own: what its pull requests take opens no other application's repository."""

from types import SimpleNamespace
from typing import Any

import pytest

from components.credentials import CredentialsArgs
from components.plan.stack import StackPlan
from components.settings.stack import Stack
from offline.reachability.rows import rows
from offline.run import placeholder, run
from tests.admission import refusals
from tests.closure import problems
from tests.support import Declared, Object, record_config, shipped_config, stack_config_text

SHARED, OWN = "quarantine-push", "shop-quarantine-push"
NAMESPACE = "staging-ci"


def application(name: str, **more: object) -> Object:
    return {"name": name, "repository": f"acme/{name}"} | more


@pytest.fixture(scope="module")
def declared() -> Declared:
    """Staging with one application of each kind, and one that has services beside it."""
    user = {"username": "shop", "password": {"file": "secrets/quarantine-shop"}}
    wiki = {"username": "wiki", "password": {"file": "secrets/quarantine-wiki"}}
    services = {"db": {"image": {"file": ".local/images/base"}}}
    applications = [
        application("chespirito"),
        application("shop", quarantine=user),
        application("wiki", quarantine=wiki, services=services),
        application("blog", services=services),
    ]
    environment = {"name": "staging", "deliverOn": "pull-request", "staleBase": "rebuild"}
    return record_config(shipped_config("staging") | {"applications": applications, "environments": [environment]})


def mounting(declared: Declared, secret: str) -> set[str]:
    """The Tasks whose pods can read a Secret."""
    return {
        task["metadata"]["name"]
        for task in declared.all("Task")
        for volume in task["spec"].get("volumes", [])
        if volume.get("secret", {}).get("secretName") == secret
    }


def test_each_user_is_mounted_where_its_application_is_built(declared: Declared) -> None:
    assert mounting(declared, OWN) == {"build-shop"}
    assert mounting(declared, "wiki-quarantine-push") == {"build-wiki"}
    assert mounting(declared, SHARED) == {"build", "build-blog"}


def test_that_task_builds_the_application_whatever_starts_it(declared: Declared) -> None:
    for pipeline in declared.all("Pipeline"):
        name = pipeline["metadata"]["name"].partition("-")[0]
        for task in pipeline["spec"]["tasks"]:
            if task["name"] == "build":
                assert task["taskRef"]["name"] == ("build" if name == "chespirito" else f"build-{name}")


def test_forks_are_tested_without_any(declared: Declared) -> None:
    for name in declared.names("Task"):
        if name.startswith("tests"):
            assert "quarantine-push" not in str(declared.one("Task", name))


def test_pull_request_code_of_another_application_does_not_reach_it(declared: Declared) -> None:
    reached = {(row.pod, row.container) for row in rows(declared.objects) if row.reaches == f"secret {NAMESPACE}/{OWN}"}
    assert {pod.partition("(Pipeline ")[2].partition("/")[2].partition("-")[0] for pod, _ in reached} == {"shop"}
    assert {container for _, container in reached} == {"image"}


@pytest.mark.parametrize(("secret", "container", "admitted"), [(OWN, "step-image", True), (OWN, "step-test", False)])
def test_the_policy_lets_the_image_step_mount_it(declared: Declared, secret: str, container: str, admitted: bool) -> None:
    pod = {
        "serviceAccountName": "untrusted",
        "hostUsers": False,
        "automountServiceAccountToken": False,
        "containers": [{"name": container, "volumeMounts": [{"name": "s", "mountPath": "/credentials"}]}],
        "volumes": [{"name": "s", "secret": {"secretName": secret}}],
    }
    found = [text for text in refusals(declared, "tekton-delivery-staging-pods", {"spec": pod}) if "no Secret but" in text]
    assert (found == []) is admitted


def test_each_opens_the_quarantine_registry_as_its_own_user() -> None:
    config = shipped_config("staging")
    user = {"username": "shop", "password": {"file": "secrets/quarantine-shop"}}
    config["applications"] = [application("chespirito"), application("shop", quarantine=user)]
    found: list[CredentialsArgs] = []

    def plan() -> None:
        environment: Any = SimpleNamespace(workload_namespace="staging", delivery_namespace=NAMESPACE)
        found.append(StackPlan(Stack.load(read=placeholder)).environments[0].credentials(environment))

    run(plan, config=stack_config_text(config))
    (args,) = found
    users = {
        credential.secret: [(each.host, each.username) for each in logins]
        for credential, logins in args.held.items()
        if credential.name == SHARED and isinstance(logins, tuple)
    }
    quarantine = "quarantine.internal:5001"
    assert users == {SHARED: [(quarantine, "untrusted")], f"shop-{SHARED}": [(quarantine, "shop")]}


def test_what_is_handed_over_is_taken(declared: Declared) -> None:
    assert [line for line in problems(declared) if not line.startswith("pipelines: ")] == []


def test_a_stack_file_of_the_last_release_has_one_for_all(staging: Declared) -> None:
    assert mounting(staging, SHARED) == {"build"}
    assert not [name for name in staging.names("Secret") if name.endswith(f"-{SHARED}")]
