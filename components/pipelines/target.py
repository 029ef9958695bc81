"""An application in an environment as a pipeline sees it: plain values, none of them from a payload."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import Manifest


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a Pipeline of one application in one environment hands to its Tasks."""

    application: str
    environment: str
    repository: str
    """owner/name on the forge."""
    image: str
    """Repository of the application's images, e.g. `registry.internal:5000/chespirito`."""
    namespace: str
    deployment: str
    container: str
    rollout_timeout: str

    @property
    def pipeline(self) -> str:
        """The Pipeline's name, e.g. `chespirito-staging-pipeline`."""
        return f"{self.application}-{self.environment}-pipeline"


def params(values: Mapping[str, str]) -> list[Manifest]:
    """Return param values as Tekton lists them."""
    return [{"name": name, "value": value} for name, value in values.items()]


def rollout_params(target: Target) -> dict[str, str]:
    """Return the param values that both rollout Tasks share."""
    return {
        "head-sha": "$(params.head-sha)",
        "pull-request": "$(params.pull-request)",
        "image": target.image,
        "namespace": target.namespace,
        "deployment": target.deployment,
        "container": target.container,
        "timeout": target.rollout_timeout,
    }


def task(name: str, values: Mapping[str, str], **more: object) -> Manifest:
    """Return a pipeline task that runs the Task of the same name."""
    return {"name": name, "taskRef": {"kind": "Task", "name": name}, "params": params(values)} | more


def report(target: Target) -> Manifest:
    """Return the finally task that sets the commit status of the environment."""
    return task(
        "report",
        {
            "repository": target.repository,
            "head-sha": "$(params.head-sha)",
            "run": "$(context.pipelineRun.name)",
            "status": "$(tasks.status)",
        },
    )
