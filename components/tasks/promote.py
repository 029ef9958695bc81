"""The promotion pod: prove that a merge is what the environment before this one ran, and roll it out. Never builds."""

from dataclasses import dataclass

from components.conventions import Manifest
from components.credentials import REGISTRY_PULL
from components.tasks import rollout
from components.tasks.step import docker_config, empty_dir, mount, ssh_workspace, string_params, string_results

NAME = "promote"
RESULTS = rollout.RESULTS | {"mark": "the statement that proved it, as JSON"}

PARAMS = rollout.PARAMS | {
    "merge-sha": "the merge commit on the base branch: 40 hex digits",
    "merged-by": "who merged",
}


@dataclass(frozen=True, kw_only=True)
class PromoteTaskArgs:
    """What differs between installations."""

    insecure: bool
    """Allows a registry without TLS."""
    authenticated: bool
    """Whether reading the registry takes a credential."""
    promotes_from: str
    """The environment whose mark is demanded."""
    public_key: str
    """Its public key, PEM."""
    mark_seconds: int
    """How long a merge waits for a mark that is not there yet."""


def spec(args: PromoteTaskArgs) -> Manifest:
    """Return the Task's spec."""
    prove = rollout.registry_step(
        "prove",
        "registry-pull",
        insecure=args.insecure,
        env={
            "PARAM_REPOSITORY": "$(params.repository)",
            "PARAM_BASE_BRANCH": "$(params.base-branch)",
            "PARAM_MERGE_SHA": "$(params.merge-sha)",
            "PARAM_IMAGE": "$(params.image)",
            "PROMOTES_FROM": args.promotes_from,
            "PUBLIC_KEY": args.public_key,
            "MARK_TYPE": rollout.MARK_TYPE,
            "MARK_TIMEOUT": str(args.mark_seconds),
            "HISTORY": rollout.HISTORY_PATH,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "SCRATCH": rollout.SCRATCH,
            "RESULT_REASON_PATH": "$(results.reason.path)",
            "RESULT_MARK_PATH": "$(results.mark.path)",
        },
    )
    prove["volumeMounts"].append(mount(rollout.HISTORY, "/history", read_only=True))
    credential = docker_config("registry-pull", REGISTRY_PULL) if args.authenticated else empty_dir("registry-pull")
    return {
        "description": "Prove that a merged pull request is what the former environment ran, and roll out that digest.",
        "params": string_params(PARAMS),
        "results": string_results(RESULTS),
        "workspaces": [ssh_workspace()],
        "volumes": [credential, *rollout.volumes()],
        "steps": [
            rollout.commits("$(params.merge-sha)"),
            prove,
            rollout.deploy(merge_sha="$(params.merge-sha)", merged_by="$(params.merged-by)", mark="$(results.mark.path)"),
        ],
    }
