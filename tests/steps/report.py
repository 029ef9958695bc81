"""The step report after a run whose TaskRuns a test makes up, and what the forge hears of it."""

from typing import TYPE_CHECKING, Any

from tests.steps.server import SHA, TOKEN, Api, Forge
from tests.tasks.scripts.conftest import Result

if TYPE_CHECKING:
    from tests.steps.conftest import Sandbox


def step(name: str, code: int) -> dict[str, Any]:
    return {"name": name, "terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}}


def task_run(
    status: str, *steps: dict[str, Any], message: str = "", account: str = "deployer", **results: str
) -> dict[str, Any]:
    return {
        "spec": {"serviceAccountName": account},
        "status": {
            "conditions": [{"type": "Succeeded", "status": status, "message": message}],
            "steps": list(steps),
            "results": [{"name": name, "value": value} for name, value in results.items()],
        },
    }


class Reporter:
    """Runs the step, between an API server and the forge."""

    def __init__(self, sandbox: "Sandbox", lists: Api, forge: Forge) -> None:
        self.sandbox, self.lists, self.forge = sandbox, lists, forge

    def report(
        self,
        runs: list[dict[str, Any]],
        status: str = "Failed",
        *,
        pulls: tuple[list[dict[str, Any]], ...] = (),
        **changed: str,
    ) -> Result:
        self.lists.has("taskruns", runs)
        if pulls:
            self.forge.pulls(*pulls)
        return self.run(status, **changed)

    def run(self, status: str, **changed: str) -> Result:
        env = {
            "PARAM_REPOSITORY": "acme/shop",
            "PARAM_HEAD_SHA": SHA,
            "PARAM_STATUS": status,
            "PARAM_RUN": "shop-staging-7",
            "PARAM_BASE_BRANCH": "main",
            "NAMESPACE": "staging-ci",
            "ENVIRONMENT": "staging",
            "CONTEXT_SUFFIX": "",
            "API_URL": self.forge.api,
            "AFTER_MERGE": "false",
            "UNTRUSTED_ACCOUNT": "untrusted",
            "FETCH_STEP": "fetch",
            "TOKEN_FILE": str(self.sandbox.file("token", f"{TOKEN}\n")),
        }
        return self.sandbox.step("report", **env | self.lists.env | changed)
