"""What the listener may start, by the shapes of its TriggerTemplates; what the supervisor and the pruner may do to a run."""

from collections.abc import Mapping, Sequence

from components.cel import dashed, prefixed, quote
from components.conventions import Manifest, key
from components.listener.payload import LOGIN, NO_NUMBER, PERSON, SHA
from components.policies.policy import KEPT_BY_THE_SERVER, Policy, literal, optional, rule, same_but, texts, validation

APPLICATION_LABEL = "app.kubernetes.io/name"
EVENT_LABEL = key("event")

# What a value from a webhook may look like, by the param that carries it.
FORMS = {
    "pull-request": "^[1-9][0-9]{0,9}$",
    "head-sha": SHA,
    "merge-sha": SHA,
    "before": SHA,
    "after": SHA,
    "merged-by": LOGIN,
    "commenter": PERSON,
    "comment": "^[1-9][0-9]{0,18}$",
}
CANCELLED = "CancelledRunFinally"
_UNTOLD = "Cancelled"
# By what a run was overtaken: the step that tells it reads this (steps/pulls.py).
SUPERSEDED_BY = key("superseded-by")
OVERTAKEN = "^([0-9a-f]{40}|closed|reopened|moved)$"


def runs(
    *,
    namespace: str,
    account: str,
    environment: str,
    applications: Sequence[str],
    templates: Mapping[str, Manifest],
    shortened: Mapping[str, str],
) -> Policy:
    """Return the policy for a listener: it creates what its TriggerTemplates say, and nothing else.

    `templates` maps an event to the PipelineRun that it starts, with `$(tt.params.x)` for what the event fills in.
    """
    carried = sorted({param["name"] for template in templates.values() for param in template["spec"]["params"]})
    given = {name: f"variables.params.filter(p, p.name == {quote(name)}).map(p, p.value).join('')" for name in carried}
    given |= {"application": "string(variables.application)", "run": "string(object.metadata.name)"}
    begins = prefixed("variables.application", environment, shortened)
    if shortened:
        given["prefix"] = begins
    nothing = {"labels": {"": ""}, "spec": {"": ""}}
    declared = literal(nothing)
    for event, template in sorted(templates.items(), reverse=True):
        shape = {"labels": template["metadata"]["labels"], "spec": template["spec"]}
        declared = f"variables.event == {quote(event)} ? {literal(shape)} : {declared}"
    forms = [f"(p.name == {quote(name)} && p.value.matches({quote(FORMS[name])}))" for name in carried]
    number = f"(variables.given['pull-request'] == '' ? {quote(NO_NUMBER)} : variables.given['pull-request'])"
    return Policy(
        name="runs",
        namespace=namespace,
        account=account,
        rules=[rule("tekton.dev", "v1", ["pipelineruns"], ["CREATE"])],
        variables={
            "labels": optional("object.metadata", "labels", "{}"),
            "application": _label(APPLICATION_LABEL),
            "event": _label(EVENT_LABEL),
            "params": optional("object.spec", "params", "[]"),
            "given": "{" + ", ".join(f"{quote(name)}: {text}" for name, text in given.items()) + "}",
            "declared": declared,
            "different": "dyn(object.spec).filter(k, "
            "!(k in variables.declared.spec && dyn(object.spec)[k] == variables.declared.spec[k])) + "
            "variables.declared.spec.filter(k, !(k in dyn(object.spec)))",
        },
        validations=[
            validation(
                f"the listener starts runs for the events {', '.join(sorted(templates))} of the applications "
                f"{', '.join(applications)} only (labels {EVENT_LABEL} and {APPLICATION_LABEL})",
                f"variables.event in {texts(sorted(templates))} && variables.application in {texts(applications)}",
            ),
            validation(
                f"a run's params are among {', '.join(carried)}, in the form of numbers, full commit shas and logins",
                f"variables.params.all(p, type(p.value) == string && ({' || '.join(forms)}))",
            ),
            validation(
                "the labels of a run are those that its TriggerTemplate declares, with the values of its params",
                "variables.labels.all(k, k.startsWith('triggers.tekton.dev/') || "
                "(k in variables.declared.labels && variables.labels[k] == variables.declared.labels[k])) && "
                "variables.declared.labels.all(k, k in variables.labels)",
            ),
            validation(
                "a run has no annotations, finalizers or owners, and is named <application>-<environment>-<number>-…",
                "!has(object.metadata.annotations) && !has(object.metadata.finalizers) && "
                "!has(object.metadata.ownerReferences) && "
                f"object.metadata.name.startsWith({dashed(begins)} + {number} + '-')",
            ),
            validation(
                "the spec of a run is what its TriggerTemplate declares, nothing more and nothing less",
                "size(variables.different) == 0",
                "'spec.' + variables.different.join(', spec.')",
            ),
        ],
    )


