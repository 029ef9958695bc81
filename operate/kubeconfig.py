"""The person's kubeconfig, with whom it says that they act as."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.config import kube_config

from components.conventions import Manifest
from components.settings.errors import yaml_mistake
from operate.errors import OperateError

# What kubectl sends for a user of a kubeconfig that acts as somebody else.
_HEADERS = {"as": "Impersonate-User", "as-uid": "Impersonate-Uid", "as-groups": "Impersonate-Group"}


def connect(context: str | None, path: str | None = None, configuration: client.Configuration | None = None) -> Any:
    """Return an ApiClient of a context's cluster; without a path the kubeconfig is found as kubectl does.

    Kubernetes' client for Python leaves out whom a user acts as (`as`), and would go on with the rights that the person
    meant to lay down. `configuration` is that client's, as far as the kubeconfig does not say it. Raises OSError and
    config.ConfigException as it does, OperateError where it cannot say it all or cannot be used at all.
    """
    named = path or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    try:
        with _heard() as said:
            api: Any = config.new_client_from_config(path, context, client_configuration=configuration)  # type: ignore[no-untyped-call]
            acts_as = _acts_as(context, path)
    except (config.ConfigException, OSError):
        raise
    except (yaml.YAMLError, UnicodeError) as error:
        raise OperateError(f"the kubeconfig {named} is no YAML: {yaml_mistake(error)}") from None
    except (TypeError, AttributeError, LookupError, ValueError) as error:
        raise OperateError(f"the kubeconfig {named} is none: {error or type(error).__name__}") from None
    if said:
        raise OperateError(f"the kubeconfig {named} does not tell who you are: {'; '.join(said)}")
    _require_server(str(api.configuration.host), named)
    for name, value in acts_as.items():
        api.set_default_header(name, value)
    return api


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Have what the client only logs, and then goes on as nobody: that a command of the kubeconfig told it no token."""
    said: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: said.append(" ".join(record.getMessage().split()))  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield said
    finally:
        root.removeHandler(handler)


def _require_server(server: str, kubeconfig: str) -> None:
    try:
        parts = urlsplit(server)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise OperateError(f"the kubeconfig {kubeconfig} has no server of the form https://HOST:PORT, but {server!r}")


def silence(error: Exception) -> str:
    """Return why a server does not answer, without the objects and the repeated address that an error of urllib3 tells."""
    reason = getattr(error, "reason", None)
    text = str(reason if isinstance(error, urllib3.exceptions.MaxRetryError) and reason else error)
    return text.partition(">: ")[2] or text.partition("): ")[2] or text


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
    """Return a user of a kubeconfig; none is named by a context that goes on as nobody."""
    merged = kube_config.KubeConfigMerger(path).config.value  # type: ignore[no-untyped-call]
    found = [each.value.get("user") or {} for each in merged["users"] if each.value["name"] == name]
    if name and not found:
        raise OperateError(f"the kubeconfig has no user {name!r}, whom its context names")
    return dict(found[0]) if found else {}
