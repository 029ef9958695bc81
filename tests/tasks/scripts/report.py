"""The step report.sh after a run whose TaskRuns a test makes up, and what the forge hears of it."""

import json
import shutil
from typing import Any

from tests.tasks.scripts.conftest import Result, Sandbox

SHA = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "token-of-the-forge"
API = "http://forge.internal:3000/api/v1/repos/acme/shop"

CURL = """
cat >'{root}/config'
for url; do :; done
case $url in
*/pulls*) cat "{root}/pulls-${{url##*page=}}.json" 2>/dev/null || echo '[]' ;;
*/commits/*/statuses*) cat "{root}/statuses.json" 2>/dev/null || echo '[]' ;;
*/commits/*/status*) sha=${{url##*/commits/}}; cat "{root}/status-${{sha%%/*}}.json" 2>/dev/null || echo '{{}}' ;;
esac
{body}
"""


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


def report(
    sandbox: Sandbox,
    runs: list[dict[str, Any]],
    status: str = "Failed",
    *,
    curl: str = "",
    kubectl: str = "cat",
    pulls: tuple[list[dict[str, Any]], ...] = (),
    **changed: str,
) -> Result:
    for number, page in enumerate(pulls, 1):
        sandbox.file(f"pulls-{number}.json", json.dumps(page))
    sandbox.stub("kubectl", f"{kubectl} '{sandbox.file('runs.json', json.dumps({'items': runs}))}'")
    sandbox.stub("jq", f"exec '{shutil.which('jq')}' \"$@\"")
    sandbox.stub("curl", CURL.format(root=sandbox.root, body=curl))
    env = {
        "PARAM_REPOSITORY": "acme/shop",
        "PARAM_HEAD_SHA": SHA,
        "PARAM_STATUS": status,
        "PARAM_RUN": "shop-staging-7",
        "PARAM_BASE_BRANCH": "main",
        "NAMESPACE": "staging-ci",
        "ENVIRONMENT": "staging",
        "CONTEXT_SUFFIX": "",
        "API_URL": "http://forge.internal:3000/api/v1",
        "AFTER_MERGE": "false",
        "UNTRUSTED_ACCOUNT": "untrusted",
        "TOKEN_FILE": str(sandbox.file("token", f"{TOKEN}\n")),
    }
    return sandbox.run("report", **env | changed)


def statuses(sandbox: Sandbox) -> dict[tuple[str, str], tuple[str, str]]:
    """What the forge was told: commit and context to state and description."""
    told = {}
    for call in sandbox.called("curl"):
        if "--data" in call:
            body = json.loads(call[call.index("--data") + 1])
            assert body.keys() == {"state", "context", "description"}
            assert call[-1].startswith(f"{API}/statuses/")
            told[call[-1].rsplit("/", 1)[1], body["context"]] = (body["state"], body["description"])
    return told


def status(sandbox: Sandbox) -> tuple[str, str]:
    """The status of the run's own commit in its environment."""
    return statuses(sandbox)[SHA, "tekton-delivery/staging"]
