"""The person's kubeconfig, with whom it says that they act as, and how long its cluster may keep them waiting."""

import logging
import re
import shlex
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
# How long an API server may take to be connected to, which is tried twice, and how long it may be silent after a question.
# It ends its own questions after 60 s, so that what was asked is decided by then:
# https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ (--request-timeout)
CONNECT_SECONDS, SECONDS = 10.0, 65.0
# The longest that one which has too much to do may have somebody wait before the question is put again.
_RETRY_AFTER_SECONDS = 10
# What a load balancer, or the API server itself after its time, says of a change that may be made all the same.
_UNDECIDED = (502, 504)
# Asked by POST, and changed by nothing: `kubectl auth can-i`, `kubectl auth whoami`.
_REVIEWS = ("/authentication.k8s.io/", "/authorization.k8s.io/")
_OBJECT = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/v[^/]+(?:/namespaces/(?P<namespace>[^/]+))?/(?P<kind>[^/]+)(?:/(?P<name>[^/]+))?$"
)


class UncertainError(urllib3.exceptions.HTTPError):
    """A change of which nobody said whether it was made: why, whom it was asked of, and the command that shows it."""

    def __init__(self, cause: urllib3.exceptions.HTTPError, server: str, look: str) -> None:
        super().__init__(str(cause))
        self.cause, self.server, self.look = cause, server, look


class _Retry(urllib3.Retry):
    """What is asked again at once: what never arrived or was refused unread, and a look whose connection broke."""

    def increment(
        self, method: Any = None, url: Any = None, response: Any = None, error: Any = None, *rest: Any, **more: Any
    ) -> Any:
        """Return what is left of it. Raises `error` where that took its time already."""
        if isinstance(error, urllib3.exceptions.ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, *rest, **more)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        """Return whether an answer asks for another try: whatever it was, as for `kubectl`."""
        return bool(self.total and has_retry_after and status_code == 429)


class Bounded(client.ApiClient):
    """An API client each of whose questions ends: without it, one waits as long as nobody says anything."""

    def __init__(self, configuration: client.Configuration) -> None:
        # What was asked may have been done: of what has arrived only looking is tried again.
        configuration.retries = _Retry(
            total=2,
            connect=1,
            read=1,
            other=0,
            redirect=0,
            allowed_methods={"GET"},
            raise_on_status=False,
            retry_after_max=_RETRY_AFTER_SECONDS,
        )
        super().__init__(configuration)

    def call_api(
        self,
        method: Any,
        url: Any,
        header_params: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        """Ask. Raises urllib3's HTTPError after the time above, unless the question has one of its own; UncertainError
        where a change was asked for that may have been made."""
        seconds = _request_timeout or (CONNECT_SECONDS, SECONDS)
        changes = method != "GET" and "dryRun=" not in url and not any(each in url for each in _REVIEWS)
        try:
            answer = super().call_api(method, url, header_params, body, post_params, seconds)
            if changes:
                answer.read()  # type: ignore[no-untyped-call]  # it may be cut off
        except urllib3.exceptions.HTTPError as error:
            if changes and not _never_arrived(error):
                raise UncertainError(error, self.configuration.host, _look(url, body)) from error
            raise
        if changes and answer.status in _UNDECIDED:
            said = urllib3.exceptions.HTTPError(f"{answer.status} {answer.reason}")
            raise UncertainError(said, self.configuration.host, _look(url, body))
        return answer


def _never_arrived(error: urllib3.exceptions.HTTPError) -> bool:
    reason = getattr(error, "reason", None) or error
    return isinstance(reason, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.SSLError)


def _look(url: str, body: Any) -> str:
    """Return the command that shows what a change was to change."""
    path = urlsplit(url).path
    found = _OBJECT.search(path)
    if not found:
        return f"kubectl get --raw {shlex.quote(path)}"
    metadata = body.get("metadata") if isinstance(body, dict) else None
    name = found["name"] or (metadata or {}).get("name")
    kind = f"{found['kind']}.{found['group']}" if found["group"] else found["kind"]
    where = ["--namespace", found["namespace"]] if found["namespace"] else []
    return shlex.join(["kubectl", "get", kind, *([str(name)] if name else []), *where, "--output", "yaml"])


def connect(context: str | None, path: str | None = None) -> Any:
    """Return an ApiClient of a context's cluster; without a path the kubeconfig is found as kubectl does.

    Kubernetes' client for Python leaves out whom a user acts as (`as`), and would go on with the rights that the person
    meant to lay down. Raises OSError and config.ConfigException as it does, OperateError where it cannot say it all or
    cannot be used at all.
    """
    configuration = client.Configuration()
    named = path or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    try:
        with _heard() as said:
            config.load_kube_config(path, context, client_configuration=configuration)  # type: ignore[no-untyped-call]
            api: Any = Bounded(configuration)
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


def in_cluster() -> Any:
    """Return an ApiClient of the cluster whose pod this runs in. Raises config.ConfigException where it runs in none."""
    configuration = client.Configuration()
    config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    return Bounded(configuration)


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
    if isinstance(error, UncertainError):
        return silence(error.cause)
    reason = getattr(error, "reason", None)
    if isinstance(error, urllib3.exceptions.MaxRetryError) and reason:
        return silence(reason)
    if isinstance(error, urllib3.exceptions.ProtocolError) and len(error.args) > 1:
        return str(error.args[1])
    text = str(error)
    return text.partition(">: ")[2] or text.partition("): ")[2] or text


def unanswered(error: urllib3.exceptions.HTTPError) -> str:
    """Return that a cluster does not answer: which, why, and what to do."""
    if isinstance(error, UncertainError):
        return (
            f"the cluster at {error.server} does not answer: {silence(error)}; the change may have been made: before you "
            f"repeat it, look: `{error.look}`"
        )
    pool: Any = getattr(error, "pool", None)
    where = f" at {pool.scheme}://{pool.host}:{pool.port}" if getattr(pool, "host", None) else ""
    return (
        f"the cluster{where} does not answer: {silence(error)}; `kubectl --request-timeout 10s version` asks it too; "
        "--context or $KUBECONFIG names another one"
    )


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
