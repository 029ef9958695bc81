"""What a rendered EventListener does with a webhook, as far as it can be known without a cluster.

Expressions are evaluated by Google's own CEL runtime, with the types that Tekton declares; what is written here is the
plumbing around them: groups, label selectors, overlays, bindings and templates. Signatures are checked by the tests that
run on the cluster, and so is that Tekton agrees with this file.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from cel_expr_python import cel

from tests.support import Declared, Object

# Tekton's additions to CEL that this project uses: pkg/interceptors/cel/triggers.go of Triggers, and of cel-go's extension
# for strings, which it takes along, the one for small letters.
_EXTENSIONS = [
    cel.FunctionDecl(
        "lowerAscii",
        [
            cel.Overload(
                "string_lower_ascii",
                return_type=cel.Type.STRING,
                parameters=[cel.Type.STRING],
                is_member=True,
                impl=lambda text: "".join(letter.lower() if letter.isascii() else letter for letter in text),
            )
        ],
    ),
    cel.FunctionDecl(
        "truncate",
        [
            cel.Overload(
                "truncate_string_uint",
                return_type=cel.Type.STRING,
                parameters=[cel.Type.STRING, cel.Type.INT],
                is_member=True,
                impl=lambda text, length: text[:length],
            )
        ],
    ),
    cel.FunctionDecl(
        "translate",
        [
            cel.Overload(
                "translate_string_string",
                return_type=cel.Type.STRING,
                parameters=[cel.Type.STRING, cel.Type.STRING, cel.Type.STRING],
                is_member=True,
                impl=lambda text, pattern, replacement: re.sub(pattern, replacement, text),
            )
        ],
    ),
]
_ANY_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_ENVIRONMENT = cel.NewEnv(
    variables={"body": _ANY_MAP, "header": _ANY_MAP, "extensions": _ANY_MAP, "requestURL": cel.Type.STRING},
    functions=_EXTENSIONS,
)

HEADERS = {"X-Github-Event": ["pull_request"], "Content-Type": ["application/json"]}
COMMENT = HEADERS | {"X-Github-Event": ["issue_comment"]}
PUSH = HEADERS | {"X-Github-Event": ["push"]}


class EvaluationError(Exception):
    """An expression failed, for example at a missing key. Tekton stops the trigger then."""


def evaluate(
    expression: str,
    body: Object,
    *,
    header: Mapping[str, list[str]] = HEADERS,
    extensions: Mapping[str, Any] | None = None,
) -> Any:
    """The value of a CEL expression about a webhook. Raises EvaluationError where it has none."""
    return _evaluate(expression, _doubles(body), header, extensions or {})


def _evaluate(expression: str, body: Object, header: Mapping[str, list[str]], extensions: Mapping[str, Any]) -> Any:
    data = {"body": body, "header": dict(header), "extensions": dict(extensions), "requestURL": "/"}
    result = _compiled(expression).eval(data=data)
    if result.type() == cel.Type.ERROR:
        raise EvaluationError(str(result.value()))
    return result.value()


@cache
def _compiled(expression: str) -> cel.Expression:
    return _ENVIRONMENT.compile(expression)


def _doubles(value: Any) -> Any:
    """JSON as Tekton's interceptor sees it: every number is a double."""
    if isinstance(value, dict):
        return {name: _doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_doubles(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def deliver(stack: Declared, body: Object, *, header: Mapping[str, list[str]] = HEADERS) -> list[Object]:
    """The PipelineRuns that a correctly signed webhook starts in a stack."""
    listener = stack.one("EventListener")
    namespace = listener["metadata"]["namespace"]
    started: list[Object] = []
    body = _doubles(body)
    for group in listener["spec"]["triggerGroups"]:
        extensions = _pass(group["interceptors"], body, header, {})
        if extensions is None:
            continue
        wanted = group["triggerSelector"]["labelSelector"]["matchLabels"].items()
        for trigger in stack.all("Trigger"):
            if trigger["metadata"]["namespace"] == namespace and wanted <= trigger["metadata"]["labels"].items():
                started += _run(stack, trigger, body, header, extensions)
    return started


def _run(
    stack: Declared, trigger: Object, body: Object, header: Mapping[str, list[str]], extensions: dict[str, Any]
) -> list[Object]:
    spec, namespace = trigger["spec"], trigger["metadata"]["namespace"]
    passed = _pass(spec["interceptors"], body, header, extensions)
    if passed is None:
        return []
    params = {
        param["name"]: _substitute(param["value"], r"\$\(([^)]+)\)", {"body": body, "extensions": passed})
        for binding in spec["bindings"]
        for param in stack.one("TriggerBinding", binding["ref"], namespace)["spec"]["params"]
    }
    template = stack.one("TriggerTemplate", spec["template"]["ref"], namespace)["spec"]
    assert params.keys() >= {param["name"] for param in template["params"]}
    return [_fill(resource, params) for resource in template["resourcetemplates"]]


def _pass(
    interceptors: list[Object], body: Object, header: Mapping[str, list[str]], extensions: dict[str, Any]
) -> dict[str, Any] | None:
    """What is known after a chain of interceptors, or None where one of them stops the event."""
    known = dict(extensions)
    for interceptor in interceptors:
        params = {param["name"]: param["value"] for param in interceptor["params"]}
        if interceptor["ref"]["name"] == "github":
            if not set(header.get("X-Github-Event", [])) & set(params["eventTypes"]):
                return None
            continue
        try:
            if "filter" in params and _evaluate(params["filter"], body, header, known) is not True:
                return None
            overlays = params.get("overlays", [])
            known = known | {item["key"]: _evaluate(item["expression"], body, header, known) for item in overlays}
        except EvaluationError:
            return None
    return known


def _fill(value: Any, params: Mapping[str, str]) -> Any:
    """A template's object with its params in their places."""
    if isinstance(value, dict):
        return {name: _fill(item, params) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, params) for item in value]
    return _substitute(value, r"\$\(tt\.params\.([^)]+)\)", params) if isinstance(value, str) else value


def _substitute(text: str, pattern: str, known: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found: Any = known
        for part in match.group(1).split("."):
            found = found[part]
        assert found is None or isinstance(found, str | int | float), f"{match.group(0)} is no plain value"
        return "null" if found is None else f"{found:.0f}" if isinstance(found, float) else str(found)

    return re.sub(pattern, value, text)
