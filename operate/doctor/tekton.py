"""Tekton: its version, its parts, and those of its settings that deliveries depend on."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from components.environment import POD_SECURITY
from offline.needs.values import Needs
from operate.doctor.api import Api, RefusedError
from operate.doctor.deployment import available
from operate.doctor.rows import Row, advised, fine, unknown, wrong
from operate.doctor.versions import PIPELINES, TRIGGERS, Version, parsed, told
from tekton import versions
from tekton.design import FEATURE_FLAGS

_INSTALL = "docs/tekton.md installs it"
# What each part is called: the ConfigMap that tells its version, and the Deployments without which nothing starts.
PARTS: dict[str, tuple[str, Version, tuple[str, ...]]] = {
    "Pipelines": ("pipelines-info", PIPELINES, ("tekton-pipelines-controller", "tekton-pipelines-webhook")),
    "Triggers": (
        "triggers-info",
        TRIGGERS,
        ("tekton-triggers-controller", "tekton-triggers-webhook", "tekton-triggers-core-interceptors"),
    ),
}
# Upstream's manifests say this where they are of a working tree.
_UNRELEASED = "devel"


def rows(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield what there is to say of Tekton."""
    for part in PARTS:
        yield version(part, needs, api)
        yield from deployments(part, needs, api)
    yield from interceptors(needs, api)
    yield from services(needs, api)
    yield from flags(needs, api)
    yield from defaults(needs, api)


def version(part: str, needs: Needs, api: Api) -> Row:
    """Compare the version of a part with what stacks need, and with what is known to have holes."""
    there = needs.cluster.tekton_namespace
    info, least, _ = PARTS[part]
    what = f"Tekton {part} {told(least[:2])} or newer"
    try:
        found = api.find(f"/api/v1/namespaces/{there}/configmaps/{info}")
    except RefusedError as error:
        return unknown(what, str(error))
    if found is None:
        return wrong(what, f"there is no ConfigMap {there}/{info}", _INSTALL)
    text = str((found.get("data") or {}).get("version"))
    number = parsed(text)
    if number is None:
        return unknown(what, f"its manifests say `{text}`")
    if number < least:
        return wrong(what, text, _INSTALL)
    if part == "Pipelines":
        try:
            versions.check_pipelines(text)
        except ValueError as error:
            return wrong(what, text, str(error))
    return fine(what, text)


def deployments(part: str, needs: Needs, api: Api) -> Iterator[Row]:
    """Yield whether the controllers and webhooks of a part run."""
    there = needs.cluster.tekton_namespace
    for name in PARTS[part][2]:
        what = f"{name} runs"
        absent = wrong(what, f"there is no such Deployment in {there}", _INSTALL)
        yield available(api, there, name, what, absent, f"kubectl describe deployment {name} --namespace {there}")


