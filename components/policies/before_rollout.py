"""Jobs before rollouts: a deployer creates those that are declared, with a digest of the application, and changes none."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.cel import every, quote
from components.conventions import BEFORE_ROLLOUT, Manifest
from components.policies.as_declared import DEFAULTS, LONGEST, AsDeclared
from components.policies.policy import Policy, literal, optional, rule, texts, validation
from components.settings.errors import SettingsError
from steps.before_rollout import DIGITS, LATE, SETTING

# Labels that the API server itself adds to the pods of a Job.
_ADDED = ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name")
_METADATA = ("name", "namespace", "labels", "uid", "creationTimestamp", "generation", "managedFields")
_TEMPLATE = "object.spec.template"
_JOB = quote(BEFORE_ROLLOUT)
_APPLICATION = f"({_JOB} in variables.labels ? variables.labels[{_JOB}] : '')"


@dataclass(frozen=True, kw_only=True)
class Before:
    """What an application's Jobs are held to beside their pods."""

    repository: str
    """Of its images."""
    seconds: int
    """How long it may take."""
    template: Manifest
    """Of its pod, as it is declared; the image of its one container is any."""


def before_rollouts(*, namespace: str, deployer: str, pruner: str, applications: Mapping[str, Before]) -> list[Policy]:
    """Return the policies of a workload namespace, where `applications` have something to run before their rollouts."""
    ended = ("Complete", "Failed")
    return [
        _jobs(namespace, deployer, applications),
        _pods(namespace, deployer, applications),
        _deletions("job-deletions", namespace, deployer, "the deployer deletes no Job but its own that failed", ("Failed",)),
        _deletions("job-prunings", namespace, pruner, "the pruner deletes no Job but a deployer's that has ended", ended),
    ]


def _jobs(namespace: str, account: str, applications: Mapping[str, Before]) -> Policy:
    """What is known without the declared pod: it holds for every Job of the deployer, whatever that is labelled."""
    specs: Manifest = {
        name: {
            "parallelism": 1,
            "completions": 1,
            "completionMode": "NonIndexed",
            "backoffLimit": 0,
            "activeDeadlineSeconds": before.seconds + LATE,
            "suspend": False,
            "manualSelector": False,
            "podReplacementPolicy": "TerminatingOrFailed",
        }
        for name, before in applications.items()
    }
    repositories: Manifest = {name: before.repository for name, before in applications.items()}
    return Policy(
        name="jobs",
        namespace=namespace,
        account=account,
        rules=[rule("batch", "v1", ["jobs"], ["CREATE", "UPDATE"])],
        variables={
            "labels": optional("object.metadata", "labels", "{}"),
            "application": _APPLICATION,
            "image": f"{_TEMPLATE}.spec.containers.map(c, c.image).join(' ')",
            "repository": f"{literal(repositories)}[variables.application]",
            "spec": f"{literal(specs)}[variables.application]",
        },
        validations=[
            validation(
                f"the deployer creates Jobs for `{SETTING}` of {', '.join(applications)} alone, and changes none",
                f"request.operation == 'CREATE' && variables.application in {texts(list(applications))} && "
                "size(variables.labels) == 1",
            ),
            validation(
                "the deployer's Jobs run an image by digest, from the repository of the application, and are named by it",
                "variables.image.matches('^[^@ ]+@sha256:[0-9a-f]{64}$') && "
                "variables.image.split('@')[0] == variables.repository && "
                "object.metadata.name == variables.application + '-' + "
                f"variables.image.split('@sha256:')[1].substring(0, {DIGITS})",
                "variables.image",
            ),
            validation(
                "the deployer's Jobs have no metadata but a name and a label",
                f"dyn(object.metadata).all(k, k in {texts(_METADATA)})",
            ),
            validation(
                "the deployer's Jobs run once and end in time",
                "dyn(object.spec).all(k, k in ['selector', 'template'] || "
                "(k in variables.spec && dyn(object.spec)[k] == variables.spec[k])) && "
                "has(object.spec.backoffLimit) && has(object.spec.activeDeadlineSeconds)",
            ),
        ],
    )


