"""The person's kubeconfig, with whom it says that they act as."""

from typing import Any

from kubernetes import client, config
from kubernetes.config import kube_config

from components.conventions import Manifest
from operate.errors import OperateError

# What kubectl sends for a user of a kubeconfig that acts as somebody else.
_HEADERS = {"as": "Impersonate-User", "as-uid": "Impersonate-Uid", "as-groups": "Impersonate-Group"}


def connect(context: str | None, path: str | None = None, configuration: client.Configuration | None = None) -> Any:
    """Return an ApiClient of a context's cluster; without a path the kubeconfig is found as kubectl does.

    Kubernetes' client for Python leaves out whom a user acts as (`as`), and would go on with the rights that the person
    meant to lay down. `configuration` is that client's, as far as the kubeconfig does not say it. Raises OSError and
    config.ConfigException as it does, OperateError where it cannot say it all.
    """
    api: Any = config.new_client_from_config(path, context, client_configuration=configuration)  # type: ignore[no-untyped-call]
    for name, value in _acts_as(context, path).items():
        api.set_default_header(name, value)
    return api


def _acts_as(context: str | None, path: str | None) -> dict[str, str]:
    path = path or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    contexts, current = kube_config.list_kube_config_contexts(path)  # type: ignore[no-untyped-call]
    named = next(each for each in contexts if each["name"] == (context or current["name"]))["context"].get("user")
    user = _user(path, named)
    groups = user.get("as-groups") or []
    if len(groups) > 1 or user.get("as-user-extra"):
        raise OperateError(
            f"the kubeconfig's user {named} acts as one with several groups or with extra fields (`as-groups`, "
            "`as-user-extra`), which cannot be said to the cluster from here; name another context by --context"
        )
    given = {"as": user.get("as"), "as-uid": user.get("as-uid"), "as-groups": groups[0] if groups else None}
    return {_HEADERS[key]: value for key, value in given.items() if value}


def _user(path: str, name: str | None) -> Manifest:
    merged = kube_config.KubeConfigMerger(path).config.value  # type: ignore[no-untyped-call]
    found = [each.value.get("user") or {} for each in merged["users"] if each.value["name"] == name]
    return dict(found[0]) if found else {}
