"""Containers beside the tests: reached at localhost, gone with the pod, and named where the run fails for them.

The tests run in an image of their own here, whose reports are told, and in the end in a stage of the Dockerfile.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.forge.client import PullRequest
from local.kubernetes_api import Object, wait_until
from local.paths import ROOT
from tests.e2e.admission import refused
from tests.e2e.stacks import AS_IT_WAS, Pulumi, altered
from tests.e2e.world import World

IMAGE = {"file": ".local/images/base"}
SEES = "{ echo $GREETING; id -u; ls -d /source /test /workspace /tekton /credentials /var/run/secrets 2>/dev/null; }"
SERVICE = {
    "image": IMAGE,
    "command": ["sh", "-c"],
    "args": [f"sleep 3; {SEES} >/www/seen; exec httpd -f -p 8099 -h /www"],
    "env": {"GREETING": "hello from beside"},
    "user": 1000,
    "writable": ["/www"],
    "ready": {"port": 8099, "path": "/seen", "timeout": "30s"},
}
# Fails where nothing answers: it does not wait.
ASKS = "exec busybox wget -q -Y off -O - http://localhost:8099/seen\n"
TESTS = {"image": IMAGE, "command": "sh test.sh", "user": 1000, "reports": ["reports/**/*.xml"]}
# Where the tools image has git, this one has none.
LOOKS = """set -eu
if command -v git; then exit 9; fi
id -u
touch "$HOME/a" /tmp/b c && echo "writes $HOME /tmp and $PWD"
"""
# It says that one test failed, and the command does not fail by it.
REPORTS = """mkdir -p reports/unit
cat >reports/unit/junit.xml <<'XML'
<testsuite tests="9"><testcase name="test_seen"/><testcase name="@cart//evil.io"><error/></testcase></testsuite>
XML
"""
# It says that all is well where the command fails; beside it what a parser should not take.
LIES = """mkdir reports
echo '<testsuite><testcase name="test_seen"/></testsuite>' >reports/a.xml
echo '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&b;"/></testsuite>' >reports/b.xml
ln -s /proc/self/environ reports/c.xml
ln -s / reports/d
mkfifo reports/e.xml
"""
STAGED = """ARG BASE
FROM ${BASE} AS test
USER 0
COPY test.sh /opt/
RUN sh /opt/test.sh
FROM ${BASE}
ARG REVISION=unknown
USER 0
COPY message.txt render.sh serve.sh /opt/chespirito/
RUN ! [ -e /opt/test.sh ] && sh /opt/chespirito/render.sh /opt/chespirito /srv/chespirito "$REVISION"
USER 65532
CMD ["/bin/sh", "/opt/chespirito/serve.sh"]
"""

Settings = dict[str, Any]
Ships = Callable[..., None]


@pytest.fixture(scope="module")
def ship(world: World, pulumi: Pulumi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ships]:
    """Bring staging up with other settings; in the end it is what it was."""
    folder: Path = tmp_path_factory.mktemp("services")
    flags = ["--stack", "staging", *AS_IT_WAS]

    def shipped(service: Settings, tests: Settings = TESTS, **build: Any) -> None:
        def change(settings: Settings) -> None:
            application = settings["applications"][0]
            del application["testCommand"]
            application |= {"services": {"db": service}, "tests": tests}
            settings["build"] |= build
            if "stage" in tests:
                del settings["forge"]["okToTest"]

        pulumi("up", *flags, "--config-file", str(altered("staging", folder, change)))

    yield shipped
    pulumi("up", *flags)


@pytest.fixture(scope="module")
def pull_request(world: World) -> PullRequest:
    """One whose tests ask a service. Without the setting they fail: the control."""
    opened = world.open({"test.sh": ASKS})
    _, succeeded, _ = world.run("staging", opened)
    assert not succeeded
    assert ": step test failed (exit code 1)" in world.status("staging", opened.head_sha)[1]
    return opened


@pytest.fixture(scope="module")
def again(world: World, pull_request: PullRequest) -> Callable[..., tuple[Object, bool, str]]:
    """Run the pull request once more: the run, whether it succeeded, and its commit status."""
    numbers = itertools.count(1)

    def run(test: str = ASKS, **files: str) -> tuple[Object, bool, str]:
        known = len(world.runs("staging", pull_request.number))
        sha = world.push(pull_request, {"test.sh": f"# {next(numbers)}\n{test}"} | files)
        made, succeeded, _ = world.run("staging", pull_request, known=known)
        return made, succeeded, world.status("staging", sha)[1]

    return run


@pytest.fixture(scope="module")
def tested(ship: Ships, again: Callable[..., tuple[Object, bool, str]]) -> Object:
    """A run whose tests have their service."""
    ship(SERVICE)
    run, succeeded, told = again(f"{LOOKS}{REPORTS}{ASKS}")
    assert succeeded, told
    assert told.startswith("serves on staging: sha256:")
    assert told.endswith('; tests: "1 passed, 1 failed: cart evil io"')
    return run


def pod(world: World, run: Object) -> Any:
    selector = f"tekton.dev/pipelineRun={run['metadata']['name']},tekton.dev/pipelineTask=build"
    (found,) = world.kubernetes.core.list_namespaced_pod("staging-ci", label_selector=selector).items
    return found


def test_tests_reach_their_service_at_localhost_once_it_is_ready(world: World, tested: Object) -> None:
    assert "the service db answers http://localhost:8099/seen after" in world.logs(tested, "build", "await-db")
    assert "hello from beside" in world.logs(tested, "build", "test")


def test_tests_run_in_the_image_that_the_stack_names_for_them(world: World, tested: Object) -> None:
    assert re.search(r"^1000\nwrites /tmp/\S+ /tmp and /test$", world.logs(tested, "build", "test"), re.MULTILINE)
    made: Object = world.kubernetes.api.sanitize_for_serialization(pod(world, tested))
    image = (ROOT / IMAGE["file"]).read_text().strip()
    assert [item["name"] for item in made["spec"]["containers"] if item["image"] == image] == ["step-test"]
    made["metadata"] = {"name": "probe", "labels": made["metadata"]["labels"]}
    del made["spec"]["nodeName"], made["status"]
    containers = {item["name"]: item for item in made["spec"]["containers"]}
    containers["sidecar-db"]["image"] = image

    def create() -> Any:
        return world.kubernetes.core.create_namespaced_pod("staging-ci", made, dry_run="All")

    create()
    tools, containers["step-fetch"]["image"] = containers["step-fetch"]["image"], image
    assert "run in step-test alone" in refused(create, "staging-pods")
    containers["step-fetch"]["image"] = tools
    containers["step-test"]["image"] = f"{image.partition('@')[0]}@sha256:{'0' * 64}"
    assert "run in step-test alone" in refused(create, "staging-pods")


def test_a_service_sees_nothing_of_the_pod_it_runs_in(world: World, tested: Object) -> None:
    assert world.logs(tested, "build", "test").splitlines()[-2:] == ["hello from beside", "1000"]
    containers = {container.name: container for container in pod(world, tested).spec.containers}
    service = containers.pop("sidecar-db")
    assert [mount.mount_path for mount in service.volume_mounts] == ["/www"]
    shared = {mount.name for container in containers.values() for mount in container.volume_mounts}
    assert shared.isdisjoint(mount.name for mount in service.volume_mounts)


def test_a_service_that_mounts_the_source_is_not_admitted(world: World, tested: Object) -> None:
    made: Object = world.kubernetes.api.sanitize_for_serialization(pod(world, tested))
    made["metadata"] = {"name": "probe", "labels": made["metadata"]["labels"]}
    del made["spec"]["nodeName"], made["status"]
    (service,) = (item for item in made["spec"]["containers"] if item["name"] == "sidecar-db")
    # Tekton has replaced it by then.
    service["image"] = (ROOT / IMAGE["file"]).read_text().strip()

    def create() -> Any:
        return world.kubernetes.core.create_namespaced_pod("staging-ci", made, dry_run="All")

    create()
    service["volumeMounts"].append({"name": "source", "mountPath": "/source", "readOnly": True})
    assert "share no volume" in refused(create, "staging-pods")


def test_the_pod_ends_though_its_service_never_would(world: World, tested: Object) -> None:
    """A shell does as little on SIGTERM as anything that is process 1, so it is killed after 30 seconds."""
    wait_until(lambda: pod(world, tested).status.phase not in ("Pending", "Running"), 60, "the service was not ended")


def test_the_run_ends_with_a_reason_where_a_service_never_gets_ready(
    ship: Ships, again: Callable[..., tuple[Object, bool, str]]
) -> None:
    ship(SERVICE | {"ready": {"port": 8098, "timeout": "5s"}}, timeout="1m")
    run, succeeded, told = again()
    assert not succeeded
    assert told == f"{run['metadata']['name']}: the service db did not get ready"


def test_a_service_that_ends_is_named(ship: Ships, again: Callable[..., tuple[Object, bool, str]]) -> None:
    ship(SERVICE | {"args": ["exit 3"], "ready": {"port": 8099, "timeout": "5s"}}, timeout="1m")
    run, succeeded, told = again()
    assert not succeeded
    name = run["metadata"]["name"]
    assert told == f"{name}: the service db did not get ready; the service db had ended (exit code 3)"


def test_tests_that_fail_after_their_service_ended_say_so(
    world: World, ship: Ships, again: Callable[..., tuple[Object, bool, str]]
) -> None:
    ship(SERVICE | {"args": [f"{SEES} >/www/seen; httpd -p 8099 -h /www; sleep 5; exit 3"]})
    run, succeeded, told = again(f"{LIES}sleep 8\nexit 4\n")
    assert not succeeded
    why = "step test failed (exit code 4); the service db had ended (exit code 3)"
    assert told == f'{run["metadata"]["name"]}: {why}; tests: "1 passed"'
    read = world.logs(run, "build", "reports")
    for name in ("b.xml is not counted: it declares a document type", "c.xml is not counted", "e.xml is not counted"):
        assert f"reports/{name}" in read


def test_an_image_that_is_not_there_is_named(ship: Ships, again: Callable[..., tuple[Object, bool, str]]) -> None:
    ship(SERVICE | {"image": f"registry.internal:5000/platform/base@sha256:{'0' * 64}"}, timeout="1m")
    run, succeeded, told = again()
    assert not succeeded
    assert told == f"{run['metadata']['name']}: the service db failed to pull the image"


def test_tests_that_take_too_long_are_ended_with_their_service(
    world: World, ship: Ships, again: Callable[..., tuple[Object, bool, str]]
) -> None:
    ship(SERVICE, timeout="40s")
    run, succeeded, told = again("exec sleep 300\n")
    assert not succeeded
    assert told.startswith(f"{run['metadata']['name']}: step test did not end within 40s (build.timeout)")


def test_a_stage_of_the_dockerfile_is_the_test_and_reaches_the_service(
    world: World, ship: Ships, again: Callable[..., tuple[Object, bool, str]]
) -> None:
    ship(SERVICE, {"stage": "test"})
    run, succeeded, told = again("echo this one fails; exit 5\n", Dockerfile=STAGED)
    assert not succeeded
    assert told.startswith(f"{run['metadata']['name']}: tests failed (step image)")
    assert "this one fails" in world.logs(run, "build", "image")
    run, succeeded, told = again(ASKS)
    printed = world.logs(run, "build", "image")
    assert succeeded, printed
    assert told.startswith("serves on staging: sha256:")
    assert printed.index("hello from beside") < printed.index("pushed ")
