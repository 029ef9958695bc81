"""What Tekton's own code says of the rendered objects, and that the fast unit tests evaluate a webhook as it does."""

import copy
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from components.conventions import literal
from tests import expansion
from tests import test_texts as texts
from tests.contracts.conftest import Ask
from tests.sink import COMMENT, HEADERS, PUSH, deliver
from tests.support import (
    ALL_STACKS,
    STACKS,
    Declared,
    Object,
    both_environments,
    enterprise,
    over_https,
    several_applications,
    with_services,
)
from tests.test_fork import comment
from tests.test_longest_names import longest
from tests.test_pushes import CHANGES as PUSH_CHANGES
from tests.test_routing import CHANGES, FIXTURES, payload, push

SECRET = "the forge and the listener know it"
GROUPS = ("tekton.dev", "triggers.tekton.dev")
RECORDED = sorted(
    (path.parent.name, path.stem) for path in FIXTURES.glob("*/*.json") if path.parent.name in ("gitea", "github")
)


def shapes() -> Iterator[tuple[str, Callable[[dict[str, Declared]], Declared]]]:
    for name in ALL_STACKS:
        yield name, lambda stacks, name=name: stacks[name]
    yield "both environments, GitHub", lambda stacks: both_environments("github")
    yield "fetching over HTTPS", lambda stacks: over_https("staging")
    yield "public repositories", lambda stacks: over_https("production", public=True)
    yield "several applications", lambda stacks: several_applications()
    yield "services", lambda stacks: with_services()
    yield "the longest names", lambda stacks: longest()
    yield "texts with a dollar", lambda stacks: texts.awkward_staging()
    yield "people with a dollar", lambda stacks: texts.awkward_production()


@pytest.fixture(params=[shape for _, shape in shapes()], ids=[name for name, _ in shapes()])
def declared(request: pytest.FixtureRequest, stacks: dict[str, Declared]) -> Declared:
    found: Declared = request.param(stacks)
    return found


def tekton(objects: list[Object]) -> list[Object]:
    return [item for item in objects if item["apiVersion"].split("/")[0] in GROUPS]


def errors(ask: Ask, objects: list[Object]) -> list[str]:
    verdicts = ask("validate", objects=objects)
    assert len(verdicts) == len(objects)
    return [f"{each['kind']} {each['namespace']}/{each['name']}: {each['error']}" for each in verdicts if each["error"]]


def test_tekton_accepts_every_object(ask: Ask, declared: Declared) -> None:
    objects = tekton(declared.objects)
    assert {item["kind"] for item in objects} >= {
        *("Task", "Pipeline", "EventListener", "Trigger", "TriggerBinding", "TriggerTemplate")
    }
    assert errors(ask, objects) == []


def changed(declared: Any, admitted: Any, path: str) -> Iterator[str]:
    """Where what is stored does not hold what was declared; what it holds besides is no matter."""
    if isinstance(declared, dict) and isinstance(admitted, dict):
        for name, value in declared.items():
            yield from changed(value, admitted.get(name), f"{path}.{name}")
    elif isinstance(declared, list) and isinstance(admitted, list) and len(declared) == len(admitted):
        for index, value in enumerate(declared):
            yield from changed(value, admitted[index], f"{path}[{index}]")
    elif declared != admitted:
        yield f"{path}: {declared!r} is stored as {admitted!r}"


def test_tekton_stores_every_object_as_it_was_declared(ask: Ask, declared: Declared) -> None:
    """Where it does not, a preview without the right to a dry run shows a change that is none."""
    objects = tekton(declared.objects)
    found: list[str] = []
    for item, verdict in zip(objects, ask("validate", objects=objects), strict=True):
        found += changed(item["spec"], verdict["admitted"]["spec"], f"{item['kind']} {item['metadata']['name']}: spec")
    assert found == []


def _spec(kind: str, name: str) -> Callable[[list[Object]], Object]:
    def find(objects: list[Object]) -> Object:
        (found,) = (item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name))
        spec: Object = found["spec"]
        return spec

    return find


PIPELINE = _spec("Pipeline", "chespirito-staging-pipeline")
TASK = _spec("Task", "build")
LISTENER = _spec("EventListener", "chespirito-github-el")
BINDING = _spec("TriggerBinding", "github-pr-trigger-binding")
TEMPLATE = _spec("TriggerTemplate", "github-pr-trigger-template")
BREAKS: dict[str, tuple[Callable[[list[Object]], object], str]] = {
    "an unknown field": (lambda objects: TASK(objects).update(stepss=[]), 'unknown field "stepss"'),
    "a task after one that is not there": (
        lambda objects: PIPELINE(objects)["tasks"][0].update(runAfter=["nowhere"]),
        "nowhere",
    ),
    "a param that nobody declares": (
        lambda objects: TASK(objects)["steps"][0]["env"].append({"name": "X", "value": "$(params.nowhere)"}),
        "non-existent variable",
    ),
    "a result of a task that is not there": (
        lambda objects: PIPELINE(objects)["tasks"][0]["params"].append({"name": "x", "value": "$(tasks.nowhere.results.y)"}),
        "nowhere",
    ),
    "a step without image or reference": (lambda objects: TASK(objects).pop("stepTemplate"), "missing field(s)"),
    "a binding with the same param twice": (
        lambda objects: BINDING(objects)["params"].append(dict(BINDING(objects)["params"][0])),
        "expected exactly one, got both: spec.params",
    ),
    "a template that uses an undeclared param": (lambda objects: TEMPLATE(objects)["params"].pop(), "tt.params"),
}


