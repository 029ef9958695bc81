"""What a thief tries with the token of a service account of staging-ci: requests to the API server, by identity."""

from local.demo import DEPLOYMENT
from local.kubernetes_api import Object
from local.machine import LISTENER
from tests.e2e.test_pods import plain_pod

CORE = "/api/v1/namespaces"
APPS = "/apis/apps/v1/namespaces"
RUNS = "/apis/tekton.dev/v1/namespaces/staging-ci/pipelineruns"
TASK_RUNS = "/apis/tekton.dev/v1/namespaces/staging-ci/taskruns"
TRIGGERS = "/apis/triggers.tekton.dev/v1beta1/namespaces/staging-ci/triggers"
SCALE = {"spec": {"replicas": 0}}
RUN = {
    "apiVersion": "tekton.dev/v1",
    "kind": "PipelineRun",
    "metadata": {"name": "x"},
    "spec": {"pipelineRef": {"name": "x"}},
}
OTHER = {
    "metadata": {"name": "other"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": plain_pod()["spec"]},
    },
}
FOR_A_TOKEN: Object = {"spec": {"audiences": []}}
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "x"}}
BINDING = {
    "metadata": {"name": "x"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
}
# What each identity is for: the control of what it is not for.
POSSIBLE: dict[str, tuple[str, str, Object | None]] = {
    "deployer": ("GET", f"{APPS}/staging/deployments/{DEPLOYMENT}", None),
    "reporter": ("GET", TASK_RUNS, None),
    "supervisor": ("GET", RUNS, None),
    "listener": ("GET", TRIGGERS, None),
    "untrusted": ("GET", "/version", None),
    "default": ("GET", "/version", None),
}
# Each must be refused by RBAC, with 403.
IMPOSSIBLE: dict[str, list[tuple[str, str, Object | None]]] = {
    "deployer": [
        ("GET", f"{CORE}/staging/secrets/registry-pull", None),
        ("GET", f"{CORE}/staging-ci/secrets/mark-signing", None),
        ("GET", f"{CORE}/staging/configmaps", None),
        ("POST", f"{CORE}/staging/pods", plain_pod()),
        ("POST", f"{CORE}/staging/pods/x/exec?command=id", None),
        ("GET", f"{CORE}/staging/pods/x/log", None),
        ("GET", f"{CORE}/staging-ci/pods", None),
        ("GET", f"{CORE}/production/pods", None),
        ("GET", f"{CORE}/staging-ci/events", None),
        ("POST", f"{CORE}/staging/pods/x/eviction", EVICTION),
        ("POST", f"{CORE}/staging-ci/serviceaccounts/listener/token", FOR_A_TOKEN),
        ("PATCH", f"{CORE}/staging/services/{DEPLOYMENT}", {"spec": {"selector": None}}),
        ("POST", f"{APPS}/staging/deployments", OTHER),
        ("PATCH", f"{APPS}/staging/deployments/other", SCALE),
        ("PATCH", f"{APPS}/staging-ci/deployments/{LISTENER}", SCALE),
        ("PATCH", f"{APPS}/staging/deployments/{DEPLOYMENT}/scale", SCALE),
        ("PATCH", f"{APPS}/staging/deployments/{DEPLOYMENT}/status", {"status": {"replicas": 9}}),
        ("PUT", f"{APPS}/staging/deployments/{DEPLOYMENT}", OTHER),
        ("DELETE", f"{APPS}/staging/deployments/{DEPLOYMENT}", None),
        ("DELETE", f"{APPS}/staging/replicasets", None),
        (
            "PATCH",
            f"{APPS}/production/deployments/{DEPLOYMENT}",
            {"metadata": {"annotations": {"tekton-delivery/run": "x"}}},
        ),
        ("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/staging/leases/{DEPLOYMENT}", None),
        ("GET", f"/apis/coordination.k8s.io/v1/namespaces/production/leases/{DEPLOYMENT}", None),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/staging/rolebindings", BINDING),
        ("POST", RUNS, RUN),
    ],
    "reporter": [
        ("GET", f"{CORE}/staging-ci/secrets/forge-token", None),
        ("GET", f"{CORE}/staging-ci/secrets/log-masks", None),
        ("GET", f"{CORE}/staging-ci/pods", None),
        ("POST", f"{CORE}/staging-ci/pods/x/exec?command=id", None),
        ("POST", f"{CORE}/staging-ci/pods/x/attach", None),
        ("GET", f"{CORE}/staging/pods/x/log", None),
        ("GET", f"{CORE}/production-ci/pods/x/log", None),
        ("GET", RUNS, None),
        ("PATCH", f"{TASK_RUNS}/x", {"spec": {"status": "TaskRunCancelled"}}),
        ("DELETE", TASK_RUNS, None),
        ("GET", TASK_RUNS.replace("staging", "production"), None),
    ],
    "supervisor": [
        ("POST", RUNS, RUN),
        ("DELETE", RUNS, None),
        ("PATCH", f"{RUNS}/x/status", {"status": {"conditions": []}}),
        ("GET", TASK_RUNS, None),
        ("GET", f"{CORE}/staging-ci/secrets", None),
        ("PATCH", f"{RUNS.replace('staging', 'production')}/x", {"spec": {"status": "CancelledRunFinally"}}),
    ],
    "listener": [
        ("GET", f"{CORE}/staging-ci/secrets/webhook-secret", None),
        ("GET", RUNS, None),
        ("PATCH", f"{RUNS}/x", {"spec": {"status": "Cancelled"}}),
        ("POST", TASK_RUNS, RUN | {"kind": "TaskRun"}),
        ("POST", RUNS.replace("staging", "production"), RUN),
        ("POST", f"{CORE}/staging-ci/pods", plain_pod()),
        (
            "PATCH",
            "/apis/triggers.tekton.dev/v1beta1/namespaces/staging-ci/triggers/pr-trigger",
            {"spec": {"interceptors": []}},
        ),
        ("GET", TRIGGERS.replace("staging", "production"), None),
    ],
    "untrusted": [
        ("GET", f"{CORE}/staging-ci/pods", None),
        ("GET", f"{CORE}/staging-ci/secrets/quarantine-push", None),
        ("GET", f"{APPS}/staging/deployments", None),
        ("POST", f"{CORE}/staging-ci/serviceaccounts/deployer/token", FOR_A_TOKEN),
        ("GET", RUNS, None),
    ],
    "default": [
        ("GET", f"{CORE}/staging-ci/pods", None),
        ("GET", f"{CORE}/staging-ci/secrets", None),
        ("GET", "/api/v1/nodes", None),
        ("GET", "/metrics", None),
    ],
}
