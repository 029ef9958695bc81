"""The provider's own configuration: which cluster, which default namespace, what may be edited in place."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.plugins.server import RefusalError
from local.plugins.wire import UNKNOWN

_FLAGS = {
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
_TEXTS = ("kubeconfig", "context", "namespace")
# Set by the engine or by resource options, not by the program's author.
_ENGINE_KEYS = ("version", "pluginDownloadURL", "__internal")


@dataclass(frozen=True)
class Settings:
    """What a provider resource, the stack's `kubernetes:` configuration and the environment ask for."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    enable_secret_mutable: bool = False
    enable_config_map_mutable: bool = False
    enable_patch_force: bool = False
    upsert_existing_objects: bool = False
    known: bool = True
    """False in a preview in which the kubeconfig is the output of a resource that does not exist yet."""

    def cluster(self) -> dict[str, Any]:
        """The kubeconfig as one document, with `current-context` as configured."""
        text = self.kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        where = "the provider's kubeconfig"
        # As the official plugin does: what does not parse as a kubeconfig is a path.
        document = _mapping(text)
        if document is None:
            where = f"kubeconfig {text}"
            try:
                document = _mapping(Path(text).expanduser().read_text())
            except OSError as error:
                raise RefusalError(f"{where}: {error.strerror}; set the provider's `kubeconfig` or KUBECONFIG") from error
        if document is None:
            raise RefusalError(f"{where} is not a kubeconfig: expected a YAML document with `clusters` and `contexts`")
        context = self.context or document.get("current-context")
        if context not in _names(document, "contexts"):
            names = ", ".join(_names(document, "contexts")) or "none"
            raise RefusalError(f"{where} has no context {context!r}; it has: {names}")
        return {**document, "current-context": context}

    def server(self) -> str:
        """The address of the API server: two configurations with the same one mean the same cluster."""
        document = self.cluster()
        context = _entry(document, "contexts", document["current-context"])
        return str(_entry(document, "clusters", context.get("cluster")).get("server", ""))

    def default_namespace(self) -> str | None:
        """Where resources without a namespace go: the setting, else the context's; None leaves it to the API."""
        if self.namespace:
            return self.namespace
        document = self.cluster()
        return _entry(document, "contexts", document["current-context"]).get("namespace")


def read(values: dict[str, Any]) -> Settings:
    """Validate a provider's inputs. Unknown options are refused: ignoring one would change what the program means."""
    unknown = sorted(set(values) - set(_FLAGS) - set(_TEXTS) - set(_ENGINE_KEYS))
    if unknown:
        raise RefusalError(
            f"the stand-in for the kubernetes plugin does not support the provider option {unknown[0]!r}; "
            f"it supports {', '.join((*_TEXTS, *_FLAGS))}"
        )
    ignored = sorted(name for name in os.environ if name.startswith("PULUMI_K8S_") and name not in _FLAGS.values())
    if ignored:
        raise RefusalError(f"the stand-in for the kubernetes plugin does not support the environment variable {ignored[0]}")
    if not _flag(values, "enableServerSideApply", default=True):
        raise RefusalError(
            "enableServerSideApply is false, but the stand-in for the kubernetes plugin only applies server-side"
        )
    return Settings(
        **{name: values[name] for name in _TEXTS if values.get(name) not in (None, "", UNKNOWN)},
        enable_secret_mutable=_flag(values, "enableSecretMutable", default=False),
        enable_config_map_mutable=_flag(values, "enableConfigMapMutable", default=False),
        enable_patch_force=_flag(values, "enablePatchForce", default=False),
        upsert_existing_objects=_flag(values, "upsertExistingObjects", default=False),
        known=values.get("kubeconfig") is not UNKNOWN,
    )


def _flag(values: dict[str, Any], name: str, default: bool) -> bool:
    # SDKs send provider options as JSON text.
    value = values.get(name, os.environ.get(_FLAGS[name], ""))
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text not in ("", "true", "false"):
        raise RefusalError(f"provider option {name} is {value!r}; allowed are true and false")
    return default if text == "" else text == "true"


def _mapping(text: str) -> dict[str, Any] | None:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    return document if isinstance(document, dict) and "clusters" in document else None


def _names(document: dict[str, Any], section: str) -> list[str]:
    return [entry["name"] for entry in document.get(section) or []]


def _entry(document: dict[str, Any], section: str, name: Any) -> dict[str, Any]:
    singular = section.removesuffix("s")
    for entry in document.get(section) or []:
        if entry.get("name") == name:
            return dict(entry.get(singular) or {})
    raise RefusalError(f"the kubeconfig names the {singular} {name!r} but does not describe it")
