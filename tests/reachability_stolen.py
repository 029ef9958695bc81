"""Mistakes that put a credential in reach of pull-request code: each changes declared objects."""

from tests.reachability_changes import WORLDS, Change, application, find, mounted, step, task, template
from tests.support import Object


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