def _pods(namespace: str, account: str, applications: Mapping[str, Before]) -> Policy:
    """What the pod is held to: the template as the stack declares it. The label says which; `_jobs` demands it."""
    variables = {
        "labels": optional("object.metadata", "labels", "{}"),
        "application": _APPLICATION,
        "template": f"dyn({_TEMPLATE})",
        "given": optional(f"{_TEMPLATE}.metadata", "labels", "{}"),
        "container": f"dyn({_TEMPLATE}.spec.containers[0])",
        "defaults": literal(DEFAULTS),
    }
    validations = []
    for number, (name, before) in enumerate(applications.items()):
        # Each has what those before it found, or what it finds itself.
        found = ""
        for depth, expression in enumerate(_differences(before.template)):
            variable = f"pod{number}_{depth}"
            variables[variable] = _bounded(name, f"size({found}) > 0 ? {found} :\n{expression}" if found else expression)
            found = f"variables.{variable}"
        other = f"variables.application != {quote(name)}"
        text = f"the deployer's Jobs have the pod that the stack declares for `{SETTING}` of {name}, and an image"
        made = validation(text, f"{other} || size({found}) == 0")
        # It is evaluated for every Job, those of other applications and those that are let through among them.
        detail = f"{other} ? '' : {quote(f'{text}; something else: ')} + {found}.join(', ')"
        validations.append(made | {"messageExpression": detail})
    return Policy(
        name="job-pods",
        namespace=namespace,
        account=account,
        rules=[rule("batch", "v1", ["jobs"], ["CREATE"])],
        variables=variables,
        validations=validations,
    )


def _bounded(application: str, expression: str) -> str:
    if len(expression) > LONGEST:
        raise SettingsError(
            f"`applications` of {application}: its pod is too large for the admission policy that holds the Jobs of "
            f"`{SETTING}` to it ({len(expression):,} characters of CEL, at most {LONGEST:,}): put values of `env` into a "
            "ConfigMap that `envFrom` names"
        )
    return expression


def _differences(template: Manifest) -> list[str]:
    """Return expressions for what of a pod is not the template's, each for where those before it find nothing."""
    metadata, spec, at = template["metadata"], template["spec"], "variables.template"
    (container,) = spec["containers"]
    labelled = [
        f"variables.given.all(k, k in {texts(_ADDED)} || k in {texts(list(metadata['labels']))})",
        f"{texts(list(metadata['labels']))}.all(k, k in variables.given)",
        *(f"variables.given[{quote(k)}] == {quote(value)}" for k, value in metadata["labels"].items()),
    ]
    # Another name of `serviceAccountName`, which the API server adds.
    known = f"(!has({at}.spec.serviceAccount) || {at}.spec.serviceAccount == {quote(spec['serviceAccountName'])})"
    held = AsDeclared("variables.defaults")
    held.hold(at, "", {}, ("metadata", "spec"))
    held.hold(f"{at}.metadata", "metadata", metadata, ("labels", "creationTimestamp"))
    held.hold(f"{at}.spec", "spec", spec, ("containers", "serviceAccount"))
    held.hold("variables.container", "spec.containers[0]", container, ("image",))
    return [
        f"['metadata', 'spec'].filter(k, !(k in {at}))",
        f"!('containers' in {at}.spec && size({at}.spec.containers) == 1) ? ['spec.containers'] :\n"
        f"!({every(labelled)}) ? ['metadata.labels'] : {known} ? [] : ['spec.serviceAccountName']",
        *held.differences,
    ]


def _deletions(name: str, namespace: str, account: str, message: str, ends: tuple[str, ...]) -> Policy:
    return Policy(
        name=name,
        namespace=namespace,
        account=account,
        rules=[rule("batch", "v1", ["jobs"], ["DELETE"])],
        validations=[
            validation(
                message,
                f"has(oldObject.metadata.labels) && {_JOB} in oldObject.metadata.labels && "
                "has(oldObject.status) && has(oldObject.status.conditions) && "
                f"oldObject.status.conditions.exists(c, c.type in {texts(ends)} && c.status == 'True')",
            )
        ],
    )
