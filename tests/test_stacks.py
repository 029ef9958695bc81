"""The shipped stack files: what they declare together, and what each must not hold of the other."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from components import sources
from components.conventions import CONTAINER, FIELD_MANAGER, MINTER, NONROOT, restricted
from components.tasks import python
from components.tasks.step import SCRIPTS, preceded, script
from offline.render import to_yaml
from offline.run import stack_config
from tests.conftest import Preview
from tests.modules import imported
from tests.support import (
    ROOT,
    STACK_FILES,
    Declared,
    Object,
    asking,
    fetched_by_app,
    record_config,
    registries_apart,
    source,
    stack_file,
    texts,
)
from tests.test_ca_bundle import over_tls

TEKTON_VARIABLE = re.compile(
    r"\$\((params|tt\.params|body|header|extensions|context|results|tasks|steps|workspaces|finally)\b"
)
BY_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


def steps(stack: Declared) -> Iterator[tuple[str, Object]]:
    for task in stack.all("Task"):
        for step in task["spec"]["steps"]:
            yield f"{task['metadata']['name']}/{step['name']}", step


def jobs(stack: Declared) -> Iterator[Object]:
    """The containers of jobs, and of the minter."""
    for job in stack.all("CronJob"):
        yield from job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    for minter in stack.all("Deployment"):
        if minter["metadata"]["name"] == MINTER:
            yield from minter["spec"]["template"]["spec"]["containers"]


def pod_images(value: Any) -> Iterator[str]:
    """The images in everything that has the shape of a container, a step or a step template."""
    if isinstance(value, dict):
        if isinstance(value.get("image"), str):
            yield value["image"]
        for item in value.values():
            yield from pod_images(item)
    elif isinstance(value, list):
        for item in value:
            yield from pod_images(item)


@pytest.mark.parametrize("name", STACK_FILES)
def test_a_preview_shows_what_an_update_declares(
    name: str, stacks: dict[str, Declared], previews: dict[str, Preview]
) -> None:
    preview = previews[name].declared
    assert preview.objects == stacks[name].objects
    assert {item.urn for item in preview.resources} == {item.urn for item in stacks[name].resources}


def test_what_is_rendered_is_what_is_declared(production: Declared) -> None:
    assert list(yaml.safe_load_all(to_yaml(production.objects))) == production.objects


def test_scripts_are_rendered_as_people_read_them(staging: Declared) -> None:
    fetch = (SCRIPTS / "fetch.sh").read_text().splitlines()[6:10]
    block = "\n".join(f" *{re.escape(line)}" if line else "" for line in fetch)
    assert re.search(block, to_yaml([staging.one("Task", "build")]))


PROSE = ("script", "command", "args", "description")


@pytest.mark.parametrize(("name", "other"), [("staging", "production"), ("production", "staging")])
def test_a_stack_holds_nothing_of_the_other(stacks: dict[str, Declared], name: str, other: str) -> None:
    """Names, namespaces, labels, references; what a source or a description tells people does not count."""

    def without_prose(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_prose(item) for key, item in value.items() if key not in PROSE}
        return [without_prose(item) for item in value] if isinstance(value, list) else value

    named = [text for item in stacks[name].objects for text in texts(without_prose(item)) if other in text]
    named = [text for text in named if text not in sources.data().values()]
    # Whose mark it demands: in the step that verifies a merge's, and in the pipeline that verifies an older image's.
    assert named == (["staging", "staging"] if name == "production" else [])
    assert not [resource.urn for resource in stacks[name].resources if other in resource.urn]


def test_production_can_neither_write_an_image_nor_vouch_for_one(production: Declared, previews: dict[str, Preview]) -> None:
    assert {path for path in previews["production"].files if "/secrets/" in path} == {
        ".local/secrets/forge-token-production",
        ".local/secrets/mark/cosign.pub",
        ".local/secrets/registry/puller",
        ".local/secrets/ssh/id_ed25519",
        ".local/secrets/ssh/known_hosts",
    }
    secrets = ["forge-token", "registry-pull", "registry-pull", "ssh-directory", "webhook-secret"]
    assert production.names("Secret") == secrets


def test_production_runs_no_code_of_a_pull_request(production: Declared) -> None:
    assert production.names("Task") == ["promote", "proof", "report"]
    assert "untrusted" not in production.names("ServiceAccount")


def test_every_image_is_named_by_its_digest(stack: Declared) -> None:
    found = [image for item in stack.objects for image in pod_images(item)]
    assert found
    assert [image for image in found if not BY_DIGEST.fullmatch(image)] == []


def test_no_script_holds_a_value_of_tekton(stack: Declared) -> None:
    """A variable in a script is replaced before the shell reads it, so a value could become code."""
    assert [where for where, step in steps(stack) if TEKTON_VARIABLE.search(source(step))] == []
    assert TEKTON_VARIABLE.search("echo $(params.head-sha)")


def test_every_script_is_the_file_as_it_is(stack: Declared) -> None:
    files = {script(path.name) for path in SCRIPTS.glob("*.sh")}
    if stack.recording.stack == "everything":  # with a `caBundle`
        files |= {preceded(text, "trust.sh") for text in files}
    for where, step in steps(stack):
        if "script" in step:
            assert step["script"] in files, where
            assert step["script"].startswith("#!/bin/sh\n"), where
        else:
            assert step["command"] == list(python.COMMAND), where
            assert step["args"][1:] == [sources.digest()], where
    for container in jobs(stack):
        assert container["command"] == list(python.COMMAND)
        assert container["args"] == [container["name"], sources.digest()]


def test_every_module_of_the_steps_runs_in_some_step(stacks: dict[str, Declared]) -> None:
    declared = (*stacks.values(), registries_apart(), asking(), fetched_by_app())
    running = [step for stack in declared for _, step in steps(stack)]
    running += [container for stack in declared for container in jobs(stack)]
    used = {file for step in running if "args" in step for file in imported(step["args"][0])}
    assert used == set(sources.data())


def test_what_tekton_or_kubernetes_would_replace_is_not_in_the_loader() -> None:
    assert "$" not in python.LOADER


def test_every_script_file_runs_in_some_step(stacks: dict[str, Declared]) -> None:
    declared = (*stacks.values(), record_config(over_tls("staging")))
    used = [step.get("script", "") for stack in declared for _, step in steps(stack)]
    bodies = {path.name: script(path.name).split("\nset -eu\n", 1)[1].strip("\n") for path in SCRIPTS.glob("*.sh")}
    # One that others source ends amid theirs, so it is looked for as a part.
    assert [name for name, body in bodies.items() if not any(body in text or script(name) == text for text in used)] == []


def test_every_step_is_restricted_but_the_one_that_builds(stack: Declared) -> None:
    for where, step in steps(stack):
        if where not in ("build/image", "build-chespirito/image"):
            # Tests have a user of their own there, and their reports with them.
            own = where in ("build-chespirito/test", "build-chespirito/reports")
            rest = step["securityContext"] | {"readOnlyRootFilesystem": True}
            assert rest == restricted(1000 if own else NONROOT) | {"readOnlyRootFilesystem": True}, where


def test_every_step_but_the_tests_has_a_read_only_root_and_scratch_of_its_own(stack: Declared) -> None:
    found = list(steps(stack))
    assert found
    for where, step in found:
        tests = where.endswith("/test")
        assert step["securityContext"].get("readOnlyRootFilesystem", False) is not tests, where
        written = [mount["name"] for mount in step["volumeMounts"] if mount["mountPath"] == "/tmp"]
        own = ["test-tmp"] if "image" in step else []
        assert written == (own if tests else [f"scratch-{step['name']}"]), where
    for task in stack.all("Task"):
        name, spec = task["metadata"]["name"], task["spec"]
        held = [
            mount["name"]
            for container in [*spec["steps"], *spec.get("sidecars", [])]
            for mount in container.get("volumeMounts", [])
            if mount["name"].startswith("scratch-")
        ]
        assert len(held) == len(set(held)), name
        assert {volume["name"] for volume in spec["volumes"] if volume["name"].startswith("scratch-")} == set(held), name


def test_what_starts_empty_is_bounded(stack: Declared) -> None:
    for task in stack.all("Task"):
        for volume in task["spec"]["volumes"]:
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], f"{task['metadata']['name']}: {volume['name']}"


def test_no_image_but_the_builders_and_the_tests_is_other_than_the_tools(stack: Declared) -> None:
    named = {where: step["image"] for where, step in steps(stack) if "image" in step}
    # The stack with every setting names one for its tests.
    assert "base@sha256:" in named.pop("build-chespirito/test", "base@sha256:")
    assert set(named) == {where for where, _ in steps(stack) if where.endswith("/image")}
    assert all("builder@sha256:" in image for image in named.values())


def test_the_step_that_builds_is_root_of_its_own_user_namespace_only(staging: Declared) -> None:
    (image,) = [step for where, step in steps(staging) if where == "build/image"]
    context = image["securityContext"]
    assert context["runAsUser"] == 0
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"]["drop"] == ["ALL"]
    # What Pod Security `baseline` lets a container add.
    assert set(context["capabilities"]["add"]) <= {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }  # fmt: skip
    assert "privileged" not in context
    template = staging.one("TriggerTemplate", "github-pr-trigger-template")["spec"]["resourcetemplates"][0]["spec"]
    (spec,) = [item for item in template["taskRunSpecs"] if item["pipelineTaskName"] == "build"]
    assert spec["podTemplate"]["hostUsers"] is False
    assert spec["podTemplate"]["automountServiceAccountToken"] is False


def test_every_step_has_limits(stack: Declared) -> None:
    for where, step in steps(stack):
        assert step["computeResources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}, where


def test_no_pod_uses_what_belongs_to_the_node(stack: Declared) -> None:
    for item in stack.objects:
        for text in ("hostNetwork", "hostPID", "hostIPC", "hostPath", "privileged"):
            assert text not in list(texts(item)), f"{item['kind']} {item['metadata']['name']}"


def test_the_image_belongs_to_the_pipeline(stack: Declared) -> None:
    """The three parts of the declaration that holds: measured, any one of them missing rolls back or conflicts."""
    found = stack.recording.of_type("kubernetes:apps/v1:Deployment")
    assert found
    for resource in found:
        image, *others = resource.ignore_changes
        assert image == "spec.template.spec.containers[0].image"
        assert others in ([], ["spec.replicas"]), "an autoscaler's"
        assert resource.inputs["spec"]["template"]["spec"]["containers"][0]["name"] == CONTAINER
        annotations = resource.inputs["metadata"].get("annotations", {})
        assert "pulumi.com/patchForce" not in annotations
    assert yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["options"] == {"refresh": "always"}
    # Pulumi's provider folds managers with these prefixes into its own.
    assert not FIELD_MANAGER.startswith(("kubectl", "pulumi", "before-first-apply"))


def test_the_pipeline_writes_the_image_under_its_own_name(stack: Declared) -> None:
    """That each call that writes has it is seen in tests/steps/api.py."""
    found = [source(step) for where, step in steps(stack) if where in ("promote/promote", "stage/stage", "restore/restore")]
    assert found
    for deploys in found:
        assert f'FIELD_MANAGER = "{FIELD_MANAGER}"\n' in deploys


def test_no_provider_is_chosen_by_the_machine_that_runs_the_program() -> None:
    """Without this, a resource that forgets its provider would go to whatever cluster a person last used."""
    for name in STACK_FILES:
        assert stack_config(stack_file(name))["pulumi:disable-default-providers"] == '["kubernetes"]'


def test_no_committed_stack_file_holds_a_salt() -> None:
    """It belongs to one checkout's passphrase; the CLI writes it while it runs, and `git add` may meet it then."""
    command = ["git", "grep", "--name-only", "^encryptionsalt:", "HEAD", "--", "*.yaml"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (1, ""), answer.stdout + answer.stderr
