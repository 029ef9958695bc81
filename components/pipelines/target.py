"""An application in an environment as a pipeline sees it: plain values, none of them from a payload."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import Manifest, literal, prefix, seconds
from components.settings.application import Fetch
from components.settings.smoke import SmokeCheck


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a Pipeline of one application in one environment hands to its Tasks."""

    application: str
    environment: str
    repository: str
    """owner/name on the forge."""
    paths: tuple[str, ...]
    """What in the repository the application is made of; none for all of it."""
    shares_repository: bool
    """Whether the repository has other applications, so that statuses carry the application's name."""
    image: str
    """Repository of the application's images, e.g. `registry.internal:5000/chespirito`."""
    source_image: str | None
    """Repository that images are promoted from; None where it is the same."""
    repository_url: str
    """Where git fetches."""
    git_credential: str | None
    """The workspace that holds what git fetches with; None for public repositories."""
    git_files: Mapping[str, str]
    """Params of the tasks that fetch: in which Secrets that is; none where one Secret has it for all."""
    base_branch: str
    namespace: str
    deployment: str
    """Those that run its image, one a line; the first one leads."""
    container: str
    rollout_timeout: str
    fetch: Fetch
    """What of the repository's history tests and build see."""
    service_url: str
    """Where the application answers inside the cluster."""
    smoke_check: SmokeCheck | None
    before_rollout: int = 0
    """For how many seconds a rollout is put off at most by what has to succeed before it."""
    url: str = ""
    """Where people find the application; empty where no setting knows."""
    linked: bool = False
    """Whether statuses link to runs."""
    placed: bool = False
    """Whether people are told where the application is: by the pull request's comment, or by deployments."""
    waits: int = 0
    """How many seconds a merge waits for the mark and for people, at most."""

    @property
    def pipeline(self) -> str:
        """The Pipeline's name, e.g. `chespirito-staging-pipeline`."""
        return f"{prefix(self.application, self.environment)}-pipeline"

    @property
    def fork_pipeline(self) -> str:
        """The name of the Pipeline for a fork's pull request."""
        return f"{prefix(self.application, self.environment)}-fork-pipeline"

    @property
    def rebuild_pipeline(self) -> str:
        """The name of the Pipeline that rebuilds what a merge made."""
        return f"{prefix(self.application, self.environment)}-rebuild-pipeline"

    @property
    def proof_pipeline(self) -> str:
        """The name of the Pipeline that tells whether an image may come back."""
        return f"{prefix(self.application, self.environment)}-proof-pipeline"

    @property
    def moved_pipeline(self) -> str:
        """The name of the Pipeline for a base branch that has moved."""
        return f"{prefix(self.application, self.environment)}-base-moved-pipeline"

    @property
    def context_suffix(self) -> str:
        """What ends the context of its commit statuses."""
        return f"/{self.application}" if self.shares_repository else ""

    @property
    def rejected_pipeline(self) -> str:
        """The name of the Pipeline for a pull request closed unmerged."""
        return f"{prefix(self.application, self.environment)}-rejected-pipeline"


RUN = "$(context.pipelineRun.name)"
MERGE_PARAMS = {
    "head-sha": "the merged pull request's head commit: 40 hex digits",
    "pull-request": "its number",
    "merge-sha": "the merge commit on the base branch: 40 hex digits",
}


def params(values: Mapping[str, str]) -> list[Manifest]:
    """Return param values as Tekton lists them."""
    return [{"name": name, "value": value} for name, value in values.items()]


def rollout_params(target: Target) -> dict[str, str]:
    """Return the param values that both rollout Tasks share."""
    return (
        target_params(target)
        | {
            "application": target.application,
            "repository": target.repository,
            "head-sha": "$(params.head-sha)",
            "image": target.image,
        }
        | _smoke_params(target)
        | commits_params(target)
    )


def _smoke_params(target: Target) -> dict[str, str]:
    """Return the param values of the smoke check; an empty URL asks nothing."""
    check = target.smoke_check
    return {
        "smoke-url": literal(f"{target.service_url}{check.path}") if check else "",
        "smoke-status": str(check.status) if check else "200",
        "smoke-contains": literal(check.contains) if check else "",
        "smoke-seconds": str(seconds(check.timeout)) if check else "0",
    }


def commits_params(target: Target) -> dict[str, str]:
    """Return the param values of what fetches commits."""
    return {
        "paths": literal("\n".join(target.paths)),
        "repository-url": target.repository_url,
        "base-branch": target.base_branch,
    }


def fetch_params(target: Target) -> dict[str, str]:
    """Return the param values of what fetches the files that tests and build see."""
    return {
        "repository-url": target.repository_url,
        "fetch-depth": str(target.fetch.depth),
        "fetch-tags": str(target.fetch.tags).lower(),
        "paths": literal("\n".join(target.paths)),
    }


def target_params(target: Target) -> dict[str, str]:
    """Return the param values that name a Deployment."""
    return {
        "pull-request": "$(params.pull-request)",
        "namespace": target.namespace,
        "deployment": target.deployment,
        "container": target.container,
        "timeout": target.rollout_timeout,
        "timeout-seconds": str(seconds(target.rollout_timeout)),
    }


def task(
    name: str, values: Mapping[str, str], *, runs: str | None = None, fetches: Target | None = None, **more: object
) -> Manifest:
    """Return a pipeline task that runs the Task of the same name, or the one named.

    `fetches` is whose repository it fetches.
    """
    told = fetches.git_files if fetches else {}
    made = {"name": name, "taskRef": {"kind": "Task", "name": runs or name}, "params": params({**values, **told})} | more
    return made | ({"workspaces": [_same(fetches.git_credential)]} if fetches and fetches.git_credential else {})


def git_workspace(credential: str | None) -> Manifest:
    """Return what a Pipeline declares that fetches."""
    return {"workspaces": [{"name": credential}]} if credential else {}


def _same(workspace: str) -> Manifest:
    return {"name": workspace, "workspace": workspace}


def git_secret(bound: Manifest | None) -> Manifest:
    """Return the workspaces of a PipelineRun whose pipeline fetches."""
    return {"workspaces": [bound]} if bound else {}


def supersede(target: Target) -> Manifest:
    """Return the pipeline task that cancels what this run overtakes."""
    return task("supersede", _overtaking(target))


def begin(target: Target) -> Manifest:
    """Return the pipeline task that cancels what this run overtakes, and says that it has started."""
    return task("begin", _overtaking(target) | _status(target))


def announce(target: Target) -> Manifest:
    """Return the pipeline task that tells what this run waits for."""
    return task("announce", _status(target))


def _status(target: Target) -> dict[str, str]:
    told = {"repository": target.repository, "head-sha": "$(params.head-sha)", "context-suffix": target.context_suffix}
    about = {"application": target.application, "run": RUN, "pull-request": "$(params.pull-request)"}
    told |= about if target.linked or target.placed else {}
    return told | ({"environment-url": target.url} if target.placed else {})


def _overtaking(target: Target) -> dict[str, str]:
    return {
        "pull-request": "$(params.pull-request)",
        "application": target.application,
        "run": RUN,
        "base-branch": target.base_branch,
        "repository": target.repository,
    }


def report(target: Target, *, name: str = "report", status: str = "$(tasks.status)") -> Manifest:
    """Return the finally task that sets a commit status; `name` is its Task's."""
    return task(
        name,
        _status(target) | {"run": RUN, "base-branch": target.base_branch, "status": status},
    )
