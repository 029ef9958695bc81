"""The policy pack over mock runs: `python -m offline.policy [STACK …]`, without a cluster, an engine or the CLI."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pulumi_policy import (
    EnforcementLevel,
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy

from components.settings.errors import SettingsError
from offline.render import record
from offline.run import ROOT, Recording, Resource
from policy.pack import POLICIES


@dataclass(frozen=True)
class Violation:
    """What a policy found."""

    policy: str
    message: str


def violations(recording: Recording) -> Iterator[Violation]:
    """Yield what the pack finds in a mock run, as it would in an update of the stack."""
    for policy in POLICIES:
        found: list[str] = []

        def report(message: str, urn: str | None, found: list[str] = found) -> None:
            found.append(message)

        if isinstance(policy, StackValidationPolicy):
            policy.validate(StackValidationArgs([_stack_resource(each) for each in recording.resources]), report)
        elif isinstance(policy, ResourceValidationPolicy):
            for resource in recording.resources:
                if policy.enforcement_level == EnforcementLevel.REMEDIATE:
                    policy.remediate(_resource(resource, marked=True))
                policy.validate(_resource(resource, marked=False), report)
        yield from (Violation(policy.name, message) for message in found)


def report(stacks: Sequence[str] = ()) -> list[tuple[str, Violation]]:
    """Return (stack, violation) of the named stacks, or of all stack files."""
    paths = [ROOT / f"Pulumi.{name}.yaml" for name in stacks] or sorted(ROOT.glob("Pulumi.*.yaml"))
    recordings = [record(path) for path in paths]
    return [(recording.stack, found) for recording in recordings for found in violations(recording)]


def _resource(resource: Resource, *, marked: bool) -> ResourceValidationArgs:
    properties = unknown_checking_proxy(deserialize_properties(resource.sent, marked))
    return ResourceValidationArgs(resource.type, properties, resource.urn, resource.name, _options(resource), provider=None)


def _stack_resource(resource: Resource) -> PolicyResource:
    properties = unknown_checking_proxy(deserialize_properties(resource.sent))
    return PolicyResource(resource.type, properties, resource.urn, resource.name, _options(resource), None, None, [], {})


def _options(resource: Resource) -> PolicyResourceOptions:
    return PolicyResourceOptions(
        protect=False,
        ignore_changes=list(resource.ignore_changes),
        delete_before_replace=None,
        aliases=[],
        custom_timeouts=PolicyCustomTimeouts(0, 0, 0),
        additional_secret_outputs=[],
        parent=resource.parent,
    )


def main(stacks: list[str]) -> int:
    """Print what the pack finds in the named stacks, or in all. Returns the exit code."""
    try:
        found = report(stacks)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    for stack, violation in found:
        print(f"{stack}: {violation.policy}: {violation.message}")  # noqa: T201
    print(f"{len(POLICIES)} policies, {len(found)} violations")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
