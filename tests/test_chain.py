"""A chain of environments as it is declared: in one stack, where one listener tells all, and in stacks of their own."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from components.conventions import PROJECT
from components.plan.chain import shown
from components.plan.delivery import Delivery
from components.settings.errors import SettingsError
from components.settings.mark_checks import mark_inconsistencies
from offline.run import stack_config
from operate import deliver as by_hand
from tests.closure import problems
from tests.sink import deliver
from tests.support import Declared, Object, record_config, shipped_config
from tests.test_deliver import Cluster, answer, pull_request, target
from tests.test_routing import payload
from tests.test_settings import VALID, load

__all__ = ["answer"]

KEY = {"privateKey": {"file": "secrets/pre.key"}, "password": {"file": "secrets/pre-password"}}


def chain(**pre: Any) -> dict[str, Any]:
    """The example with three environments; `pre` is more of the second one."""
    both = shipped_config("both")
    qa, live = both["environments"]
    middle = live | {"name": "pre", "mark": KEY} | pre
    last = live | {"promotesFrom": "pre", "mark": {"publicKey": {"file": "pre.pub"}}}
    return both | {"environments": [qa, middle, last]}


@pytest.fixture(scope="module")
def declared() -> Declared:
    return record_config(chain())


def steps(stack: Declared, environment: str) -> dict[str, Object]:
    return {step["name"]: step for step in stack.one("Task", "promote", f"{environment}-ci")["spec"]["steps"]}


def env(step: Object) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in step["env"]}


def mounted(step: Object) -> set[str]:
    return {mount["name"] for mount in step["volumeMounts"]}


def test_a_merge_starts_one_run_in_each_environment_that_gets_merges(declared: Declared) -> None:
    runs = deliver(declared, payload("gitea", "closed_merged"))
    assert {run["metadata"]["namespace"] for run in runs} == {"pre-ci", "live-ci"}
    assert len({run["metadata"]["name"] for run in runs}) == 2
    assert {run["metadata"]["namespace"] for run in deliver(declared, payload("gitea", "opened"))} == {"qa-ci"}


@pytest.mark.parametrize("approval", [{}, {"approval": {"users": ["ana"]}}])
def test_all_that_is_handed_over_is_taken(approval: dict[str, Any]) -> None:
    stack = record_config(chain(**approval))
    assert problems(Declared(dataclasses.replace(stack.recording, stack="both"))) == []


def test_each_names_what_the_other_one_has_not(declared: Declared) -> None:
    """Objects of the first one are called as where it is the only one: an installation keeps what it has."""
    assert declared.names("Trigger") == [
        "base-moved-trigger",
        "pr-rejected-trigger",
        "pr-trigger",
        "push-main-trigger",
        "push-main-trigger-live",
    ]
    both = {resource.urn.split("::", 2)[2] for resource in record_config(shipped_config("both")).resources}
    three = {resource.urn.split("::", 2)[2] for resource in declared.resources}
    assert both < three


def test_the_key_of_the_one_in_the_middle_is_in_its_last_step_alone(declared: Declared) -> None:
    middle, last = steps(declared, "pre"), steps(declared, "live")
    assert list(middle) == ["promote", "vouch"]
    assert mounted(middle["vouch"]) == {"registry-push", "mark-signing", "history", "steps", "scratch-vouch"}
    assert not mounted(middle["promote"]) & {"registry-push", "mark-signing"}
    assert list(last) == ["promote"]
    assert "mark-signing" not in mounted(last["promote"])
    held = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in declared.all("Secret")}
    assert {place for place in held if place[1] in ("mark-signing", "registry-push")} == {
        (namespace, name) for namespace in ("qa-ci", "pre-ci") for name in ("mark-signing", "registry-push")
    }


def test_each_believes_the_one_before_and_no_other(declared: Declared) -> None:
    believed = {name: env(steps(declared, name)["promote"]) for name in ("pre", "live")}
    assert [(believed[name]["PROMOTES_FROM"], believed[name]["PUBLIC_KEY"]) for name in ("pre", "live")] == [
        ("qa", "content-of-cosign.pub"),
        ("pre", "content-of-pre.pub"),
    ]
    proofs = {name: env(declared.one("Task", "proof", f"{name}-ci")["spec"]["steps"][0]) for name in ("pre", "live")}
    assert [proofs[name]["PUBLIC_KEY"] for name in ("pre", "live")] == ["content-of-cosign.pub", "content-of-pre.pub"]
    pipelines = [
        declared.one("Pipeline", f"chespirito-{name}-proof-pipeline")["spec"]["tasks"][0] for name in ("pre", "live")
    ]
    named = [{param["name"]: param["value"] for param in task["params"]}["vouched-by"] for task in pipelines]
    assert named == ["qa", "pre"]


def test_former_keys_of_the_stack_do_not_speak_for_the_one_in_the_middle() -> None:
    config = chain()
    config["mark"] = config["mark"] | {"formerPublicKeys": [{"file": "former.pub"}]}
    stack = record_config(config)
    former = {name: env(steps(stack, name)["promote"])["FORMER_KEYS"] for name in ("pre", "live")}
    assert former == {"pre": "content-of-former.pub", "live": ""}


def test_what_is_waited_for_is_said_and_bounded_by_what_comes_before(declared: Declared) -> None:
    """60 s for a mark in each, and four times what a Lease is held: twice 60 s for the rollout, and 30 s."""
    wait = 60 + 60 + 4 * (2 * 60 + 30)
    told = env(steps(declared, "live")["promote"])
    assert (told["AFTER_ROLLOUT_OF"], told["MARK_TIMEOUT"]) == ("pre", str(wait))
    assert "AFTER_ROLLOUT_OF" not in env(steps(declared, "pre")["promote"])
    assert env(steps(declared, "pre")["promote"])["MARK_TIMEOUT"] == "60"
    announced = env(declared.one("Task", "announce", "live-ci")["spec"]["steps"][0])
    assert announced["WAITS_FOR"] == "waits for pre to roll it out and vouch for it, up to 12m"
    assert [task["metadata"]["namespace"] for task in declared.all("Task") if task["metadata"]["name"] == "announce"] == [
        "live-ci"
    ]
    pipeline = declared.one("Pipeline", "chespirito-live-pipeline")["spec"]["tasks"]
    assert [task["name"] for task in pipeline] == ["announce", "promote"]


def test_people_who_approve_are_waited_for_in_between() -> None:
    stack = record_config(chain(approval={"users": ["ana"], "timeout": "2h"}))
    assert list(steps(stack, "pre")) == ["prove", "approve", "vouch"]
    assert "RESULT_SERVED_PATH" in env(steps(stack, "pre")["approve"])
    assert env(steps(stack, "live")["promote"])["MARK_TIMEOUT"] == str(720 + 2 * 3600)
    config = chain()
    config["environments"][2] |= {"approval": {"users": ["bob"], "timeout": "2h"}}
    announced = env(record_config(config).one("Task", "announce", "live-ci")["spec"]["steps"][0])
    assert announced["WAITS_FOR"] == "waits for pre, then for 1 of bob to approve, up to 2h"


def test_the_one_in_the_middle_reaches_no_quarantine(declared: Declared) -> None:
    for name, opened in (("qa", True), ("pre", False), ("live", False)):
        policies = [item for item in declared.all("NetworkPolicy") if item["metadata"]["namespace"] == f"{name}-ci"]
        assert ("5001" in json.dumps(policies)) == opened


def production(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    """A stack of production alone, which promotes from `pre`, in a project that has these stack files."""
    monkeypatch.chdir(folder)
    own = {"name": "production", "deliverOn": "merge", "promotesFrom": "pre", "mark": {"publicKey": {"file": "pre.pub"}}}
    stack = load(stack_config(VALID) | {f"{PROJECT}:environments": json.dumps([own])})
    return Delivery(stack, stack.settings.environments[0])


def test_in_stacks_of_their_own_the_other_stack_file_tells_how_long_it_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = production(tmp_path, monkeypatch)
    assert (alone.after, alone.waits) == (None, 600), "its stack is in another project"
    beside = {key: json.loads(value) if value[0] in "[{" else value for key, value in stack_config(VALID).items()}
    pre = {"name": "pre", "deliverOn": "merge", "mark": KEY, "approval": {"users": ["ana"], "timeout": "1h"}}
    beside[f"{PROJECT}:registry"] = {"host": "registry.example", "write": {"username": "pre", "password": {"file": "pre"}}}
    beside[f"{PROJECT}:environments"] = [pre]
    (tmp_path / "Pulumi.pre.yaml").write_text(json.dumps({"config": beside}))
    beside_it = production(tmp_path, monkeypatch)
    assert beside_it.after
    assert beside_it.after.name == "pre"
    assert beside_it.waits == 600 + 600 + 3600 + 4 * (2 * 300 + 30)
    (application,) = beside[f"{PROJECT}:applications"]
    application["heathPath"] = "/"
    (tmp_path / "Pulumi.pre.yaml").write_text(json.dumps({"config": beside}))
    with pytest.raises(
        SettingsError, match=r"how long to wait for it is in Pulumi\.pre\.yaml, which cannot be used: mend that"
    ):
        production(tmp_path, monkeypatch)


def test_three_in_a_row_and_a_second_one_that_promotes_from_the_first() -> None:
    """A fan-out is no chain: nobody waits for its neighbour."""
    config = chain()
    config["environments"].append({"name": "eu", "deliverOn": "merge", "promotesFrom": "qa"})
    stack = record_config(config)
    assert "AFTER_ROLLOUT_OF" not in env(steps(stack, "eu")["promote"])
    config["environments"].append(
        {"name": "us", "deliverOn": "merge", "promotesFrom": "live", "mark": {"publicKey": {"file": "live.pub"}}}
    )
    with pytest.raises(SettingsError, match="live a key pair of its own"):
        record_config(config)
    config["environments"][2]["mark"] |= {"privateKey": {"file": "live.key"}, "password": {"file": "live-password"}}
    stack = record_config(config)
    waits = {name: int(env(steps(stack, name)["promote"])["MARK_TIMEOUT"]) for name in ("pre", "live", "us")}
    assert waits == {"pre": 60, "live": 720, "us": 1380}


def test_only_what_promotes_from_another_stack_copies_from_its_registry() -> None:
    """The first one of the stack does; what promotes from that one shares its registry."""
    config = chain()
    del config["build"]
    config["environments"] = [config["environments"][1] | {"promotesFrom": "staging"}, config["environments"][2]]
    config["mark"] = {"publicKey": config["mark"]["publicKey"]}
    config["sourceRegistry"] = {"host": "registry.staging.example"}
    for application in config["applications"]:
        application.pop("testCommand"), application.pop("buildArgs")
    stack = record_config(config)
    assert env(steps(stack, "pre")["promote"])["PARAM_SOURCE_IMAGE"] == "$(params.source-image)"
    assert "PARAM_SOURCE_IMAGE" not in env(steps(stack, "live")["promote"])
    volumes = [volume["name"] for volume in stack.one("Task", "promote", "pre-ci")["spec"]["volumes"]]
    assert len(volumes) == len(set(volumes))


def test_two_sources_of_one_key_are_one_key() -> None:
    """In a preview, which reads them; here nothing is read."""
    config = {
        f"{PROJECT}:{key}": json.dumps(value) if not isinstance(value, str) else value for key, value in chain().items()
    }
    settings = load(config).settings
    alike = list(mark_inconsistencies(settings, lambda source: "the same"))
    assert alike == [
        "tekton-delivery:environments[1].mark.privateKey: is also the key of qa, and who has it would speak for both; "
        "make a key pair of its own",
        "tekton-delivery:environments[2].mark.publicKey: is the key by which pre believes qa; name the public half of its "
        "own",
    ]
    assert list(mark_inconsistencies(settings, lambda source: str(source.file))) == []


@pytest.mark.parametrize("environment", ["pre", "live"])
def test_each_can_be_delivered_to_by_hand(declared: Declared, environment: str, answer: dict[str, Any]) -> None:
    """What the listener would have started, of whose objects there are two of a kind."""
    cluster = Cluster("both")
    others = [item for item in declared.objects if item["kind"] not in ("Task", "Pipeline")]
    own = [item for item in declared.objects if item["metadata"].get("namespace") == f"{environment}-ci"]
    cluster.objects = [*others, *(item for item in own if item["kind"] in ("Task", "Pipeline"))]
    answer["body"] = pull_request("closed_merged")
    (webhooks,) = [
        run
        for run in deliver(declared, payload("gitea", "closed_merged"))
        if run["metadata"]["namespace"] == f"{environment}-ci"
    ]
    by_hand.deliver(target(cluster, environment), answer["body"]["number"], "http://forge")
    (made,) = cluster.created
    assert made["spec"] == webhooks["spec"]
    assert made["metadata"]["namespace"] == f"{environment}-ci"


@pytest.mark.parametrize(("seconds", "text"), [(60, "60 s"), (119, "119 s"), (120, "2m"), (121, "3m"), (3600, "60m")])
def test_a_wait_is_said_as_people_do(seconds: int, text: str) -> None:
    assert shown(seconds) == text
