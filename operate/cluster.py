"""The API server with the person's own rights. Objects are plain manifests, as `kubectl get --output json` shows them."""

import base64
from typing import Any

from kubernetes import client, config

from components.conventions import (
    DELIVERY_NAMESPACE,
    FIELD_MANAGER,
    FREEZE,
    PROJECT,
    RUNS_COUNTED,
    RUNS_QUOTA,
    WORKLOADS,
    Manifest,
    delivery_namespace,
    key,
)
from operate import kubeconfig
from operate.errors import OperateError
from steps.workloads import Workload

APPLICATION_LABEL, ENVIRONMENT_LABEL = "app.kubernetes.io/name", key("environment")
PART = f"app.kubernetes.io/part-of={PROJECT}"
OURS = f"{PART},{APPLICATION_LABEL}"

_APPS = ("apps", "v1")
_DEPLOYMENTS = (*_APPS, "deployments")
_LEASES = ("coordination.k8s.io", "v1", "leases")
_TEKTON = ("tekton.dev", "v1")
_TRIGGERS = ("triggers.tekton.dev", "v1beta1")
_CONFLICT, FORBIDDEN = 409, 403
_AS_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_STRATEGIC = "application/strategic-merge-patch+json"


class ConflictError(Exception):
    """The object is another one by now than the one that the change was made for, or it exists already."""


