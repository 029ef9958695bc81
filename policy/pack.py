"""The policies, as Pulumi's engine and `python -m offline.policy` run them."""

from collections.abc import Callable, Iterator, Sequence

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policy.declared import Declared, declared
from policy.rules.deployments import image_ownership
from policy.rules.images import images
from policy.rules.listeners import signatures
from policy.rules.openings import openings
from policy.rules.pods import namespace_levels, security_contexts
from policy.rules.pull_requests import credentials
from policy.rules.rights import rights
from policy.rules.secrets import marks, plain_text

ObjectRule = Callable[[Declared], Iterator[str]]
StackRule = Callable[[Sequence[Declared]], Iterator[tuple[str, str]]]

# An application with services or build secrets has a Task of its own.
ROOT_STEPS = ("build/image", "build-*/image")


def _each(name: str, description: str, rule: ObjectRule) -> Policy:
    """A policy that looks at one object at a time."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        item = declared(args)
        if item:
            _report(item, rule(item), report)

    return ResourceValidationPolicy(name, description, validate)


def _all(name: str, description: str, rule: StackRule) -> Policy:
    """A policy that needs all objects of the stack."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        stack = [item for resource in args.resources if (item := declared(resource))]
        titles = {item.urn: item.title for item in stack}
        for message, urn in rule(stack):
            report(f"{titles[urn]}: {message}", urn)

    return StackValidationPolicy(name, description, validate)


def _report(item: Declared, messages: Iterator[str], report: ReportViolation) -> None:
    for message in messages:
        report(f"{item.title}: {message}", None)


class SecurityContexts(ResourceValidationPolicy):
    """Every container holds to `restricted`; the steps in the configuration `rootSteps` may be root in a user namespace."""

    def __init__(self) -> None:
        super().__init__(
            "security-contexts",
            "Containers, steps and sidecars run as non-root, without privileges, and with no part of the node.",
            config_schema=PolicyConfigSchema({"rootSteps": {"type": "array", "items": {"type": "string"}}}),
        )

    def validate(self, args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        item = declared(args)
        root = frozenset(args.get_config().get("rootSteps", ROOT_STEPS))
        if item:
            _report(item, security_contexts(item, root), report_violation)


class MarkedSecrets(ResourceValidationPolicy):
    """Secrets are Pulumi secrets, and stay in Secret objects.

    Only a remediation is told what is marked as secret. This one remembers what is wrong, changes nothing, and lets the
    validation, which comes after it, report it.
    """

    def __init__(self) -> None:
        super().__init__(
            "marked-secrets",
            "A Secret's data is a Pulumi secret, and no Pulumi secret is put anywhere else.",
            enforcement_level=EnforcementLevel.REMEDIATE,
        )
        self._found: dict[str, list[str]] = {}

    def remediate(self, args: ResourceValidationArgs) -> None:
        item = declared(args)
        self._found[args.urn] = list(marks(item)) if item else []

    def validate(self, args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        if args.urn not in self._found:
            args.not_applicable("it sees which values are secret at the enforcement level `remediate` only")
        item = declared(args)
        if item:
            _report(item, iter(self._found.pop(args.urn)), report_violation)


POLICIES: list[Policy] = [
    _each("named-rights", "Rights are named one by one: no wildcard, no way to somebody else's rights.", rights),
    _each("pinned-images", "Every image is named by its digest.", images),
    _each("pod-security-levels", "Every namespace enforces a Pod Security level.", namespace_levels),
    SecurityContexts(),
    _each("no-plain-text", "No credential stands in plain text.", plain_text),
    MarkedSecrets(),
    _all("pull-request-credentials", "No other environment's credential is where pull requests run.", credentials),
    _all("image-ownership", "The image of a delivered Deployment belongs to the pipeline.", image_ownership),
    _each("named-openings", "What a pod may call is named; the internet is not the private ranges in it.", openings),
    _each("signed-webhooks", "A listener checks the signature before anything else.", signatures),
]