def cancellations(*, namespace: str, account: str) -> Policy:
    """Return the policy for the supervisor: it cancels runs, notes by what they were overtaken, and changes nothing else."""
    by = f"(k == {quote(SUPERSEDED_BY)} && variables.notes[k].matches({quote(OVERTAKEN)}))"
    return Policy(
        name="cancellations",
        namespace=namespace,
        account=account,
        rules=[rule("tekton.dev", "v1", ["pipelineruns"], ["UPDATE"])],
        variables={
            "notes": optional("object.metadata", "annotations", "{}"),
            "former": optional("oldObject.metadata", "annotations", "{}"),
        },
        validations=[
            validation(
                f"the supervisor may only cancel a run (spec.status: {CANCELLED})",
                f"has(object.spec.status) && object.spec.status == {quote(CANCELLED)}",
            ),
            validation(
                "the supervisor changes nothing of a run but spec.status",
                same_but("object.spec", "oldObject.spec", "status"),
            ),
            validation(
                "the supervisor changes no metadata of a run but annotations",
                same_but("object.metadata", "oldObject.metadata", "annotations", *KEPT_BY_THE_SERVER),
            ),
            validation(
                f"the supervisor annotates a run with {SUPERSEDED_BY} alone: a full commit sha, closed, reopened or moved",
                f"variables.notes.all(k, {by} || (k in variables.former && variables.notes[k] == variables.former[k])) && "
                "variables.former.all(k, k in variables.notes)",
            ),
        ],
    )


def endings(*, namespace: str) -> Policy:
    """Return the policy for whoever cancels a run: its last task tells the pull request, and Tekton can leave it out."""
    return Policy(
        name="endings",
        namespace=namespace,
        rules=[rule("tekton.dev", "v1", ["pipelineruns"], ["UPDATE"])],
        validations=[
            validation(
                f"a run is cancelled by spec.status {CANCELLED} (tkn pipelinerun cancel --grace={CANCELLED}): by "
                f"{_UNTOLD} its commit status would stay pending",
                f"!has(object.spec.status) || object.spec.status != {quote(_UNTOLD)} || "
                "(has(oldObject.spec.status) && oldObject.spec.status == object.spec.status)",
            )
        ],
    )


def prunings(*, namespace: str, account: str) -> Policy:
    """Return the policy for the pruner: it deletes runs that have ended."""
    return Policy(
        name="prunings",
        namespace=namespace,
        account=account,
        rules=[rule("tekton.dev", "v1", ["pipelineruns"], ["DELETE"])],
        validations=[
            validation(
                "the pruner may only delete runs that have ended (status.completionTime)",
                "has(oldObject.status) && has(oldObject.status.completionTime)",
            )
        ],
    )


def claims(*, namespace: str, account: str) -> Policy:
    """Return the policy for the volumes that the pruner deletes where builds have them: those of pods."""
    return Policy(
        name="claims",
        namespace=namespace,
        account=account,
        rules=[rule("", "v1", ["persistentvolumeclaims"], ["DELETE"])],
        validations=[
            validation(
                "the pruner may only delete volume claims that were made for a pod (ownerReferences)",
                "has(oldObject.metadata.ownerReferences) && oldObject.metadata.ownerReferences.exists(o, o.kind == 'Pod')",
            )
        ],
    )


def _label(name: str) -> str:
    return f"{quote(name)} in variables.labels ? variables.labels[{quote(name)}] : ''"
