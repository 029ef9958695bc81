"""Mistakes that open a way from a pull request to production, or a credential to its code: each changes declared objects."""

import copy
from collections.abc import Callable, Iterable

from tests.support import Object

ALONE, TOGETHER, ONE_STACK = "staging alone", "both stacks on one cluster", "both environments in one stack"
WORLDS = (ALONE, TOGETHER, ONE_STACK)

Change = Callable[[list[Object]], None]


def find(objects: Iterable[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    (found,) = (
        item
        for item in objects
        if (item["kind"], item["metadata"]["name"]) == (kind, name)
        and namespace in (None, item["metadata"].get("namespace"))
    )
    return found


def rule(*verbs: str, resource: str, group: str = "", names: Iterable[str] = ()) -> Object:
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)} | (
        {"resourceNames": list(names)} if names else {}
    )


def grant(account: str, namespace: str | None, *rules: Object) -> Change:
    """Give a service account (`namespace/name`) rights in a namespace, or in the whole cluster."""

    def change(objects: list[Object]) -> None:
        owner, name = account.split("/")
        metadata = {"name": "added"} | ({"namespace": namespace} if namespace else {})
        prefix = "" if namespace else "Cluster"
        objects += [
            {"kind": f"{prefix}Role", "metadata": metadata, "rules": list(rules)},
            {
                "kind": f"{prefix}RoleBinding",
                "metadata": metadata,
                "roleRef": {"kind": f"{prefix}Role", "name": "added"},
                "subjects": [{"kind": "ServiceAccount", "namespace": owner, "name": name}],
            },
        ]

    return change


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


def task(name: str) -> Callable[[list[Object]], Object]:
    return lambda objects: find(objects, "Task", name, "staging-ci")["spec"]


def step(objects: list[Object], name: str) -> Object:
    (found,) = (item for item in task("build")(objects)["steps"] if item["name"] == name)
    return found


def template(objects: list[Object]) -> Object:
    """The template of the run that a pull request starts."""
    found: Object = find(objects, "TriggerTemplate", "github-pr-trigger-template", "staging-ci")["spec"][
        "resourcetemplates"
    ][0]
    return found


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


def mounted(name: str, container: str, source: Object) -> Change:
    """Mount a volume in a step of staging's Task `name`."""

    def change(objects: list[Object]) -> None:
        spec = task(name)(objects)
        spec.setdefault("volumes", []).append({"name": "added", **source})
        (found,) = (item for item in spec["steps"] if item["name"] == container)
        found.setdefault("volumeMounts", []).append({"name": "added", "mountPath": "/added"})

    return change


def variable(secret: str) -> Object:
    return {"name": "ADDED", "valueFrom": {"secretKeyRef": {"name": secret, "key": "any"}}}


def environment_of_the_step_template(objects: list[Object]) -> None:
    task("build")(objects)["stepTemplate"]["envFrom"] = [{"secretRef": {"name": "registry-push"}}]


def environment_of_the_pod(objects: list[Object]) -> None:
    template(objects)["spec"]["taskRunTemplate"]["podTemplate"] = {"env": [variable("forge-token")]}


def workspace_in_every_step(objects: list[Object]) -> None:
    del step(objects, "fetch")["workspaces"]


def workspace_in_a_later_step(objects: list[Object]) -> None:
    step(objects, "image")["workspaces"] = step(objects, "fetch")["workspaces"]


def fetch_at_the_end(objects: list[Object]) -> None:
    steps = task("build")(objects)["steps"]
    steps.append(steps.pop(0))


def secret_in_a_sidecar(objects: list[Object]) -> None:
    sidecar = {"name": "proxy", "image": "any", "env": [variable("forge-token")]}
    task("build")(objects)["sidecars"] = [sidecar]


def step_from_elsewhere(objects: list[Object]) -> None:
    """A StepAction brings its own environment along."""
    action = {"env": [variable("registry-push")], "image": "any"}
    objects.append({"kind": "StepAction", "metadata": {"name": "scan", "namespace": "staging-ci"}, "spec": action})
    task("build")(objects)["steps"].append({"name": "scan", "ref": {"name": "scan"}})


def token_for_the_account(objects: list[Object]) -> None:
    """Automount on: nothing says no any more."""
    find(objects, "ServiceAccount", "untrusted")["automountServiceAccountToken"] = True
    for own in template(objects)["spec"]["taskRunSpecs"]:
        own.get("podTemplate", {}).pop("automountServiceAccountToken", None)


def token_for_the_pod(objects: list[Object]) -> None:
    for own in template(objects)["spec"]["taskRunSpecs"]:
        if own["pipelineTaskName"] == "build":
            own["podTemplate"]["automountServiceAccountToken"] = True


def credentials_for_every_step(objects: list[Object]) -> None:
    find(objects, "ServiceAccount", "untrusted")["secrets"] = [{"name": "registry-push"}]


def account_that_nobody_declared(objects: list[Object]) -> None:
    """Kubernetes mounts its token unless told otherwise."""
    for own in template(objects)["spec"]["taskRunSpecs"]:
        if own["pipelineTaskName"] == "build":
            own["serviceAccountName"] = "forgotten"
            own["podTemplate"] = {}


def application(objects: list[Object]) -> Object:
    """The pod that runs the delivered image."""
    found: Object = find(objects, "Deployment", "chespirito-pod", "staging")["spec"]["template"]["spec"]
    return found


def environment_of_the_application(objects: list[Object]) -> None:
    application(objects)["containers"][0]["envFrom"] = [{"secretRef": {"name": "registry-pull"}}]


def volume_of_the_application(objects: list[Object]) -> None:
    pod = application(objects)
    pod["volumes"] = [{"name": "added", "secret": {"secretName": "registry-pull"}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "added", "mountPath": "/added"}]


def token_of_the_application(objects: list[Object]) -> None:
    application(objects)["automountServiceAccountToken"] = True


STOLEN: dict[str, tuple[tuple[str, ...], Change]] = {
    "the registry's key is mounted in the test step": (
        WORLDS,
        mounted("build", "test", {"secret": {"secretName": "registry-push"}}),
    ),
    "it is part of a projected volume": (
        WORLDS,
        mounted("build", "image", {"projected": {"sources": [{"secret": {"name": "registry-push"}}]}}),
    ),
    "a token is": (
        WORLDS,
        mounted("build", "test", {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
    ),
    "a parameter says which secret": (
        WORLDS,
        mounted("build", "test", {"secret": {"secretName": "$(params.image)"}}),
    ),
    "pods of others leave files": (WORLDS, mounted("build", "test", {"persistentVolumeClaim": {"claimName": "cache"}})),
    "the step template has it": (WORLDS, environment_of_the_step_template),
    "the pod template has it": (WORLDS, environment_of_the_pod),
    "the deploy key's workspace belongs to no step": (WORLDS, workspace_in_every_step),
    "a later step mounts the deploy key too": (WORLDS, workspace_in_a_later_step),
    "the fetch comes last": (WORLDS, fetch_at_the_end),
    "a sidecar holds a secret": (WORLDS, secret_in_a_sidecar),
    "a StepAction does": (WORLDS, step_from_elsewhere),
    "the account's token is mounted by default": (WORLDS, token_for_the_account),
    "the pod's is": (WORLDS, token_for_the_pod),
    "the account lists secrets": (WORLDS, credentials_for_every_step),
    "the account is not declared": (WORLDS, account_that_nobody_declared),
    "the application has a secret in its environment": (WORLDS, environment_of_the_application),
    "the application mounts a secret": (WORLDS, volume_of_the_application),
    "the application gets a token": (WORLDS, token_of_the_application),
}
