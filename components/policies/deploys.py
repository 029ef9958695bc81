"""What the deployer may change: an image by digest and this project's annotations but a hold, and its Leases' spec."""

from collections.abc import Mapping

from components.cel import lookup, quote
from components.conventions import HOLD, PROJECT
from components.policies.policy import KEPT_BY_THE_SERVER, Policy, optional, rule, same_but, validation

_NEW, _OLD = "object.spec.template.spec", "oldObject.spec.template.spec"


def deploys(
    *, namespace: str, account: str, container: str, repositories: Mapping[str, str], placeholder_repository: str
) -> Policy:
    """Return the policy for a deployer.

    `repositories` maps a Deployment to the repository whose images it runs. The placeholder is what it ran before the first
    delivery: restoring may return to it.
    """

    def image(spec: str) -> str:
        return f"{spec}.containers.filter(c, c.name == {quote(container)}).map(c, c.image).join('')"

    digest = "variables.image.matches('^[^@]+@sha256:[0-9a-f]{64}$')"
    repository = (
        f"variables.image.split('@')[0] in [{lookup(repositories, 'object.metadata.name')}, {quote(placeholder_repository)}]"
    )
    hold = quote(HOLD)
    return Policy(
        name="deploys",
        namespace=namespace,
        account=account,
        rules=[rule("apps", "v1", ["deployments"], ["UPDATE"])],
        variables={
            "notes": optional("object.metadata", "annotations", "{}"),
            "former": optional("oldObject.metadata", "annotations", "{}"),
            "running": image(_OLD),
            "image": image(_NEW),
            "changed": "variables.notes.filter(k, !(k in variables.former) || variables.notes[k] != variables.former[k]) + "
            "variables.former.filter(k, !(k in variables.notes))",
        },
        validations=[
            validation(
                "the deployer runs images by digest, from the repository of the application",
                f"{digest} && {repository}",
                "variables.image",
            ),
            validation(
                f"the deployer changes no annotations but {PROJECT}/…",
                f"variables.changed.all(k, k.startsWith({quote(PROJECT + '/')}))",
                "variables.changed.join(', ')",
            ),
            validation(
                "the deployer neither sets nor lifts a hold",
                f"!({hold} in variables.changed)",
            ),
            validation(
                "the deployer leaves the image of a held Deployment alone; `python -m operate lift` ends the hold",
                # Held for a pull request, it may still change by that pull request's own deliveries.
                f'!({hold} in variables.former) || variables.former[{hold}].contains(\'"pullRequest":"\') || '
                "variables.image == variables.running",
            ),
            validation(
                "the deployer changes no metadata but annotations",
                same_but("object.metadata", "oldObject.metadata", "annotations", *KEPT_BY_THE_SERVER),
            ),
            validation(
                f"the deployer changes nothing of a Deployment but the image of the container {container}",
                " && ".join(
                    [
                        same_but("object.spec", "oldObject.spec", "template"),
                        same_but("object.spec.template", "oldObject.spec.template", "spec"),
                        same_but(_NEW, _OLD, "containers"),
                        f"{_NEW}.containers.map(c, c.name) == {_OLD}.containers.map(c, c.name)",
                        f"{_NEW}.containers.all(c, {_OLD}.containers.exists(o, o.name == c.name && "
                        f"(c.name == {quote(container)} || c.image == o.image) && {same_but('c', 'o', 'image')}))",
                    ]
                ),
            ),
        ],
    )


def leases(*, namespace: str, account: str) -> Policy:
    """Return the policy for the Leases by which deploys wait for each other."""
    return Policy(
        name="leases",
        namespace=namespace,
        account=account,
        rules=[rule("coordination.k8s.io", "v1", ["leases"], ["UPDATE"])],
        validations=[
            validation(
                "the deployer changes no metadata of a Lease",
                same_but("object.metadata", "oldObject.metadata", *KEPT_BY_THE_SERVER),
            )
        ],
    )
