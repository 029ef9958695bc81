"""The pod of an application: one container, restricted, with the application's settings and secrets."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import CONTAINER, Manifest, literal, restricted, seconds
from components.settings.application import Container

SECRET_FILES = "/run/secrets"
FILES_VOLUME = "secret-files"
# A container that does not answer for so long is started anew: LIVENESS_PERIOD times LIVENESS_FAILURES seconds.
LIVENESS_PERIOD, LIVENESS_FAILURES = 10, 3


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What an application's pod needs."""

    application: str
    image: str
    container: Container
    env: Mapping[str, str]
    """Variables of one environment, before those of the container."""
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
    container = args.container
    own = {"PORT": str(container.port), "HEALTH_PATH": container.health_path}
    port = _probes_port(container)
    if port:
        own["PROBES_PORT"] = str(port)
    variables = own | container.env | dict(args.env)
    probed = [{"name": "probes", "containerPort": port}] if port else []
    made: Manifest = {
        "name": CONTAINER,
        "image": args.image,
        "env": [
            *({"name": name, "value": literal(value)} for name, value in variables.items()),
            *({"name": name, "valueFrom": {"secretKeyRef": {"name": args.secret, "key": name}}} for name in args.secret_env),
        ],
        "ports": [{"name": "http", "containerPort": container.port}, *probed],
        **_probes(container),
        # Until the node has stopped sending requests here: a pod that is told to end is still among the Service's
        # addresses for a moment.
        "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
        "resources": {
            "requests": {"cpu": container.resources.requests.cpu, "memory": container.resources.requests.memory},
            "limits": {"cpu": container.resources.cpu, "memory": container.resources.memory},
        },
        "securityContext": restricted(),
    }
    if args.secret_files:
        made["volumeMounts"] = [{"name": FILES_VOLUME, "mountPath": SECRET_FILES, "readOnly": True}]
    return made


def _probes_port(container: Container) -> int | None:
    """Return where probes are answered if that is another port than requests come to: one has one name."""
    return None if container.probes.port == container.port else container.probes.port


def _probes(container: Container) -> Manifest:
    """Return the probes, all of them HTTP requests to one port."""
    liveness, startup = container.probes.liveness, container.probes.startup
    port = "probes" if _probes_port(container) else "http"

    def probe(path: str, period: int, failures: int) -> Manifest:
        return {"httpGet": {"path": path, "port": port}, "periodSeconds": period, "failureThreshold": failures}

    made = {"readinessProbe": probe(container.health_path, 1, 3)}
    if liveness:
        made["livenessProbe"] = probe(liveness.path, LIVENESS_PERIOD, LIVENESS_FAILURES)
    if startup:
        made["startupProbe"] = probe(startup.path, 1, seconds(startup.timeout))
    return made
