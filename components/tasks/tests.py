"""Fetch and test what a fork asks to be merged: the untrusted half of a delivery, without an image and what it takes."""

from collections.abc import Sequence

from components.conventions import Manifest
from components.tasks import build, service, tested
from components.tasks.service import Sidecar
from components.tasks.step import string_params, string_results

NAME = "tests"

UNTRUSTED_FROM = build.UNTRUSTED_FROM

PARAMS = {
    "repository-url": "where git fetches",
    "pull-request": "its number",
    "head-sha": "the commit that somebody vouched for: 40 hex digits",
    "test-command": "run by sh in the root of the repository",
}


def spec(args: build.BuildTaskArgs, services: Sequence[Sidecar] = ()) -> Manifest:
    """Return the Task's spec. The forge keeps a fork's commits in the repository that it asks, under the number."""
    return (
        {
            "description": "Fetch a fork's pull request and run its tests.",
            "params": [*string_params(PARAMS), *build.FETCH_PARAMS],
            "results": string_results(build.REASON | tested.results(args.tested)),
            "volumes": [*build.checkout(args), *service.volumes(services)],
            "steps": [
                build.fetch(args, "refs/pull/$(params.pull-request)/head"),
                *service.awaited(services),
                *build.tests(args, secrets=False),
            ],
        }
        | args.git.workspaces()
        | service.sidecars(services)
    )
