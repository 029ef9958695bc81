"""Tells the forge at a run's beginning what it is going to wait for."""

from collections.abc import Mapping

from components.conventions import Manifest, literal
from components.tasks import forge, python
from components.tasks.report import CONTEXT_SUFFIX
from components.tasks.step import string_params

NAME = "announce"

PARAMS = {
    "repository": "owner/name on the forge",
    "head-sha": "the commit that the status is about: 40 hex digits",
    "context-suffix": CONTEXT_SUFFIX,
}


def spec(*, environment: str, api: forge.Api, waits_for: str) -> Manifest:
    """Return the Task's spec; `waits_for` is the status's text."""
    return {
        "description": f"Set the commit status tekton-delivery/{environment} to pending.",
        "params": [*string_params(PARAMS), *forge.told_params(api)],
        "volumes": [forge.volume(api)],
        "steps": [
            python.step(
                "announce",
                env=env(environment=environment, api=api, waits_for=waits_for),
                mounts=[forge.credential(api)],
            )
        ],
    }


def env(*, environment: str, api: forge.Api, waits_for: str, rights: Mapping[str, str] = forge.STATUSES) -> dict[str, str]:
    """Return what a step is given that sets the commit status, and asks for no more `rights` than these."""
    return forge.status_env(environment=environment, api=api, rights=rights) | {"WAITS_FOR": literal(waits_for)}