class Cluster:
    """What the commands ask of a cluster. A kubeconfig is found as kubectl does; in a pod its service account serves."""

    def __init__(self, context: str | None, namespace: str | None = None) -> None:
        """`namespace` is where an environment's applications run, for who may not look for that in the whole cluster."""
        self._namespace = namespace
        self._places: dict[str, tuple[str, str]] = {}
        try:
            self._api = kubeconfig.connect(context)
        except OSError as error:
            raise OperateError(f"the kubeconfig cannot be read: {error}; $KUBECONFIG names another one") from None
        except config.ConfigException as error:
            if context:
                raise OperateError(f"{error}; `kubectl config get-contexts` lists the contexts") from None
            self._api = _in_cluster(error)
        self._objects: Any = client.CustomObjectsApi(self._api)
        self._core: Any = client.CoreV1Api(self._api)

    def whoami(self) -> str:
        """Return the user name by which the cluster knows the person."""
        review: Any = client.AuthenticationV1Api(self._api).create_self_subject_review(client.V1SelfSubjectReview())
        return str(review.status.user_info.username)

    def environments(self) -> list[str]:
        """Return the environments that have applications. It takes a right over the whole cluster."""
        return sorted({item["metadata"]["labels"][ENVIRONMENT_LABEL] for item in self._anywhere(OURS)})

    def workload_namespace(self, environment: str) -> str:
        """Return where an environment's applications run."""
        return self._place(environment)[0]

    def delivery_namespace(self, environment: str) -> str:
        """Return where an environment's runs are."""
        return self._place(environment)[1]

    def _place(self, environment: str) -> tuple[str, str]:
        """Return an environment's two namespaces: those of its name, unless its Deployments are elsewhere."""
        if environment not in self._places:
            selector = _of(environment)
            found = self._in(self._namespace, selector) if self._namespace else []
            found = found or self._in(environment, selector)
            if not found:
                try:
                    found = self._anywhere(selector)
                except client.ApiException as error:
                    if error.status != FORBIDDEN:
                        raise
            usual = delivery_namespace(environment)
            places = {
                (item["metadata"]["namespace"], item["metadata"]["labels"].get(DELIVERY_NAMESPACE, usual)) for item in found
            }
            if len(places) > 1:
                there = ", ".join(sorted(workload for workload, _ in places))
                raise OperateError(f"there are several environments {environment}; name one by --namespace: {there}")
            self._places[environment] = places.pop() if places else (self._namespace or environment, usual)
        return self._places[environment]

    def _in(self, namespace: str, selector: str) -> list[Manifest]:
        try:
            return self._listed(_DEPLOYMENTS, namespace, selector)
        except client.ApiException as error:
            if error.status == FORBIDDEN and namespace != self._namespace:
                return []  # perhaps another one is meant
            raise

    def _listed(self, kind: tuple[str, str, str], namespace: str, selector: str) -> list[Manifest]:
        group, version, plural = kind
        found = self._objects.list_namespaced_custom_object(group, version, namespace, plural, label_selector=selector)
        return list(found["items"])

    def _anywhere(self, selector: str) -> list[Manifest]:
        group, version, plural = _DEPLOYMENTS
        return list(self._objects.list_cluster_custom_object(group, version, plural, label_selector=selector)["items"])

    def deployments(self, environment: str) -> list[Manifest]:
        """Return the Deployments of an environment's applications."""
        return self._listed(_DEPLOYMENTS, self.workload_namespace(environment), _of(environment))

    def existing(self, environment: str) -> list[Manifest]:
        """Return the Leases of applications whose workloads are somebody else's; none where the person may not look."""
        try:
            found = self._listed(_LEASES, self.workload_namespace(environment), _of(environment))
        except client.ApiException as error:
            if error.status == FORBIDDEN:
                return []
            raise
        return [item for item in found if WORKLOADS in item["metadata"].get("annotations", {})]

    def workload(self, workload: Workload) -> Manifest:
        """Return a Deployment or a StatefulSet."""
        return self._get((*_APPS, workload.kind), workload.namespace, workload.name)

    def patch_workload(self, workload: Workload, body: Manifest) -> None:
        """Change one as deploys do. Raises ConflictError if it is not the version that the change names."""
        place = (*_APPS, workload.namespace, workload.kind, workload.name)
        _checked(
            lambda: self._objects.patch_namespaced_custom_object(
                *place, body, field_manager=FIELD_MANAGER, _content_type=_STRATEGIC
            )
        )

    def lease(self, environment: str, name: str) -> Manifest:
        """Return the Lease of a Deployment."""
        return self._get(_LEASES, self.workload_namespace(environment), name)

    def replace_lease(self, environment: str, name: str, body: Manifest) -> None:
        """Change a Lease. Raises ConflictError if somebody was faster."""
        group, version, plural = _LEASES
        namespace = self.workload_namespace(environment)
        _checked(
            lambda: self._objects.replace_namespaced_custom_object(
                group, version, namespace, plural, name, body, field_manager=FIELD_MANAGER
            )
        )

    def freeze(self, environment: str) -> Manifest:
        """Return the switch that freezes an environment."""
        return self._manifest(self._core.read_namespaced_config_map(FREEZE, self.workload_namespace(environment)))

    def patch_freeze(self, environment: str, data: Manifest) -> None:
        """Set or remove what the switch says."""
        self._core.patch_namespaced_config_map(
            FREEZE,
            self.workload_namespace(environment),
            {"data": data},
            field_manager=FIELD_MANAGER,
            _content_type=_STRATEGIC,
        )

    def runs(self, environment: str, plural: str, application: str) -> list[Manifest]:
        """Return an application's PipelineRuns (`pipelineruns`) or TaskRuns (`taskruns`), oldest first."""
        selector = f"{APPLICATION_LABEL}={application}"
        found = self._objects.list_namespaced_custom_object(
            *_TEKTON, self.delivery_namespace(environment), plural, label_selector=selector
        )
        return sorted(found["items"], key=lambda run: (run["metadata"]["creationTimestamp"], run["metadata"]["name"]))

    def run_states(self, environment: str) -> list[Manifest]:
        """Return an environment's PipelineRuns as `kubectl get` shows them: whole ones are large, with all that they ran.

        Each has `name`, `since`, `state` and whether it has `ended`.
        """
        answer = self._objects.list_namespaced_custom_object(
            *_TEKTON,
            self.delivery_namespace(environment),
            "pipelineruns",
            label_selector=PART,
            _headers={"Accept": _AS_TABLE},
        )
        columns = [column["name"].lower() for column in answer["columnDefinitions"]]
        found = []
        for row in answer["rows"] or []:
            cells = dict(zip(columns, row["cells"], strict=True))
            ended = cells.get("succeeded") in ("True", "False")
            state = str(cells.get("reason") or "has not begun")
            since = row["object"]["metadata"]["creationTimestamp"]
            found.append({"name": row["object"]["metadata"]["name"], "since": since, "state": state, "ended": ended})
        return sorted(found, key=lambda run: (run["since"], run["name"]))

    def quota(self, environment: str) -> tuple[int, int] | None:
        """Return how many runs there are, and may be; None where nobody counts, or the person may not see it."""
        try:
            found: Any = self._core.read_namespaced_resource_quota(RUNS_QUOTA, self.delivery_namespace(environment))
        except client.ApiException as error:
            if error.status in (FORBIDDEN, 404):
                return None
            raise
        return counted(found)

    def tekton(self, environment: str, plural: str, name: str) -> Manifest:
        """Return a Pipeline (`pipelines`), Task (`tasks`) or TaskRun (`taskruns`) of an environment."""
        return self._get((*_TEKTON, plural), self.delivery_namespace(environment), name)

    def triggers(self, plural: str) -> list[Manifest]:
        """Return this project's `triggertemplates` or `triggerbindings`, wherever its listeners live."""
        found = self._objects.list_cluster_custom_object(*_TRIGGERS, plural, label_selector=PART)
        return list(found["items"])

    def log(self, environment: str, pod: str, container: str, lines: int | None = None) -> str:
        """Return what a container of a run's pod has printed, or so many of its last lines."""
        last = {"tail_lines": lines} if lines else {}
        namespace = self.delivery_namespace(environment)
        answer = self._core.read_namespaced_pod_log(pod, namespace, container=container, _preload_content=False, **last)
        # The client takes it for UTF-8, and programs print what is none.
        return str(answer.data.decode(errors="replace"))

    def secret(self, environment: str, name: str, key: str) -> str:
        """Return what a Secret of an environment's delivery namespace has at a key; nothing where it lacks that."""
        found = self._core.read_namespaced_secret(name, self.delivery_namespace(environment))
        return base64.b64decode((found.data or {}).get(key, "")).decode(errors="replace")

    def create_run(self, environment: str, body: Manifest) -> None:
        """Start a PipelineRun. Raises ConflictError if there is one of that name."""
        namespace = self.delivery_namespace(environment)
        _checked(lambda: self._objects.create_namespaced_custom_object(*_TEKTON, namespace, "pipelineruns", body))

    def create_config_map(self, environment: str, body: Manifest) -> None:
        """Create a ConfigMap in an environment's delivery namespace. Raises ConflictError if there is one of that name."""
        _checked(lambda: self._core.create_namespaced_config_map(self.delivery_namespace(environment), body))

    def _get(self, kind: tuple[str, str, str], namespace: str, name: str) -> Manifest:
        group, version, plural = kind
        found: Manifest = self._objects.get_namespaced_custom_object(group, version, namespace, plural, name)
        return found

    def _manifest(self, typed: Any) -> Manifest:
        made: Manifest = self._api.sanitize_for_serialization(typed)
        return made


def _of(environment: str) -> str:
    """Return the selector of an environment's applications."""
    return f"{OURS},{ENVIRONMENT_LABEL}={environment}"


def counted(quota: Any) -> tuple[int, int] | None:
    """Return how many runs a quota counts, and allows. It says nothing until the cluster has counted for the first time."""
    used, hard = ((of or {}).get(RUNS_COUNTED) for of in (quota.status.used, quota.status.hard))
    return (int(used), int(hard)) if used and hard else None


def _in_cluster(no_kubeconfig: Exception) -> Any:
    try:
        return kubeconfig.in_cluster()
    except config.ConfigException:
        raise OperateError(f'{no_kubeconfig}; name a kubeconfig with $KUBECONFIG, or run `eval "$(make env)"`') from None


def _checked(request: Any) -> None:
    try:
        request()
    except client.ApiException as error:
        if error.status == _CONFLICT:
            raise ConflictError(error.body) from None
        raise
