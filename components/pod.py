"""The pod of an application: one container, restricted, with the application's settings and secrets."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import CONTAINER, Manifest, restricted

SECRET_FILES = "/run/secrets"
FILES_VOLUME = "secret-files"
# A container that does not answer for so long is started anew: LIVENESS_PERIOD times LIVENESS_FAILURES seconds.
LIVENESS_PERIOD, LIVENESS_FAILURES = 10, 3


@dataclass(frozen=True, kw_only=True)
class Health:
    """How the container is asked for its health. All probes are HTTP requests to one port."""

    path: str
    """Ready while it answers here."""
    port: int | None = None
    """None for the port that it serves on."""
    liveness_path: str | None = None
    startup_path: str | None = None
    startup_seconds: int = 60


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What the container is sure to get, and what it never gets more of."""

    cpu: str
    memory: str
    request_cpu: str = "10m"
    request_memory: str = "16Mi"


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What an application's pod needs."""

    application: str
    image: str
    port: int
    health: Health
    resources: Resources
    env: Mapping[str, str]
    secret: str | None
    """Secret of the variables and files below."""
    secret_env: tuple[str, ...] = ()
    secret_files: tuple[str, ...] = ()
    spread: bool = False
    """Asks for other nodes and zones than those of its siblings."""


def spec(args: PodArgs) -> Manifest:
    """Return a pod's spec that Pod Security `restricted` admits."""
    made: Manifest = {
        "serviceAccountName": args.application,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(args)],
    }
    if args.secret_files:
        items = [{"key": name, "path": name} for name in args.secret_files]
        made["volumes"] = [{"name": FILES_VOLUME, "secret": {"secretName": args.secret, "items": items}}]
    if args.spread:
        made["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": args.application}},
                # Pods of the version that is on its way out do not count.
                "matchLabelKeys": ["pod-template-hash"],
            }
            for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ]
    return made


def _container(args: PodArgs) -> Manifest:
    own = {"PORT": str(args.port), "HEALTH_PATH": args.health.path}
    probed = [{"name": "probes", "containerPort": args.health.port}] if args.health.port else []
    made: Manifest = {
        "name": CONTAINER,
        "image": args.image,
        "env": [
            *({"name": name, "value": value} for name, value in (own | dict(args.env)).items()),
            *({"name": name, "valueFrom": {"secretKeyRef": {"name": args.secret, "key": name}}} for name in args.secret_env),
        ],
        "ports": [{"name": "http", "containerPort": args.port}, *probed],
        **_probes(args.health),
        # Until the node has stopped sending requests here: a pod that is told to end is still among the Service's
        # addresses for a moment.
        "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
        "resources": {
            "requests": {"cpu": args.resources.request_cpu, "memory": args.resources.request_memory},
            "limits": {"cpu": args.resources.cpu, "memory": args.resources.memory},
        },
        "securityContext": restricted(),
    }
    if args.secret_files:
        made["volumeMounts"] = [{"name": FILES_VOLUME, "mountPath": SECRET_FILES, "readOnly": True}]
    return made


def _probes(health: Health) -> Manifest:
    port = "probes" if health.port else "http"

    def probe(path: str, period: int, failures: int) -> Manifest:
        return {"httpGet": {"path": path, "port": port}, "periodSeconds": period, "failureThreshold": failures}

    made = {"readinessProbe": probe(health.path, 1, 3)}
    if health.liveness_path:
        made["livenessProbe"] = probe(health.liveness_path, LIVENESS_PERIOD, LIVENESS_FAILURES)
    if health.startup_path:
        made["startupProbe"] = probe(health.startup_path, 1, health.startup_seconds)
    return made
