"""What a stack adds to an application's pods past what there is a setting for."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Self

from pydantic import Field, model_validator

from components.conventions import CONTAINER, PROJECT, labels
from components.settings import pod_fields
from components.settings.types import IMAGE_BY_DIGEST, Model

# Who a pod is and what it may do to its node: Pod Security `restricted`, admission and deliveries rest on it.
_DECIDED = re.compile(
    r"spec\.(serviceAccountName|serviceAccount|automountServiceAccountToken|hostNetwork|hostPID|hostIPC|hostUsers|"
    r"restartPolicy|os|ephemeralContainers|activeDeadlineSeconds)|.*\.hostPort|"
    r"spec\.volumes\[\d+\]\.projected\.sources\[\d+\]\.(serviceAccountToken|podCertificate)"
)
# What else a security context has is what keeps to `restricted`.
_CONTEXT = ("runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "supplementalGroups", "readOnlyRootFilesystem")
_VOLUMES = (
    "name",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
_LISTS = re.compile(
    r"spec\.(?:(?:containers|initContainers)\[\d+\]\.(?=env|volume[MD]|ports))?"
    r"(containers|initContainers|volumes|env|imagePullSecrets|volumeMounts|volumeDevices|ports|hostAliases|"
    r"topologySpreadConstraints)"
)
# Of a list that is merged, what its items are known by, as for `kubectl patch`. Other lists are replaced.
MERGED_BY = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}


class PodMetadata(Model):
    """Labels and annotations of a pod."""

    labels: dict[str, str] = Field(default_factory=dict, description="more labels", examples=[{"team": "shop"}])
    annotations: dict[str, str] = Field(
        default_factory=dict, description="more annotations", examples=[{"prometheus.io/scrape": "true"}]
    )

    @model_validator(mode="after")
    def _of_others(self) -> Self:
        for name in (*self.labels, *self.annotations):
            if name.startswith(f"{PROJECT}/") or name in labels(environment="", application="any"):
                raise ValueError(f"a mapping without the key `{name}`, which the program sets")
        return self


class PodTemplate(Model):
    """A patch of the pod template, applied last."""

    metadata: PodMetadata = Field(
        default_factory=PodMetadata, description="labels and annotations", examples=[{"labels": {"team": "shop"}}]
    )
    spec: dict[str, Any] = Field(
        default_factory=dict,
        description="fields of a pod's spec, merged as `kubectl patch` does; null takes one away. The application's "
        f"container is `{CONTAINER}`; its image, identities and what Pod Security `restricted` asks for stay as they are",
        examples=[{"nodeSelector": {"disk": "ssd"}}],
    )

    @model_validator(mode="after")
    def _harmless(self) -> Self:
        if problem := next(chain(_problems(self.spec, "spec"), _unknown(self.spec)), None):
            raise ValueError(f"a patch of a pod; {problem}")
        return self


def _unknown(spec: Mapping[str, Any]) -> Iterator[str]:
    return pod_fields.unknown(spec, "spec") if spec else iter(())


def _problems(value: Any, place: str) -> Iterator[str]:
    """Yield what a patch may not say, with the place in it."""
    merged = _LISTS.fullmatch(place)
    if merged and not isinstance(value, list):
        yield f"`{place}` is a list, whose items are known by `{MERGED_BY[merged[1]]}`"
    elif isinstance(value, Mapping):
        for name, item in value.items():
            where = f"{place}.{name}"
            if _DECIDED.fullmatch(where):
                yield f"`{where}` is the program's: leave it out"
            elif str(name).startswith("$"):
                yield f"`{where}`: what is to go is null; lists are merged by the name of their items, or replaced"
            elif name == "securityContext" and not _harmless(item):
                yield f"`{where}` may hold {', '.join(_CONTEXT)}, no user or group 0, and nothing else"
            else:
                yield from _problems(item, where)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            where = f"{place}[{number}]"
            yield from _problems(item, where)
            if merged:
                yield from _wrong_item(item, where, merged[1])


def _wrong_item(item: Any, place: str, key: str) -> Iterator[str]:
    """Yield what is wrong with an item of a list that is merged."""
    if not isinstance(item, Mapping) or item.get(MERGED_BY[key]) in (None, ""):
        yield f"`{place}` needs `{MERGED_BY[key]}`, by which it is known"
    elif key == "volumes" and (odd := next((name for name in item if name not in _VOLUMES), None)):
        yield f"`{place}.{odd}` is none of {', '.join(_VOLUMES[1:])}"
    elif key in ("containers", "initContainers"):
        if item["name"] != CONTAINER:
            if "image" in item and not IMAGE_BY_DIGEST.fullmatch(str(item["image"])):
                yield f"`{place}.image` must be named by its digest, `registry.example/proxy@sha256:<64 hex digits>`"
        elif "image" in item:
            yield f"`{place}.image` is what deliveries bring: leave it out"
        elif "command" in item:
            yield f"`{place}.command` is the application's setting `command`"


def _harmless(context: Any) -> bool:
    return isinstance(context, Mapping) and all(
        name in _CONTEXT and value is not None and (value is False or value != 0) for name, value in context.items()
    )
