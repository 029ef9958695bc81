"""What the declared admission policies say to a request, as far as it can be known without a cluster.

Expressions are evaluated by Google's own CEL runtime. That the API server agrees is what
tests/e2e/test_policies_runs.py and test_policies_deploys.py show.
"""

from functools import cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings
from kubernetes.utils.quantity import parse_quantity

from tests.support import Declared, Object

FAILED = "cannot be evaluated: "
_NAMES = ("object", "oldObject", "request")


def refusals(
    stack: Declared,
    policy: str,
    made: Object,
    *,
    old: Object | None = None,
    user: str = "",
    groups: tuple[str, ...] = (),
    pod: str = "",
    deleted: bool = False,
    told: bool = False,
) -> list[str]:
    """The messages of all that does not hold for a request; an expression that fails refuses as well, and says so.

    `deleted` is for a request that deletes `made`; `told` has messages as the API server tells them.
    """
    spec = stack.one("ValidatingAdmissionPolicy", policy)["spec"]
    assert spec["failurePolicy"] == "Fail"
    who: Object = {"username": user, "groups": list(groups)}
    # Of a token that was made for a pod.
    who |= {"extra": {"authentication.kubernetes.io/pod-name": [pod]}} if pod else {}
    operation = "DELETE" if deleted else "UPDATE" if old else "CREATE"
    known: Object = {"object": made, "oldObject": old or {}}
    known |= {"object": None, "oldObject": made} if deleted else {}
    known["request"] = {"operation": operation, "userInfo": who}
    if not all(_evaluate(item["expression"], known, {}) for item in spec.get("matchConditions", [])):
        return []
    variables: dict[str, Any] = {}
    for variable in spec.get("variables", []):
        variables[variable["name"]] = _evaluate(variable["expression"], known, variables)
    refused = []
    for item in spec["validations"]:
        held, message = _evaluate(item["expression"], known, variables), item["message"]
        if told and "messageExpression" in item:
            message = _evaluate(item["messageExpression"], known, variables) or message
        refused += [f"{FAILED}{message}" if held is None else message] if held is not True else []
    return refused


def _evaluate(expression: str, known: Object, variables: Object) -> Any:
    result = _compiled(expression).eval(data=known | {"variables": variables})
    return None if result.type() == cel.Type.ERROR else result.plain_value()


@cache
def _compiled(expression: str) -> Any:
    return _ENVIRONMENT.compile(expression)


def _quantity(text: str) -> float:
    return float(parse_quantity(text))


# Of Kubernetes' own functions those that policies call: https://kubernetes.io/docs/reference/using-api/cel/
_FUNCTIONS = [
    cel.FunctionDecl("quantity", [cel.Overload("quantity", cel.Type.DOUBLE, [cel.Type.STRING], impl=_quantity)]),
    cel.FunctionDecl(
        "compareTo",
        [
            cel.Overload(
                "quantity_compare_to",
                cel.Type.INT,
                [cel.Type.DOUBLE, cel.Type.DOUBLE],
                is_member=True,
                impl=lambda one, other: (one > other) - (one < other),
            )
        ],
    ),
]
_ENVIRONMENT = cel.NewEnv(
    variables=dict.fromkeys((*_NAMES, "variables"), cel.Type.DYN),
    extensions=[ext_strings.ExtStrings()],
    functions=_FUNCTIONS,
)
