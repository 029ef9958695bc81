"""What may run where pull-request code is built: all is held to Pod Security `restricted` but the one step that cannot be.

Pod Security levels are for whole namespaces, and an image build needs `baseline`. What `baseline` itself refuses
(privileged containers, the node's namespaces and paths) is refused by the namespace's label.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from components.cel import quote
from components.conventions import Manifest
from components.policies.policy import Policy, literal, optional, rule, texts, validation
from components.tasks import service

# The volumes that `restricted` allows: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
VOLUMES = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
)  # fmt: skip
# What Tekton calls the containers of steps, and the one that runs a pull request's tests.
STEP = "step-"
TEST = f"{STEP}test"
# What a pod without any credential of the cluster can mount. A projected volume is where tokens come from, unless it has
# nothing but files of Secrets.
UNTRUSTED_VOLUMES = ("configMap", "downwardAPI", "emptyDir", "ephemeral", "secret")
_OF_SECRETS = "(has(v.projected) && has(v.projected.sources) && v.projected.sources.all(p, has(p.secret)))"
# The Secrets of volume v; of a projected one, which may name none, an empty name stands for what is no Secret.
_NAMES = (
    "(has(v.secret) ? [v.secret.secretName] : has(v.projected) && has(v.projected.sources) ? "
    "v.projected.sources.filter(p, has(p.secret)).map(p, p.secret.name) : [])"
)


@dataclass(frozen=True, kw_only=True)
class ImageStep:
    """The step that builds images, as its Task declares it."""

    container: str
    security_context: Manifest
    secrets: Mapping[str, tuple[str, ...]]
    """Each Secret that a pod with pull-request code may mount, and the containers that may."""
    service_images: tuple[str, ...]
    """What may run beside its steps."""
    test_images: tuple[str, ...] = ()
    """What applications name for their tests to run in."""
    step_images: tuple[str, ...] = ()
    """What steps run otherwise."""


def pods(*, namespace: str, untrusted: str, image_step: ImageStep) -> Policy:
    """Return the policy for all pods of a delivery namespace; `untrusted` is the service account of pull-request code."""
    exempt = f"(variables.untrusted && c.name == {quote(image_step.container)})"
    secrets = literal({secret: list(containers) for secret, containers in image_step.secrets.items()})
    return Policy(
        name="pods",
        namespace=namespace,
        rules=[
            rule("", "v1", ["pods"], ["CREATE"]),
            rule("", "v1", ["pods/ephemeralcontainers"], ["UPDATE"]),
        ],
        variables={
            "untrusted": f"object.spec.serviceAccountName == {quote(untrusted)}",
            "pod": optional("object.spec", "securityContext", "{}"),
            "volumes": optional("object.spec", "volumes", "[]"),
            "containers": "object.spec.containers + "
            + " + ".join(optional("object.spec", name, "[]") for name in ("initContainers", "ephemeralContainers")),
            "services": "variables.containers.filter(c, variables.untrusted && "
            f"c.name.startsWith({quote(service.PREFIX)}) && c.name != {quote(service.TEKTONS_OWN)})",
            "held": f"variables.containers.filter(c, !{exempt})",
        },
        validations=[
            _every_container("must set allowPrivilegeEscalation: false", f"{_set('allowPrivilegeEscalation')} == false"),
            _every_container(
                "must drop ALL capabilities and add none",
                "has(c.securityContext) && has(c.securityContext.capabilities) && "
                "has(c.securityContext.capabilities.drop) && 'ALL' in c.securityContext.capabilities.drop && "
                "(!has(c.securityContext.capabilities.add) || size(c.securityContext.capabilities.add) == 0)",
            ),
            _every_container(
                "must run as non-root",
                f"{_set('runAsNonRoot', inherit=True)} == true && {_set('runAsUser', inherit=True)} != 0",
            ),
            _every_container(
                "must use the seccomp profile RuntimeDefault or a Localhost one",
                _set("seccompProfile", inherit=True, otherwise="{'type': ''}") + ".type in ['RuntimeDefault', 'Localhost']",
            ),
            validation(
                f"volumes are of the kinds {', '.join(VOLUMES)}",
                f"variables.volumes.all(v, [{', '.join(f'has(v.{name})' for name in VOLUMES)}].exists(b, b))",
            ),
            validation(
                "pods with pull-request code run in a user namespace (hostUsers: false)",
                "!variables.untrusted || (has(object.spec.hostUsers) && object.spec.hostUsers == false)",
            ),
            validation(
                "pods with pull-request code mount no service account token",
                "!variables.untrusted || (has(object.spec.automountServiceAccountToken) && "
                "object.spec.automountServiceAccountToken == false && variables.volumes.all(v, "
                f"[{', '.join(f'has(v.{name})' for name in UNTRUSTED_VOLUMES)}].exists(b, b) || {_OF_SECRETS}))",
            ),
            validation(
                "pods with pull-request code get no Secret but "
                + " and ".join(f"{name} in {' and '.join(where)}" for name, where in sorted(image_step.secrets.items())),
                f"!variables.untrusted || (variables.volumes.all(v, {_NAMES}.all(s, "
                f"s in {secrets} && variables.containers.all(c, c.name in {secrets}[s] || !has(c.volumeMounts) || "
                "!c.volumeMounts.exists(m, m.name == v.name)))) && variables.containers.all(c, !has(c.envFrom) && "
                "(!has(c.env) || !c.env.exists(e, has(e.valueFrom) && has(e.valueFrom.secretKeyRef)))))",
            ),
            validation(
                "services beside pull-request code run the images that the stack declares for them",
                f"variables.services.all(c, c.image in {texts(image_step.service_images)})",
                "variables.services.map(c, c.name).join(', ')",
            ),
            validation(
                "services beside pull-request code share no volume with another container",
                "variables.services.all(s, !has(s.volumeMounts) || s.volumeMounts.all(m, variables.containers.all(c, "
                "c.name == s.name || !has(c.volumeMounts) || !c.volumeMounts.exists(n, n.name == m.name))))",
            ),
            *_tests(image_step),
            validation(
                f"{image_step.container} runs with the security context that its Task declares",
                f"variables.containers.all(c, !{exempt} || "
                f"(has(c.securityContext) && dyn(c.securityContext) == {literal(image_step.security_context)}))",
            ),
        ],
    )


def _tests(image_step: ImageStep) -> list[Manifest]:
    if not image_step.test_images:
        return []
    every = texts([*image_step.test_images, *image_step.step_images])
    alone = texts([image for image in image_step.test_images if image not in image_step.step_images])
    return [
        validation(
            f"the images that the stack declares for tests run in {TEST} alone, and it runs no other",
            f"!variables.untrusted || variables.containers.all(c, c.name == {quote(TEST)} ? c.image in {every} : "
            f"!c.name.startsWith({quote(STEP)}) || !has(c.image) || !(c.image in {alone}))",
        )
    ]


def _set(name: str, *, inherit: bool = False, otherwise: str = "''") -> str:
    """Return the expression for a field of container c's security context, or of its pod's, or `otherwise`."""
    above = (
        f"({quote(name)} in variables.pod ? variables.pod[{quote(name)}] : dyn({otherwise}))"
        if inherit
        else f"dyn({otherwise})"
    )
    return f"(has(c.securityContext) && has(c.securityContext.{name}) ? dyn(c.securityContext.{name}) : {above})"


def _every_container(message: str, expression: str) -> Manifest:
    return validation(
        f"every container here {message}, as Pod Security `restricted` demands",
        f"variables.held.all(c, {expression})",
        f"variables.held.filter(c, !({expression})).map(c, c.name).join(', ')",
    )
