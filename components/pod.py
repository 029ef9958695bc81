"""The pod of an application: one container, restricted, with the application's settings and secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.conventions import CONTAINER, Manifest, limits, literal, restricted, seconds
from components.settings.application import Container
from components.settings.volumes import SECRET_FILES, STARTER_FOLDER, EnvFrom, ValueFrom
from steps.pods import LOGS

FILES_VOLUME = "secret-files"
# Where a container with a command of its own finds what runs it, and how that gets there from the tools image.
STARTER_VOLUME, STARTER = "starter", "run-delivered"
# A container that does not answer for so long is started anew: LIVENESS_PERIOD times LIVENESS_FAILURES seconds.
LIVENESS_PERIOD, LIVENESS_FAILURES = 10, 3


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What an application's pod needs."""

    application: str
    """What its pods are labelled as."""
    account: str
    """The service account that they run as."""
    image: str
    container: Container
    env: Mapping[str, str | ValueFrom]
    """Variables of one environment, before those of the container."""
    env_from: Sequence[EnvFrom] = ()
    """Objects of one environment whose keys are variables, before those of the container."""
    secret: str | None
    """Secret of the variables and files below."""
    secret_env: tuple[str, ...] = ()
    secret_files: tuple[str, ...] = ()
    spread: bool = False
    """Asks for other nodes and zones than those of its siblings."""
    quotes_logs: bool = False
    """Whether the end of a container's log is kept in its status, where deliveries read it (steps/pods.py)."""


def spec(args: PodArgs) -> Manifest:
    """Return a pod's spec that Pod Security `restricted` admits."""
    made: Manifest = {
        "serviceAccountName": args.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": seconds(args.container.termination_grace_period),
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(args)],
    }
    if args.container.volumes:
        # A disk belongs to root until it is given to somebody.
        group = {"fsGroup": args.container.group or args.container.user, "fsGroupChangePolicy": "OnRootMismatch"}
        made["securityContext"] |= group
    if args.container.command:
        made["initContainers"] = [_starter(args)]
    volumes = _volumes(args)
    if volumes:
        made["volumes"] = volumes
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


def _starter(args: PodArgs) -> Manifest:
    """Return the container that brings what runs the application's command; before the first delivery, the placeholder.

    The command is declared before there is an image that has it, and a delivery changes nothing but the image.
    """
    return {
        "name": STARTER_VOLUME,
        "image": args.image,
        "command": ["cp", f"/usr/bin/{STARTER}", f"{STARTER_FOLDER}/"],
        "volumeMounts": [{"name": STARTER_VOLUME, "mountPath": STARTER_FOLDER}],
        "resources": limits(cpu="100m", memory="32Mi"),
        "securityContext": restricted(args.container.user, args.container.group),
    }


def _volumes(args: PodArgs) -> list[Manifest]:
    made: list[Manifest] = []
    if args.container.command:
        made.append({"name": STARTER_VOLUME, "emptyDir": {"sizeLimit": "8Mi"}})
    if args.secret_files:
        items = [{"key": name, "path": name} for name in args.secret_files]
        made.append({"name": FILES_VOLUME, "secret": {"secretName": args.secret, "items": items}})
    for number, volume in enumerate(args.container.volumes):
        made.append({"name": f"volume-{number}"} | volume.source)
    return made


def _mounts(args: PodArgs) -> list[Manifest]:
    made: list[Manifest] = []
    if args.container.command:
        made.append({"name": STARTER_VOLUME, "mountPath": STARTER_FOLDER, "readOnly": True})
    if args.secret_files:
        made.append({"name": FILES_VOLUME, "mountPath": SECRET_FILES, "readOnly": True})
    for number, volume in enumerate(args.container.volumes):
        part = {"subPath": volume.sub_path} if volume.sub_path else {}
        shut = {"readOnly": True} if volume.read_only else {}
        made.append({"name": f"volume-{number}", "mountPath": volume.mount_path} | part | shut)
    return made


def _variable(name: str, value: str | ValueFrom) -> Manifest:
    return {"name": name} | ({"value": literal(value)} if isinstance(value, str) else {"valueFrom": value.manifest})


def _container(args: PodArgs) -> Manifest:
    container = args.container
    variables: dict[str, str | ValueFrom] = {**_told(container), **container.env, **args.env}
    made: Manifest = {
        "name": CONTAINER,
        "image": args.image,
        "env": [
            *(_variable(name, value) for name, value in variables.items()),
            *({"name": name, "valueFrom": {"secretKeyRef": {"name": args.secret, "key": name}}} for name in args.secret_env),
        ],
        **_probes(container),
        "resources": {
            "requests": {"cpu": container.resources.requests.cpu, "memory": container.resources.requests.memory},
            "limits": {"cpu": container.resources.cpu, "memory": container.resources.memory},
        },
        "securityContext": restricted(container.user, container.group),
    }
    if args.quotes_logs:
        made["terminationMessagePolicy"] = LOGS
    # Of several that have a key, Kubernetes takes the last one's.
    if objects := [each.manifest for each in (*container.env_from, *args.env_from)]:
        made["envFrom"] = objects
    if container.command:
        made["command"] = [f"{STARTER_FOLDER}/{STARTER}", *map(literal, container.command)]
    if container.args:
        made["args"] = [*map(literal, container.args)]
    if container.ports:
        made["ports"] = [{"name": name, "containerPort": port} for name, port in container.ports.items()]
    if container.port:
        # Until the node has stopped sending requests here: a pod that is told to end is still among the Service's
        # addresses for a moment.
        made["lifecycle"] = {"preStop": {"sleep": {"seconds": min(2, seconds(container.termination_grace_period))}}}
    mounts = _mounts(args)
    if mounts:
        made["volumeMounts"] = mounts
    return made


def _told(container: Container) -> dict[str, str]:
    """Return what the program tells a container of itself."""
    ports = {name: str(port) for name, port in container.ports.items()}
    told = {"PORT": ports.get("http"), "HEALTH_PATH": container.health_path, "PROBES_PORT": ports.get("probes")}
    return {name: value for name, value in told.items() if value and ports}


def _probes(container: Container) -> Manifest:
    """Return the probes, all of them HTTP requests to one port; none where there is no port."""
    if not container.ports:
        return {}
    liveness, startup = container.probes.liveness, container.probes.startup
    port = list(container.ports)[-1]

    def probe(path: str, period: int, failures: int) -> Manifest:
        return {"httpGet": {"path": path, "port": port}, "periodSeconds": period, "failureThreshold": failures}

    made = {"readinessProbe": probe(container.health_path, 1, 3)}
    if liveness:
        made["livenessProbe"] = probe(liveness.path, LIVENESS_PERIOD, LIVENESS_FAILURES)
    if startup:
        made["startupProbe"] = probe(startup.path, 1, seconds(startup.timeout))
    return made
