"""The launcher around the Pulumi CLI: stack files stay as they are."""

import json
import subprocess

import pytest

from local.pulumi_cli import bundle, install, with_packs

SALT = "v1:c2FsdA==:v1:abc:def"
FILE = "# a comment\nconfig:\n  demo:replicas: 2\n\n  demo:on: true\n"
REWRITTEN = f'# a comment\nconfig:\n  demo:replicas: "2"\n  demo:on: "true"\nencryptionsalt: {SALT}\n'


@pytest.fixture
def run(tmp_path):
    """A project whose CLI is a script: `run(script)` runs it through the launcher and returns the stack file's text."""
    project, backend = tmp_path / "project", tmp_path / "backend"
    state = backend / ".pulumi/stacks/demo/staging.json"
    state.parent.mkdir(parents=True)
    provider = {"type": "passphrase", "state": {"salt": SALT}}
    state.write_text(json.dumps({"checkpoint": {"latest": {"secrets_providers": provider}}}))
    (project / "below").mkdir(parents=True)
    (project / "Pulumi.yaml").write_text("name: demo\n")
    stack_file = project / "Pulumi.staging.yaml"
    stack_file.write_text(FILE)

    def call(script, status=0):
        cli = tmp_path / "cli"
        cli.write_text(f"#!/bin/sh\n{script}\n")
        cli.chmod(0o755)
        launcher = install(tmp_path / "bin", cli, backend)
        ended = subprocess.run([launcher, "up"], cwd=project / "below", check=False)
        assert ended.returncode == status
        return stack_file.read_text()

    return call


def writing(text):
    return f"cat > ../Pulumi.staging.yaml <<'END'\n{text}END"


def test_a_salt_that_the_cli_wrote_is_taken_out_and_the_layout_restored(run):
    assert run(writing(REWRITTEN)) == FILE


def test_it_is_taken_out_after_a_failure_too_and_the_status_is_the_clis(run):
    assert run(writing(REWRITTEN) + "\nexit 3", status=3) == FILE


def test_what_the_user_had_the_cli_write_stays(run):
    changed = REWRITTEN.replace('"2"', '"3"')
    assert run(writing(changed)) == changed.replace(f"encryptionsalt: {SALT}\n", "")


def test_a_stack_file_that_somebody_removes_meanwhile_is_passed_over(run, tmp_path):
    (tmp_path / "project/Pulumi.removed.yaml").symlink_to("nowhere")
    assert run(writing(REWRITTEN)) == FILE


def test_a_salt_of_another_backend_is_the_users(run):
    foreign = REWRITTEN.replace(SALT, "v1:other:v1:x:y")
    assert run(writing(foreign)) == foreign


def test_the_cli_is_told_to_take_the_salt_from_the_state(run):
    assert run('test "$PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER" = true') == FILE


def test_the_language_host_lies_beside_the_cli(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    folder = bundle(tmp_path / "cli", tmp_path / "one", tmp_path / "two")
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]
    assert bundle(folder, tmp_path / "one") == folder, "again is no error"


def test_a_policy_pack_goes_to_the_cli_as_it_can_start_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packs = {str(tmp_path / "policy"): "/made/policy"}
    assert with_packs(["preview", "--policy-pack", "policy"], packs) == ["preview", "--policy-pack", "/made/policy"]
    assert with_packs(["preview", "--policy-pack=./policy/"], packs) == ["preview", "--policy-pack=/made/policy"]
    other = ["preview", "--policy-pack", "others", "policy", "--policy-pack-config", "policy", "--stack=policy"]
    assert with_packs(other, packs) == other
