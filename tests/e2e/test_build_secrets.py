"""Build secrets on the cluster: tests and the build read the files; the image, the logs and the state do not hold them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo import APPLICATION
from tests.e2e.people import Person
from tests.e2e.stacks import Pulumi, changed
from tests.e2e.world import World

SECRET = "npm-hunter2-of-the-registry"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
READS = f"#!/bin/sh\nset -eu\necho '{DIGEST}  /run/secrets/npm-token' | sha256sum -c -\n"
# Beside it what makes a log hard to quote: no text, and megabytes on one line before and after what says most.
PRINTS = """#!/bin/sh
head -c 3000000 /dev/zero | tr '\\0' x
printf '\\n\\377\\376\\033[31m@root ``` https://evil.example\\n'
echo "cannot log in with $(cat /run/secrets/npm-token)"
exit 3
"""
DOCKERFILE = f"""ARG BASE=registry.internal:5000/platform/base:1
FROM ${{BASE}}
ARG REVISION=unknown
USER 0
COPY message.txt render.sh serve.sh /opt/chespirito/
RUN --mount=type=secret,id=npm-token echo '{DIGEST}  /run/secrets/npm-token' | sha256sum -c -
RUN sh /opt/chespirito/render.sh /opt/chespirito /srv/chespirito "$REVISION" && ! [ -s /run/secrets/npm-token ]
USER 65532
CMD ["/bin/sh", "/opt/chespirito/serve.sh"]
"""


@pytest.fixture
def configured(pulumi: Pulumi, tmp_path: Path) -> Iterator[None]:
    """Staging with a secret for the builds; in the end it is what it was."""
    (tmp_path / "npm-token").write_text(SECRET)

    def change(settings: dict[str, Any]) -> None:
        settings["applications"][0]["buildSecrets"] = {"npm-token": {"file": str(tmp_path / "npm-token")}}

    with changed(pulumi, tmp_path, change, "staging"):
        yield


def test_tests_and_the_build_read_it_and_nothing_keeps_it(
    world: World, pulumi: Pulumi, request: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pull_request = world.open({"message.txt": "Built with a secret\n", "test.sh": READS, "Dockerfile": DOCKERFILE})
    run, succeeded, _ = world.run("staging", pull_request)
    assert not succeeded, "without the setting there is no such file"
    assert "/run/secrets/npm-token" in world.logs(run, "build", "test")
    request.getfixturevalue("configured")
    world.push(pull_request, {"message.txt": "Built with a secret, now\n"})
    run, succeeded, told = world.run("staging", pull_request, known=1)
    assert succeeded, told
    world.serves("staging", "Built with a secret, now")
    said = {step: world.logs(run, "build", step) for step in ("test", "image")}
    for text in said.values():
        assert "/run/secrets/npm-token: OK" in text
    assert SECRET not in "".join(said.values()) + pulumi("stack", "export", "--stack", "staging").stdout
    # Tests that fail and print it: the log has it, and what is quoted of the log does not.
    sha = world.push(pull_request, {"test.sh": PRINTS})
    run, succeeded, _ = world.run("staging", pull_request, known=2)
    assert not succeeded
    assert f"cannot log in with {SECRET}" in world.logs(run, "build", "test")
    failed = f"{run['metadata']['name']}: step test failed (exit code 3)"
    assert world.status("staging", sha) == ("failure", f'{failed}; log: "cannot log in with (masked)"')
    # So it is in what people show each other.
    admin = Person("admin", world.machine.cluster.kubeconfig, world)
    for verb, shown in (("logs", "cannot log in with (masked)"), ("why", failed)):
        code, said = admin.operate(capsys, verb, "staging", APPLICATION, str(pull_request.number))
        assert code == 0, said
        assert shown in said
        assert SECRET not in said
        assert "warning" not in said
