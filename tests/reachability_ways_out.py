"""Mistakes that open a way from a pull request to production: each changes declared objects."""

import copy

from tests.reachability_changes import (
    ONE_STACK,
    TOGETHER,
    WORLDS,
    Change,
    application,
    find,
    grant,
    mounted,
    rule,
    step,
    task,
    template,
)
from tests.support import Object


def production_deployer(subject: Object) -> Change:
    """Bind somebody else to the role of production's deployer."""
    return lambda objects: find(objects, "RoleBinding", "deployer", "production")["subjects"].append(subject)


def everybody_views(objects: list[Object]) -> None:
    objects.append(
        {
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "added"},
            "roleRef": {"kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "Group", "name": "system:authenticated"}],
        }
    )


def run_in_production(objects: list[Object]) -> None:
    run = template(objects)
    run["metadata"]["namespace"] = "production-ci"
    run["spec"]["pipelineRef"]["name"] = "$(tt.params.application)-production-pipeline"
    run["spec"]["workspaces"] = [{"name": "ssh-directory", "emptyDir": {}}]


def second_run_in_production(objects: list[Object]) -> None:
    first = template(objects)
    second = copy.deepcopy(first)
    run_in_production(objects)
    templates = find(objects, "TriggerTemplate", "github-pr-trigger-template", "staging-ci")["spec"]["resourcetemplates"]
    templates[0:1] = [second, first]


def promote_what_is_open(objects: list[Object]) -> None:
    (merge,) = (item for item in objects if item["kind"] == "Trigger" and "push-main" in item["metadata"]["name"])
    params = merge["spec"]["interceptors"][0]["params"]
    (filters,) = (param for param in params if param["name"] == "filter")
    filters["value"] = "body.action in ['closed', 'opened']"


def privileged_step(objects: list[Object]) -> None:
    step(objects, "image")["securityContext"]["privileged"] = True


def privileged_application(objects: list[Object]) -> None:
    application(objects)["containers"][0]["securityContext"]["privileged"] = True


def folder_of_the_node(objects: list[Object]) -> None:
    task("build")(objects)["volumes"].append({"name": "node", "hostPath": {"path": "/"}})
    step(objects, "test")["volumeMounts"].append({"name": "node", "mountPath": "/node"})


def network_of_the_node(objects: list[Object]) -> None:
    template(objects)["spec"]["taskRunTemplate"]["podTemplate"] = {"hostNetwork": True}


def token_of_the_listener(objects: list[Object]) -> None:
    """A long-lived token in a Secret, as people make them by hand, and a step that mounts it."""
    objects.append(
        {
            "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": {
                "name": "listener-token",
                "namespace": "staging-ci",
                "annotations": {"kubernetes.io/service-account.name": "listener"},
            },
        }
    )
    mounted("report", "report", {"secret": {"secretName": "listener-token"}})(objects)


def application_with_rights(objects: list[Object]) -> None:
    """The delivered image is pull-request code: with a token of its own it needs no pipeline."""
    find(objects, "Deployment", "chespirito-pod", "staging")["spec"]["template"]["spec"]["automountServiceAccountToken"] = (
        True
    )
    grant("staging/chespirito", "production", rule("get", resource="configmaps"))(objects)


WAYS_OUT: dict[str, tuple[tuple[str, ...], Change]] = {
    "the untrusted account is bound in production": (
        WORLDS,
        grant("staging-ci/untrusted", "production", rule("get", resource="deployments", group="apps")),
    ),
    "the reporter reads production's secrets": (
        WORLDS,
        grant("staging-ci/reporter", "production-ci", rule("get", resource="secrets", names=["forge-token"])),
    ),
    "staging's deployer is bound to production's role": (
        (TOGETHER, ONE_STACK),
        production_deployer({"kind": "ServiceAccount", "namespace": "staging-ci", "name": "deployer"}),
    ),
    "all accounts of staging are": (
        (TOGETHER, ONE_STACK),
        production_deployer({"kind": "Group", "name": "system:serviceaccounts:staging-ci"}),
    ),
    "an account is bound by its user name": (
        (TOGETHER, ONE_STACK),
        production_deployer({"kind": "User", "name": "system:serviceaccount:staging-ci:reporter"}),
    ),
    "everybody is bound to a role of the cluster's own": (WORLDS, everybody_views),
    "secrets are read in the whole cluster": (WORLDS, grant("staging-ci/deployer", None, rule("get", resource="secrets"))),
    "somebody may impersonate": (
        WORLDS,
        grant("staging-ci/reporter", "staging-ci", rule("impersonate", resource="serviceaccounts")),
    ),
    "somebody may escalate": (
        WORLDS,
        grant("staging-ci/deployer", "staging", rule("escalate", resource="roles", group="rbac.authorization.k8s.io")),
    ),
    "tokens of production's deployer are issued": (
        WORLDS,
        grant("staging-ci/deployer", "production-ci", rule("create", resource="serviceaccounts/token", names=["deployer"])),
    ),
    "commands run in production's pods": (
        WORLDS,
        grant("staging-ci/reporter", "production", rule("create", resource="pods/exec")),
    ),
    "the node is asked for its pods": (WORLDS, grant("staging-ci/reporter", None, rule("get", resource="nodes/proxy"))),
    "the pull request's run starts in production": ((TOGETHER, ONE_STACK), run_in_production),
    "a second run does": ((TOGETHER, ONE_STACK), second_run_in_production),
    "an open pull request is promoted": ((TOGETHER, ONE_STACK), promote_what_is_open),
    "a step is privileged": (WORLDS, privileged_step),
    "the application is privileged": (WORLDS, privileged_application),
    "a step mounts a folder of the node": (WORLDS, folder_of_the_node),
    "pods share the node's network": (WORLDS, network_of_the_node),
    "the delivered image runs as an account with rights in production": (WORLDS, application_with_rights),
    # The listener of such a stack starts production's runs, so who takes it over has production.
    "a step changes trigger templates beside the listener": (
        (ONE_STACK,),
        grant("staging-ci/reporter", "staging-ci", rule("patch", resource="triggertemplates", group="triggers.tekton.dev")),
    ),
    "a step creates runs beside the listener": (
        (ONE_STACK,),
        grant("staging-ci/deployer", "staging-ci", rule("create", resource="taskruns", group="tekton.dev")),
    ),
    "a step holds the listener's token": ((ONE_STACK,), token_of_the_listener),
}
