"""Before anything is built: whether that is needed. This pod runs none of a pull request's code, so it is believed."""

from components.conventions import Manifest
from components.tasks import python, rollout
from components.tasks.git import Git
from components.tasks.stage import PROMOTABLE
from components.tasks.step import empty_dir, mount, string_params, string_results

NAME = "needed"

PARAMS = {name: rollout.PARAMS[name] for name in ("paths", "repository-url", "base-branch")} | {
    "commit": "what would be built: 40 hex digits",
    "merged-head": "after a merge: the pull request's head; else empty",
    "always": "`yes` to build in any case",
}
RESULTS = {"needed": "`yes` or `no`"} | PROMOTABLE | rollout.REASON


def spec(git: Git) -> Manifest:
    """Return the Task's spec."""
    return {
        "description": "Tell whether there is anything to build.",
        "params": string_params(PARAMS),
        "results": string_results(RESULTS),
        "volumes": [empty_dir(rollout.HISTORY, rollout.HISTORY_SIZE)],
        "steps": [
            python.step(
                NAME,
                env=dict(git.env)
                | rollout.SOURCE_ENV
                | {
                    "PARAM_COMMIT": "$(params.commit)",
                    "PARAM_MERGED_HEAD": "$(params.merged-head)",
                    "PARAM_ALWAYS": "$(params.always)",
                    "RESULT_NEEDED_PATH": "$(results.needed.path)",
                    "RESULT_PROMOTABLE_PATH": "$(results.promotable.path)",
                    "RESULT_REASON_PATH": "$(results.reason.path)",
                },
                mounts=[mount(rollout.HISTORY, rollout.HISTORY_PATH)],
                ephemeral_storage=rollout.HISTORY_SIZE,
                workspaces=git.mounts(),
            )
        ],
    } | git.workspaces()
