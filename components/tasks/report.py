"""Tells the forge how a run ended: one commit status for each environment, with the reason in one line."""

from components.conventions import UNTRUSTED, Manifest
from components.credential import LOG_MASKS, LOG_MASKS_KEY
from components.tasks import forge, python
from components.tasks.build import FETCH
from components.tasks.step import API_TOKEN_PATH, api_token, mount, string_params, string_results

NAME = "report"

CONTEXT_SUFFIX = "what ends a status's context: `/shop` where the repository has several applications, else nothing"
PARAMS = {
    "repository": "owner/name on the forge",
    "head-sha": "the commit that the status is about: 40 hex digits",
    "run": "name of the PipelineRun",
    "status": "aggregate status of the run's tasks, or Pending",
    "base-branch": "the branch that pull requests are merged to",
    "context-suffix": CONTEXT_SUFFIX,
}


# Where the fingerprints are by which secrets are hidden in what is quoted.
MASKS_PATH = "/credentials/log-masks"
# What the forge could not be told: the teller looks for it (components/telling.py).
RESULTS = {"untold": "what could not be told, and is later: JSON; nothing if all was"}


def spec(*, environment: str, api: forge.Api, again: str, after_merge: bool = False, quotes: bool = False) -> Manifest:
    """Return the Task's spec; `environment` ends the status's context, and `again` is how people run it again.

    `after_merge` is for runs that a merge started: it made every other open pull request to the same branch stale.
    With `quotes` it tells what a step printed that failed beside a pull request's code.
    """
    rights = forge.STATUSES | (forge.PULL_REQUESTS if after_merge else {})
    return {
        "description": f"Set the commit status tekton-delivery/{environment}.",
        "params": [*string_params(PARAMS), *(each for each in forge.told_params(api) if each["name"] not in PARAMS)],
        "results": string_results(RESULTS),
        "volumes": [api_token("kubernetes-api"), forge.volume(api), *([LOG_MASKS.volume()] if quotes else [])],
        "steps": [
            python.step(
                "report",
                env=forge.status_env(environment=environment, api=api, again=again, rights=rights)
                | {
                    "PARAM_STATUS": "$(params.status)",
                    "PARAM_BASE_BRANCH": "$(params.base-branch)",
                    "NAMESPACE": "$(context.taskRun.namespace)",
                    "AFTER_MERGE": str(after_merge).lower(),
                    "PARAM_RUN": "$(params.run)",
                    "UNTRUSTED_ACCOUNT": UNTRUSTED,
                    "FETCH_STEP": FETCH,
                    "API_ACCESS": API_TOKEN_PATH,
                    "RESULT_UNTOLD_PATH": "$(results.untold.path)",
                    "LOG_MASKS": f"{MASKS_PATH}/{LOG_MASKS_KEY}" if quotes else "",
                },
                mounts=[
                    mount("kubernetes-api", API_TOKEN_PATH, read_only=True),
                    forge.credential(api),
                    *([LOG_MASKS.mount(MASKS_PATH)] if quotes else []),
                ],
            )
        ],
    }
