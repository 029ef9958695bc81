"""What becomes of a text on its way into a container: Tekton's substitution, and then Kubernetes' expansion.

Tekton: `ApplyReplacements` in pkg/substitution/replacements.go, one pass for each kind of variable; `make test-contracts`
holds this to Tekton's own code. Kubernetes: third_party/forked/golang/expansion/expand.go.
"""

import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(r"\$\(([^)]*)\)")


def tekton(value: Any, variables: Mapping[str, str]) -> Any:
    """Put variables in their places, all in one pass."""
    if isinstance(value, dict):
        return {name: tekton(item, variables) for name, item in value.items()}
    if isinstance(value, list):
        return [tekton(item, variables) for item in value]
    return _REFERENCE.sub(lambda found: variables.get(found[1], found[0]), value) if isinstance(value, str) else value


def kubernetes(text: str, variables: Mapping[str, str]) -> str:
    """Expand `$(NAME)` of a container's env, command or args; what is unknown stays, and `$$` is one `$`."""
    made, at = "", 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            made, at = made + text[at], at + 1
        elif text[at + 1] == "(" and (end := text.find(")", at)) > 0:
            made, at = made + variables.get(text[at + 2 : end], text[at : end + 1]), end + 1
        else:
            made, at = made + ("$" if text[at + 1] == "$" else text[at : at + 2]), at + 2
    return made


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    """A container's variables as its process has them: each may name those before it."""
    made: dict[str, str] = {}
    for variable in container.get("env", []):
        made[variable["name"]] = kubernetes(variable.get("value", ""), made)
    return made


def arguments(container: Mapping[str, Any], key: str) -> list[str]:
    """A container's command or args as its process has them."""
    made = environment(container)
    return [kubernetes(text, made) for text in container.get(key, [])]


def process(pipeline: Mapping[str, Any], task: Mapping[str, Any], name: str, step: str) -> dict[str, str]:
    """The variables that a step's process has, when a run of a Pipeline runs a Task as its task `name`."""
    given = {f"params.{param['name']}": f"<{param['name']}>" for param in pipeline.get("params", [])}
    (planned,) = (each for each in [*pipeline["tasks"], *pipeline.get("finally", [])] if each["name"] == name)
    params = {f"params.{param['name']}": tekton(param["value"], given | _CONTEXT) for param in planned["params"]}
    (found,) = (each for each in task["steps"] if each["name"] == step)
    for variables in (params, _CONTEXT, _RESULTS):
        found = tekton(found, variables)
    return environment(found)


_CONTEXT = {
    f"context.{name}": f"<{name}>"
    for name in ("pipelineRun.name", "taskRun.name", "taskRun.uid", "taskRun.namespace", "task.name")
}
_RESULTS = {f"results.{name}.path": f"/tekton/results/{name}" for name in ("digest", "image", "reason", "mark", "needed")}