@pytest.mark.parametrize(("damage", "expected"), BREAKS.values(), ids=BREAKS.keys())
def test_tekton_refuses_what_is_wrong(
    ask: Ask, staging: Declared, damage: Callable[[list[Object]], object], expected: str
) -> None:
    objects = copy.deepcopy(tekton(staging.objects))
    damage(objects)
    found = errors(ask, objects)
    assert len(found) == 1, found
    assert expected in found[0]


def hook(body: Object, header: Mapping[str, list[str]] = HEADERS, *, secret: str = SECRET) -> Object:
    """A webhook as a forge sends it, signed."""
    text = json.dumps(body)
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"body": text, "headers": dict(header) | {"X-Hub-Signature-256": [f"sha256={signature}"]}, "secret": SECRET}


def webhooks() -> Iterator[tuple[Object, Mapping[str, list[str]]]]:
    """Every recorded body with its header, and each change that an attacker could make of three of them."""
    for forge, name in RECORDED:
        yield payload(forge, name), HEADERS
    for forge in ("gitea", "github"):
        yield comment(forge), COMMENT
        for path in sorted((FIXTURES / forge / "pushes").glob("*.json")):
            yield push(forge, path.stem), PUSH
    for change in PUSH_CHANGES.values():
        body = push("gitea")
        change(body)
        yield body, PUSH
    for name in ("opened", "closed_unmerged", "closed_merged"):
        for change in CHANGES.values():
            body = payload("gitea", name)
            change(body)
            yield body, HEADERS


def test_tekton_starts_the_runs_that_the_unit_tests_evaluate(ask: Ask, declared: Declared) -> None:
    sent = list(webhooks())
    outcomes = ask("deliver", objects=tekton(declared.objects), deliveries=[hook(*each) for each in sent])
    started = 0
    for (body, header), outcome in zip(sent, outcomes, strict=True):
        expected = deliver(declared, body, header=header)
        assert _sorted(outcome["runs"]) == _sorted(expected), (body.get("action"), outcome["stopped"])
        started += len(expected)
    assert started, "the control: some of these start a run"


def test_tekton_accepts_the_runs_that_start(ask: Ask, declared: Declared) -> None:
    deliveries = [hook(*each) for each in webhooks()]
    outcomes = ask("deliver", objects=tekton(declared.objects), deliveries=deliveries)
    runs = [run for outcome in outcomes for run in outcome["runs"]]
    assert runs
    assert errors(ask, runs) == []


def test_an_enterprise_server_is_known_by_its_own_host(ask: Ask) -> None:
    objects = tekton(enterprise().objects)
    right = payload("github", "opened")
    named = [["git.example.com"], ["evil.example"], ["git.example.com", "evil.example"]]
    deliveries = [hook(right), *(hook(right, HEADERS | {"X-Github-Enterprise-Host": hosts}) for hosts in named)]
    outcomes = ask("deliver", objects=objects, deliveries=deliveries)
    assert [len(outcome["runs"]) for outcome in outcomes] == [1, 1, 0, 0]


@pytest.mark.parametrize("stack_name", STACKS)
def test_a_wrong_signature_starts_nothing(ask: Ask, stacks: dict[str, Declared], stack_name: str) -> None:
    objects = tekton(stacks[stack_name].objects)
    right = payload("gitea", "opened" if stack_name == "staging" else "closed_merged")
    unsigned: Any = hook(right)
    del unsigned["headers"]["X-Hub-Signature-256"]
    deliveries = [hook(right), hook(right, secret="another"), unsigned, hook(right, HEADERS | {"X-Github-Event": ["push"]})]
    outcomes = ask("deliver", objects=objects, deliveries=deliveries)
    assert [len(outcome["runs"]) for outcome in outcomes] == [1, 0, 0, 0]
    assert all(outcome["stopped"] for outcome in outcomes[1:])


def test_an_expression_that_is_no_cel_stops_the_webhook_and_says_so(ask: Ask, staging: Declared) -> None:
    """Tekton's admission does not look at it."""
    objects = copy.deepcopy(tekton(staging.objects))
    for group in LISTENER(objects)["triggerGroups"]:
        group["interceptors"][1]["params"][0]["value"] = "body.x ==="
    assert errors(ask, objects) == []
    (outcome,) = ask("deliver", objects=objects, deliveries=[hook(payload("gitea", "opened"))])
    assert outcome["runs"] == []
    assert [reason for reason in outcome["stopped"] if "Syntax error" in reason]


def _sorted(runs: list[Object]) -> list[str]:
    return sorted(json.dumps(run, sort_keys=True) for run in runs)


def test_variables_are_put_in_as_the_unit_tests_believe(ask: Ask) -> None:
    known = {"params.a": "$(params.b) $$ $", "params.b": "b", "context.task.name": "", "results.digest.path": "/x"}
    given = [
        texts.AWKWARD,
        literal(texts.AWKWARD),
        *texts.PATHS,
        *(f"x$$({name}) $$$({name})$({name}) $ ({name}) $( {name}) $({name} " for name in known),
        "$(params.c) $(params.a[0]) $(params['a']) $(params.a",
    ]
    substituted = ask("substitute", texts=given, variables=known)
    assert substituted == [expansion.tekton(text, known) for text in given]
    assert substituted[:2] == given[:2]
