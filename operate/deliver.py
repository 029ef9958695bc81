"""A delivery without a webhook: the run that the listener would have started, from what the forge says of a pull request.

For an environment that has been made anew and for a webhook that was lost. What runs proves, builds and reports as always.
"""

import re
from collections.abc import Mapping
from typing import Any

from components.conventions import Manifest, key, plain
from components.listener.payload import NOBODY
from components.policies.runs import FORMS
from operate import forge
from operate.errors import OperateError
from operate.runs import create, moment
from operate.target import Target

_PARAM = re.compile(r"\$\(tt\.params\.([\w-]+)\)")
_BODY = re.compile(r"\$\(body\.([\w.]+)\)")
# What the listener works out of a body before it fills a binding.
_WORKED_OUT = {"$(extensions.mergedBy)": "$(body.pull_request.merged_by.login)"}


def deliver(target: Target, number: int, api_url: str | None) -> str:
    """Start the delivery of a pull request. Returns the run's name."""
    template, binding = _trigger(target)
    pipeline = target.cluster.tekton(target.environment, "pipelines", _pipeline(template, target))
    report = pipeline["spec"]["finally"][0]
    given = {param["name"]: param["value"] for param in report["params"]}
    url = api_url or _api_url(target.cluster.tekton(target.environment, "tasks", report["taskRef"]["name"]))
    found = forge.pull_request(url, given["repository"], number)
    _check(found, template["metadata"]["labels"][key("event")], given["base-branch"])
    body = _filled(template, values(binding, found, target, number))
    body["metadata"]["annotations"] = {key("started-by"): target.cluster.whoami()}
    return create(target, body)


def values(binding: Manifest, found: Manifest, target: Target, number: int) -> dict[str, str]:
    """Return the values of a template's params: what its binding takes from a webhook, taken from the pull request."""
    body = {"number": number, "pull_request": found | {"merged_by": found.get("merged_by") or {"login": NOBODY}}}
    made = {
        "application": target.application,
        "prefix": target.prefix,
        "run": f"{target.prefix}-{number}-{found['head']['sha'][:8]}-{moment()}",
    }
    for param in binding["spec"]["params"]:
        if path := _BODY.fullmatch(_WORKED_OUT.get(param["value"], param["value"])):
            value = str(_at(body, path[1]))
            # As the listener's policy demands it of webhooks.
            if not re.fullmatch(FORMS[param["name"]], value):
                raise OperateError(
                    f"the forge says {plain(value)!r} for {param['name']} of #{number}, which has another form"
                )
            made[param["name"]] = value
    return made


def _trigger(target: Target) -> tuple[Manifest, Manifest]:
    """Return what starts deliveries to an environment: the run's template, and the binding that fills it."""
    there = target.cluster.delivery_namespace(target.environment)
    for template in target.cluster.triggers("triggertemplates"):
        (run,) = template["spec"]["resourcetemplates"]
        event = run["metadata"]["labels"].get(key("event"))
        if run["metadata"]["namespace"] == there and event in ("pull-request", "merge"):
            wanted = template["metadata"]["name"].removesuffix("template") + "binding"
            where = template["metadata"]["namespace"]
            for binding in target.cluster.triggers("triggerbindings"):
                if (binding["metadata"]["namespace"], binding["metadata"]["name"]) == (where, wanted):
                    return run, binding
    raise OperateError(f"nothing starts deliveries to {target.environment}: its stack is not there, or not of this version")


def _pipeline(run: Manifest, target: Target) -> str:
    return str(run["spec"]["pipelineRef"]["name"]).replace("$(tt.params.application)", target.application)


def _api_url(task: Manifest) -> str:
    (step,) = task["spec"]["steps"]
    return str(next(variable["value"] for variable in step["env"] if variable["name"] == "API_URL"))


def _check(found: Manifest, event: str, base: str) -> None:
    """Hold a pull request to what the listener would have let pass."""
    number = found["number"]
    if found["base"]["ref"] != base:
        raise OperateError(f"#{number} is for the branch {plain(found['base']['ref'])}, and only {base} is delivered")
    if event == "merge" and not found.get("merged"):
        raise OperateError(f"#{number} is not merged, and this environment gets merges only")
    if event == "pull-request" and found["state"] != "open":
        raise OperateError(f"#{number} is closed, and this environment gets open pull requests only")


def _filled(value: Any, params: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item, params) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, params) for item in value]
    return _PARAM.sub(lambda match: params[match[1]], value) if isinstance(value, str) else value


def _at(body: Manifest, path: str) -> Any:
    found: Any = body
    for part in path.split("."):
        found = found[part]
    return found
