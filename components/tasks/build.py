"""Pod 1: fetch a pull request, test it, build its image and push it to the quarantine registry.

Everything in this pod is lost ground once the tests run: it holds no service account token, git's credential is mounted in
the fetch step alone, which runs first, and the only registry credential opens the quarantine registry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.conventions import NONROOT, Manifest, restricted
from components.credential import BUILD_SECRETS, QUARANTINE_PUSH, Credential
from components.settings.application import FETCH_MEMORY
from components.settings.build import ImageResources, Storage, TestResources
from components.settings.types import Limits
from components.tasks import service, tested
from components.tasks.git import Git
from components.tasks.service import Sidecar
from components.tasks.step import (
    DOCKER_CONFIG_PATH,
    empty_dir,
    mount,
    step,
    string_params,
    string_results,
)
from components.tasks.tested import Tested
from steps.failure import TESTS_FAILED

NAME = "build"

# The step before anything of the pull request runs: until it has ended, its pod can be believed.
FETCH = "fetch"

# From the first of these steps on the pod runs what a pull request contains; every later step counts as stolen with it.
UNTRUSTED_FROM = ("test", "image")

PARAMS = {
    "repository-url": "where git fetches",
    "head-sha": "the pull request's head commit: 40 hex digits",
    "test-command": "run by sh in the root of the repository",
    "dockerfile": "path in the repository",
    "context": "path in the repository",
    "build-args": "NAME=value lines",
    "image": "repository in the quarantine registry",
}
RESULTS = {"digest": "digest of the image in the quarantine registry"}
REASON = {"reason": "why the commit could not be fetched, in one line"}
# What else the fetch takes. The defaults are for runs that the last release started.
FETCH_PARAMS = [
    {"name": name, "type": "string", "default": default, "description": text}
    for name, default, text in (
        ("fetch-depth", "1", "how many commits of history are fetched; 0 for all"),
        ("fetch-tags", "false", "`true` to fetch tags of those commits"),
        ("paths", "", "what in the repository the application is made of, one a line; empty for all of it"),
    )
]

BUILD_SECRETS_PATH = "/credentials/build"

# Below the volume's own folder, which belongs to root: git works only in a folder of its own user.
CHECKOUT = "/source/checkout"

# What BuildKit and runc need in the pod's user namespace to make one of their own, and no more; Pod Security `baseline`
# allows each.
BUILD_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETUID", "SETGID", "SETFCAP", "SYS_CHROOT",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class BuildTaskArgs:
    """What differs between installations."""

    git: Git
    quarantine_insecure: bool
    builder_image: str
    """Runs the image step; by digest."""
    seccomp_profile: str | None
    """A profile in the kubelet's seccomp folder; None runs the image step Unconfined."""
    process_sandbox: bool = True
    """Gives each RUN processes of its own, which takes Kubernetes 1.35; else it sees those of the image step."""
    test: Limits = field(default_factory=TestResources)
    image: Limits = field(default_factory=ImageResources)
    proxy: Mapping[str, str] = field(default_factory=dict)
    """Variables that tell tests and builds the way out."""
    storage: Storage | None = None
    """Where layers lie while an image is built; None for the node's disk."""
    quarantine: Credential = QUARANTINE_PUSH
    """What opens the quarantine registry."""
    fetch_memory: str = FETCH_MEMORY
    """Limit of the step that fetches."""
    secrets: Credential | None = None
    """What the tests and the image's build may read; None where there is nothing."""
    tested: Tested = field(default_factory=Tested)
    """How the tests run."""


def spec(args: BuildTaskArgs, services: Sequence[Sidecar] = ()) -> Manifest:
    """Return the Task's spec; `services` run beside its steps."""
    return (
        {
            "description": "Fetch a pull request's head, run its tests, build its image, push it to quarantine.",
            "params": [*string_params(tested.params(PARAMS, args.tested)), *FETCH_PARAMS],
            "results": string_results(RESULTS | REASON | tested.results(args.tested)),
            "volumes": [
                *checkout(args),
                _storage(args),
                args.quarantine.volume(),
                *([args.secrets.volume()] if args.secrets else []),
                *service.volumes(services),
            ],
            "steps": [
                fetch(args, "$(params.head-sha)"),
                *service.awaited(services),
                *tests(args, secrets=args.secrets is not None),
                _image(args),
            ],
        }
        | args.git.workspaces()
        | service.sidecars(services)
    )


def checkout(args: BuildTaskArgs) -> list[Manifest]:
    """Return the volumes of what is fetched, and of what the tests write to."""
    return [empty_dir(name, args.test.ephemeral_storage) for name in ("source", *tested.volumes(args.tested))]