def interceptors(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield whether the interceptors are there that the stack's listener asks, and can be believed."""
    there = needs.cluster.tekton_namespace
    for name in sorted(set(_interceptors(needs.of_kind("EventListener")))):
        what = f"the ClusterInterceptor {name}"
        try:
            found = api.find(f"/apis/triggers.tekton.dev/v1alpha1/clusterinterceptors/{name}")
        except RefusedError as error:
            yield unknown(what, str(error))
            continue
        if found is None:
            yield wrong(what, "it is not there", "install the core interceptors of Triggers (docs/tekton.md)")
        elif not found["spec"].get("clientConfig", {}).get("caBundle"):
            mend = f"kubectl rollout restart deployment tekton-triggers-core-interceptors --namespace {there}"
            yield wrong(what, "it has no certificate, so listeners cannot ask it", mend)
        else:
            yield fine(what)


def services(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield whether the Services lead to a pod by which the listener asks its interceptors; without it nothing starts."""
    told = set[tuple[str, str]]()
    for interceptor in sorted(set(_interceptors(needs.of_kind("EventListener")))):
        try:
            found = api.find(f"/apis/triggers.tekton.dev/v1alpha1/clusterinterceptors/{interceptor}")
        except RefusedError:  # `interceptors` tells it
            continue
        service = ((found or {}).get("spec", {}).get("clientConfig") or {}).get("service") or {}
        place = str(service.get("namespace")), str(service.get("name"))
        if service and place not in told:
            told.add(place)
            yield _service(api, *place)


def _service(api: Api, namespace: str, name: str) -> Row:
    what = f"the Service {namespace}/{name} leads to the interceptors"
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    try:
        if api.find(f"/api/v1/namespaces/{namespace}/services/{name}") is None:
            return wrong(what, "it is not there, so the listener cannot ask them and starts nothing", _INSTALL)
        items = api.get(slices, labelSelector=f"kubernetes.io/service-name={name}")["items"]
    except RefusedError as error:
        return unknown(what, str(error))
    # https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/: absent is ready.
    ready = [each for item in items for each in item.get("endpoints") or []
             if (each.get("conditions") or {}).get("ready") is not False]  # fmt: skip
    if ready:
        return fine(what)
    mend = f"kubectl describe service {name} --namespace {namespace}: its selector, and its pods"
    return wrong(what, "no pod behind it is ready", mend)


def _interceptors(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("kind") == "ClusterInterceptor":
            yield str(value["name"])
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _interceptors(each)


def flags(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield the feature flags that are not as in `tekton/design.py`; one of them decides whether runs are admitted."""
    found = yield from _config("feature-flags", needs, api)
    if found is None:
        return
    delivery = {each["metadata"]["namespace"] for each in needs.of_kind("Task")}
    level = f"{POD_SECURITY}/enforce"
    restricted = sorted(
        each["metadata"]["name"]
        for each in needs.of_kind("Namespace")
        if each["metadata"]["name"] in delivery and each["metadata"]["labels"][level] == "restricted"
    )
    for name, wanted in FEATURE_FLAGS.items():
        there = found.get(name)
        what = f"Tekton's flag {name} is {wanted}"
        mend = _patch("feature-flags", needs, {name: wanted})
        if there == wanted:
            yield fine(what)
        elif name == "set-security-context" and restricted:
            yield wrong(
                what,
                f"{there or 'not set'}, and Pod Security `restricted` of {', '.join(restricted)} refuses its pods",
                mend,
            )
        else:
            yield advised(what, f"{there or 'not set'}: {_COSTS[name]}", mend)


# What another value costs.
_COSTS = {
    "set-security-context": "its own containers do not fit Pod Security `restricted`",
    "disable-creds-init": "it copies into each step what a service account's secrets hold",
    "running-in-environment-with-injected-sidecars": "steps start later",
    "await-sidecar-readiness": "steps start later, and `services` wait twice",
    "coschedule": "it starts a pod for each claim that a workspace has",
}


def defaults(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield what a cluster gives all pods of Tekton that the stack's would be refused for, or fail by."""
    there = needs.cluster.tekton_namespace
    found = yield from _config("config-defaults", needs, api)
    if found is None:
        return
    given = {entry["name"] for task in needs.of_kind("Task") for step in task["spec"]["steps"] for entry in step["env"]}
    forbidden = sorted(given & {name.strip() for name in str(found.get("default-forbidden-env") or "").split(",")})
    what = "Tekton's defaults forbid no variable of a step"
    if forbidden:
        mend = f"take them out of default-forbidden-env in {there}/config-defaults"
        yield wrong(what, f"default-forbidden-env has {', '.join(forbidden)}", mend)
    else:
        yield fine(what)
    what = "Tekton's default pod template opens nothing"
    try:
        template = yaml.safe_load(str(found.get("default-pod-template") or "")) or {}
    except yaml.YAMLError:
        template = {}
    odd = sorted(set(template) & {"hostNetwork", "hostUsers", "volumes", "securityContext", "automountServiceAccountToken"})
    if odd:
        said = f"default-pod-template of {there}/config-defaults has {', '.join(odd)}; runs that say nothing else get it"
        yield advised(what, said, _patch("config-defaults", needs, {"default-pod-template": None}))
    else:
        yield fine(what)


def _config(name: str, needs: Needs, api: Api) -> Any:
    """Return the data of one of Tekton's ConfigMaps; None after a row that says why not."""
    there = needs.cluster.tekton_namespace
    what = f"Tekton's ConfigMap {name}"
    try:
        found = api.find(f"/api/v1/namespaces/{there}/configmaps/{name}")
    except RefusedError as error:
        yield unknown(what, str(error))
        return None
    if found is None:
        yield wrong(what, f"it is not in {there}", _INSTALL)
        return None
    return found.get("data") or {}


def _patch(name: str, needs: Needs, data: dict[str, str | None]) -> str:
    patch, namespace = json.dumps({"data": data}), needs.cluster.tekton_namespace
    return f"kubectl patch configmap {name} --namespace {namespace} --type merge --patch '{patch}'"
