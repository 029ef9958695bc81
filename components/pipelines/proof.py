"""The proof pipeline: whether an image may come back. `python -m operate rollback` starts it; no event does."""

from components.conventions import REPORTER, Manifest
from components.pipelines.target import Target, task
from components.tasks import proof
from components.tasks.step import string_params

PARAMS = proof.PARAMS
_TIMEOUT = "5m0s"


def spec(target: Target, vouched_by: str) -> Manifest:
    """Return the Pipeline's spec; `vouched_by` is the environment whose mark counts."""
    fixed = {
        "application": target.application,
        "repository": target.repository,
        "image": target.image,
        "vouched-by": vouched_by,
    }
    given = {name: f"$(params.{name})" for name in PARAMS}
    return {
        "description": f"Tell whether {target.environment} may return to an image of {target.application}.",
        "params": string_params(PARAMS),
        "tasks": [task(proof.NAME, fixed | given, timeout=_TIMEOUT)],
    }


def run() -> Manifest:
    """Return what a PipelineRun of this pipeline adds to its pipelineRef and params. It needs no rights."""
    return {"taskRunTemplate": {"serviceAccountName": REPORTER}, "timeouts": {"pipeline": _TIMEOUT}}