def fetch(args: BuildTaskArgs, ref: str) -> Manifest:
    """Return the step that fetches `ref`, which must be the commit that the run is about."""
    return step(
        FETCH,
        env=dict(args.git.env)
        | {
            "PARAM_REPOSITORY_URL": "$(params.repository-url)",
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "PARAM_REF": ref,
            "PARAM_FETCH_DEPTH": "$(params.fetch-depth)",
            "PARAM_FETCH_TAGS": "$(params.fetch-tags)",
            "PARAM_PATHS": "$(params.paths)",
            "SOURCE": CHECKOUT,
            "RESULT_REASON_PATH": "$(results.reason.path)",
        },
        mounts=[mount("source", "/source")],
        memory=args.fetch_memory,
        ephemeral_storage=args.test.ephemeral_storage,
        workspaces=args.git.mounts(),
    )


def _storage(args: BuildTaskArgs) -> Manifest:
    if args.storage and args.storage.memory:
        return {"name": "storage", "emptyDir": {"medium": "Memory", "sizeLimit": args.storage.memory}}
    volume = args.storage.volume if args.storage else None
    if volume is None:
        return empty_dir("storage", args.image.ephemeral_storage)
    wanted: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": volume.size}}}
    if volume.class_name:
        wanted["storageClassName"] = volume.class_name
    return {"name": "storage", "ephemeral": {"volumeClaimTemplate": {"spec": wanted}}}


def tests(args: BuildTaskArgs, *, secrets: bool) -> list[Manifest]:
    """Return the steps that run the tests, on a copy: the tree that an image is built from is mounted read-only.

    `secrets` lie where a Dockerfile's `RUN --mount=type=secret` has them, too.
    """
    if args.tested.stage:
        return []
    made = step(
        "test",
        env={"PARAM_TEST_COMMAND": "$(params.test-command)", "SOURCE": CHECKOUT, "WORK": tested.WORK}
        | tested.env(args.tested)
        | dict(args.proxy),
        mounts=[
            mount("source", "/source", read_only=True),
            *tested.mounts(args.tested),
            *([BUILD_SECRETS.mount("/run/secrets")] if secrets else []),
        ],
        cpu=args.test.cpu,
        memory=args.test.memory,
        ephemeral_storage=args.test.ephemeral_storage,
        security_context=restricted(args.tested.user),
        writable=True,
    )
    return [made | tested.runs_in(args.tested), *tested.reports(args.tested)]


def image_security_context(seccomp_profile: str | None, *, process_sandbox: bool) -> Manifest:
    """Return the image step's: uid 0 of the pod's own user namespace (hostUsers: false on the run), nobody on the node.

    A namespace of processes needs a /proc of its own, which the kernel mounts only where nothing hides parts of the old one.
    """
    return (
        restricted(NONROOT)
        | {
            "runAsNonRoot": False,
            "runAsUser": 0,
            "runAsGroup": 0,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": list(BUILD_CAPABILITIES)},
            "seccompProfile": {"type": "Localhost", "localhostProfile": seccomp_profile}
            if seccomp_profile
            else {"type": "Unconfined"},
        }
        | ({"procMount": "Unmasked"} if process_sandbox else {})
    )


def _image(args: BuildTaskArgs) -> Manifest:
    made = step(
        "image",
        env={
            "PARAM_DOCKERFILE": "$(params.dockerfile)",
            "PARAM_CONTEXT": "$(params.context)",
            "PARAM_BUILD_ARGS": "$(params.build-args)",
            "PARAM_IMAGE": "$(params.image)",
            "PARAM_HEAD_SHA": "$(params.head-sha)",
            "INSECURE": str(args.quarantine_insecure).lower(),
            "PROCESS_SANDBOX": str(args.process_sandbox).lower(),
            "SOURCE": CHECKOUT,
            "STORAGE": "/storage",
            "DOCKER_CONFIG": DOCKER_CONFIG_PATH,
            "RESULT_DIGEST_PATH": "$(results.digest.path)",
            "BUILD_SECRETS": BUILD_SECRETS_PATH if args.secrets else "",
            "TEST_STAGE": args.tested.stage,
            "TESTS_FAILED": str(TESTS_FAILED),
        }
        | dict(args.proxy),
        mounts=[
            mount("source", "/source", read_only=True),
            mount("storage", "/storage"),
            args.quarantine.mount(DOCKER_CONFIG_PATH),
            *([args.secrets.mount(BUILD_SECRETS_PATH)] if args.secrets else []),
        ],
        cpu=args.image.cpu,
        memory=args.image.memory,
        ephemeral_storage=args.image.ephemeral_storage,
        security_context=image_security_context(args.seccomp_profile, process_sandbox=args.process_sandbox),
    )
    return made | {"image": args.builder_image}
