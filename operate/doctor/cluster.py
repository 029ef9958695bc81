"""The cluster: its version, its nodes, and what a stack names there without declaring it."""

from collections.abc import Iterator
from typing import Any

from components.conventions import Manifest
from components.environment import POD_SECURITY
from offline.needs.values import Existing, Needs
from operate.doctor.api import Api, RefusedError
from operate.doctor.rows import Row, fine, unknown, wrong
from operate.doctor.versions import KUBERNETES, RUNTIMES, WITHOUT_PROCESS_SANDBOX, parsed, told

_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def rows(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield what there is to say of the cluster."""
    yield version(needs, api)
    yield from nodes(api)
    yield from storage(needs, api)
    yield from exposure(needs, api)
    for namespace in needs.existing:
        yield existing(namespace, api)


def version(needs: Needs, api: Api) -> Row:
    """Compare the API server's version with what pods with pull-request code take."""
    text = str(api.get("/version").get("gitVersion"))
    least = KUBERNETES if needs.process_sandbox else WITHOUT_PROCESS_SANDBOX
    what, found = f"Kubernetes {told(least)} or newer", parsed(text)
    if found is None:
        return unknown(what, f"{api.where} says {text}")
    if found >= least:
        return fine(what, text)
    less = found >= WITHOUT_PROCESS_SANDBOX
    return wrong(what, text, "`processSandbox: false` in `build`, or a newer cluster" if less else "a newer cluster")


def nodes(api: Api) -> Iterator[Row]:
    """Yield whether the nodes' container runtimes know user namespaces."""
    what = "nodes' container runtimes know user namespaces"
    try:
        items = api.get("/api/v1/nodes")["items"]
    except RefusedError as error:
        yield unknown(what, str(error))
        return
    told_by = {item["status"]["nodeInfo"]["containerRuntimeVersion"]: item["metadata"]["name"] for item in items}
    old = False
    for text, node in sorted(told_by.items()):
        name, _, number = text.partition("://")
        least, found = RUNTIMES.get(name), parsed(number)
        if least is None or found is None:
            yield unknown(f"{what}: {node}", text)
        elif found < least:
            old = True
            yield wrong(f"{what}: {node}", text, f"{name} {told(least)} or newer on the nodes, with runc 1.2 or crun")
    if told_by and not old:
        yield fine(what, ", ".join(sorted(told_by)))


def storage(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield whether the StorageClasses are there that volumes claim."""
    claimed = {claim.get("storageClassName") for each in needs.objects for claim in _claims(each)}
    if not claimed:
        return
    try:
        items = api.get("/apis/storage.k8s.io/v1/storageclasses")["items"]
    except RefusedError as error:
        yield unknown("StorageClasses of volumes", str(error))
        return
    there = {item["metadata"]["name"]: item["metadata"].get("annotations") or {} for item in items}
    known = f"there are: {', '.join(sorted(there)) or 'none'}"
    for name in sorted(claimed, key=str):
        if name is None:
            default = [each for each, notes in there.items() if notes.get(_DEFAULT) == "true"]
            what, has = "a default StorageClass", bool(default)
            mend = f"kubectl annotate storageclass NAME {_DEFAULT}=true, or `className` in the stack file"
            said = ", ".join(default)
        else:
            what, has = f"the StorageClass {name}", name in there
            said, mend = "", "`className` in the stack file names one that is there"
        yield fine(what, said) if has else wrong(what, known, mend)


def _claims(value: Any) -> Iterator[Manifest]:
    """Yield the claims in a manifest, wherever they stand."""
    if isinstance(value, dict):
        if "accessModes" in value and "resources" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _claims(each)


def exposure(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield whether what leads from outside, and what scales, is there."""
    classes = {each["spec"]["ingressClassName"] for each in needs.of_kind("Ingress") if "ingressClassName" in each["spec"]}
    gateways = {
        (parent.get("namespace", each["metadata"]["namespace"]), parent["name"])
        for each in needs.of_kind("HTTPRoute")
        for parent in each["spec"].get("parentRefs", [])
    }
    asked = [(f"the IngressClass {name}", f"/apis/networking.k8s.io/v1/ingressclasses/{name}") for name in sorted(classes)]
    asked += [
        (f"the Gateway {namespace}/{name}", f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways/{name}")
        for namespace, name in sorted(gateways)
    ]
    if needs.of_kind("HorizontalPodAutoscaler"):
        asked.append(("metrics for autoscaling", "/apis/metrics.k8s.io/v1beta1"))
    for what, path in asked:
        try:
            there = api.find(path) is not None
        except RefusedError as error:
            yield unknown(what, str(error))
            continue
        mend = (
            "install metrics-server" if path.endswith("v1beta1") else "`exposure` in the stack file names one that is there"
        )
        yield fine(what) if there else wrong(what, "the cluster has none", mend)


def existing(namespace: Existing, api: Api) -> Row:
    """Look at a namespace that the stack only reads."""
    what, level = f"the namespace {namespace.name}", namespace.levels[0]
    label = f"{POD_SECURITY}/enforce"
    try:
        found = api.find(f"/api/v1/namespaces/{namespace.name}")
    except RefusedError as error:
        return unknown(what, str(error))
    if found is None:
        return wrong(what, "it is not there, and the settings say that it is", f"kubectl create namespace {namespace.name}")
    there = (found["metadata"].get("labels") or {}).get(label)
    if there in namespace.levels:
        return fine(what, f"{label}={there}")
    mend = f"kubectl label namespace {namespace.name} --overwrite {label}={level}"
    return wrong(what, f"{label} is {there or 'not set'}", mend)
