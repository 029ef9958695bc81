"""Names, labels, API versions and security contexts that every component shares. Declares no resource."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

# What deliveries write and `operate` reads is declared where they have it.
from steps.before_rollout import BEFORE_ROLLOUT as BEFORE_ROLLOUT
from steps.before_rollout import longest as before_rollout_seconds
from steps.kubernetes import FIELD_MANAGER as FIELD_MANAGER
from steps.lease import LEASE_SECONDS as LEASE_SECONDS
from steps.lease import seconds as lease_seconds
from steps.notes import APPROVAL as APPROVAL
from steps.notes import AWAITS as AWAITS
from steps.notes import BEFORE as BEFORE
from steps.notes import FREEZE as FREEZE
from steps.notes import HISTORY as HISTORY
from steps.notes import HOLD as HOLD
from steps.notes import ROLLING_OUT as ROLLING_OUT
from steps.text import plain as plain

__all__ = ["before_rollout_seconds", "lease_seconds"]

PROJECT = "tekton-delivery"

TEKTON = "tekton.dev/v1"
TRIGGERS = "triggers.tekton.dev/v1beta1"

# The service accounts of a delivery namespace (`access` says what each may do).
DEPLOYER = "deployer"
UNTRUSTED = "untrusted"
REPORTER = "reporter"
SUPERVISOR = "supervisor"
PRUNER = "pruner"
# The job that runs as the reporter.
TELLER = "teller"
MINTER = "minter"
LISTENER = "listener"

# The Secret by which the forge signs webhooks; those of runs are in `credential`.
WEBHOOK_SECRET = "webhook-secret"

# The Secret by which images are pulled, in each namespace of an environment.
PULL_SECRET = "registry-pull"

# Its ConfigMap with the certificate authorities that steps believe beside the system's.
CA_BUNDLE = "ca-bundle"

# The container of a Deployment whose image is delivered.
CONTAINER = "app"

# The quota of a delivery namespace that counts runs, and what it calls them.
RUNS_QUOTA = "runs"
RUNS_COUNTED = "count/pipelineruns.tekton.dev"

# What a container may write to the node's disk that needs none: logs, and a few small files.
SCRATCH_SIZE = "256Mi"

# The numeric user of the tools image and of Tekton's own containers (tekton config-defaults use the same).
NONROOT = 65532

# Every name that Kubernetes or Tekton also uses as a label value (PipelineRun, Trigger) stays within this length.
LABEL_LIMIT = 63

Manifest = dict[str, Any]

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_UNITS = {"m": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def token(component: str) -> str:
    """Return the Pulumi type token of a component class, e.g. `tekton-delivery:index:Environment`."""
    return f"{PROJECT}:index:{component}"


def seconds(duration: str) -> int:
    """Return a duration such as `5m`, or as Go writes it, in seconds."""
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall("([0-9]+)([smh])", duration))


def quantity(text: str) -> float:
    """Return a quantity of CPU in thousandths, or of memory in bytes."""
    unit = next((unit for unit in _UNITS if text.endswith(unit)), "")
    return float(text.removesuffix(unit)) * (_UNITS[unit] if unit else 1000)


def go_duration(duration: str) -> str:
    """Return a duration such as `90m` as Go writes it, `1h30m0s`: the form that Tekton's webhook gives it on the cluster."""
    minutes, rest = divmod(seconds(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"


def literal(text: str) -> str:
    """Return a text as it has to stand where Kubernetes expands `$(NAME)`: in a container's env, command and args.

    Tekton puts its own variables in there before, of which no setting has any (`settings/variables.py`).
    """
    return text.replace("$", "$$")


def delivery_namespace(environment: str) -> str:
    """Return the namespace of an environment's listener and runs, e.g. `staging-ci`."""
    return f"{environment}-ci"


# A run is named <prefix>-number-sha8-timestamp14 and must fit a label's 63 characters, with numbers of up to 7 digits.
_LONGEST_PREFIX = 31
_OF_APPLICATION, _OF_ENVIRONMENT = 9, 11


def prefix(application: str, environment: str) -> str:
    """Return what names of an application's Pipelines and runs begin with: both names, or what stands for long ones.

    What tells these from others comes early: a pod may have no more than the beginning of its run's name.
    """
    both = f"{application}-{environment}"
    if len(both) <= _LONGEST_PREFIX:
        return both
    told = hashlib.sha256(f"{environment}/{application}".encode()).hexdigest()[:8]
    return f"{application[:_OF_APPLICATION].rstrip('-')}-{told}-{environment[:_OF_ENVIRONMENT].rstrip('-')}"


def key(name: str) -> str:
    """Return a label or annotation key of this project, e.g. `tekton-delivery/commit`."""
    return f"{PROJECT}/{name}"


# On what runs the image of an application beside the Deployment that leads: the application.
FOLLOWS = key("follows")
# On a Deployment: where its runs are, if their namespace is not called as the environment.
DELIVERY_NAMESPACE = key("delivery-namespace")

# On a Lease: the workloads of its application, where they are somebody else's, one a line.
WORKLOADS = key("workloads")

# On a webhook secret: which it is, counted from 1.
WEBHOOK_GENERATION = key("webhook-generation")


def labels(*, environment: str, application: str | None = None) -> dict[str, str]:
    """Return the labels of everything that belongs to an environment, and to one of its applications if named."""
    common = {
        "app.kubernetes.io/part-of": PROJECT,
        "app.kubernetes.io/managed-by": "pulumi",
        key("environment"): environment,
    }
    return common | ({"app.kubernetes.io/name": application} if application else {})


def pod_of(account: str, container: Manifest, volumes: Sequence[Manifest]) -> Manifest:
    """Return the spec of a pod of one container: it gets no token of its account and no addresses of Services unasked."""
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
        "volumes": list(volumes),
    }


def restricted(user: int = NONROOT, group: int | None = None) -> Manifest:
    """Return a container security context that Pod Security `restricted` admits; the group is the user's by default."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": group or user,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def limits(cpu: str, memory: str, ephemeral_storage: str = SCRATCH_SIZE) -> Manifest:
    """Return a container's resources: small requests, since steps of a pod run one after another, and hard limits.

    Of the node's disk a pod gets at most what its containers' limits are together. Without a request a limit would be
    requested in full.
    """
    return {
        "requests": {"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "1Mi"},
        "limits": {"cpu": cpu, "memory": memory, "ephemeral-storage": ephemeral_storage},
    }


def manifest_metadata(name: str, namespace: str, labels: Mapping[str, str]) -> Manifest:
    """Return the metadata of a namespaced object with an explicit name."""
    return {"name": name, "namespace": namespace, "labels": dict(labels)}
