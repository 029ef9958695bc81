"""Applications as teams write them, in frameworks that people use: each goes from a pull request to production, and fails.

Their base images are made here and served as docker.io's; packages come from their registries, by the proxy of the cluster.
"""

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from local import applications
from local.applications import APPLICATIONS, Application, way_out
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.kubernetes_api import Object, condition, wait_until
from local.progress import Progress
from tests.e2e.stacks import Pulumi, altered
from tests.e2e.world import World

# Whom the machine's own clients ask, by the cluster's way out.
REGISTRIES = {
    "django": ("pip", [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "sqlparse"]),
    "node": ("npm", ["npm", "view", "fastify", "name"]),
    "go": ("go", ["go", "list", "-m", "-versions", "github.com/go-chi/chi/v5"]),
}
# A cold build of one beside those of the two others.
LONGEST = 600.0
WORSE = {
    "django": ("notes/tasks.py", ".split()", ".split(' ')[:1]"),
    "node": ("src/app.ts", "* 1.8", "* 1.9"),
    "go": (
        "cmd/server/main.go",
        "func run() error {",
        'func run() error {\n\tif os.Getenv("LICENSE") == "" {\n\t\treturn errors.New("LICENSE is not set")\n\t}',
    ),
}

# Fails where two notes are alike, which no test's empty database has.
ALIKE = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notes", "0001_initial")]

    operations = [migrations.AlterField("note", "text", models.TextField(unique=True))]
"""


@dataclass
class Delivery:
    """A pull request of an application, as it goes from one environment to the next."""

    world: World
    application: Application
    pull_request: PullRequest

    def ended(self, environment: str) -> Object:
        """Its run, once it has ended."""
        namespace, number, name = f"{environment}-ci", self.pull_request.number, self.application.name
        run = wait_for_run(self.world.kubernetes, namespace, number, application=name)
        follow(self.world.kubernetes, run, self.world.log.append, seconds=LONGEST)
        return self.world.kubernetes.run(namespace, run["metadata"]["name"])

    def succeeds(self, environment: str) -> None:
        status, message = condition(run := self.ended(environment))
        assert status == "True", f"{message}: {self.why(run)}"

    def why(self, run: Object) -> str:
        """The one line of a failed run's log that says most."""
        for step in ("test", "image"):
            with_logs = self.world.logs(run, "build", step) if step_ran(self.world, run, step) else ""
            lines = [line for line in with_logs.splitlines() if re.search(r"error|ERR|fail", line, re.IGNORECASE)]
            if lines:
                return lines[0]
        return ""

    def status(self, environment: str) -> tuple[str, str]:
        """The state and the description of its commit status, once it has ended."""
        context = f"tekton-delivery/{environment}"
        statuses = self.world.machine.forge.developer.statuses
        sha = self.pull_request.head_sha

        def ended() -> bool:
            found = statuses(self.application.repository, sha).get(context)
            return found is not None and found.state != "pending"

        wait_until(ended, 20, f"{sha} of {self.application.name} has no status {context} that has ended")
        found = statuses(self.application.repository, sha)[context]
        return found.state, found.description


def step_ran(world: World, run: Object, step: str) -> bool:
    (task,) = (
        item
        for item in world.kubernetes.task_runs(run["metadata"]["namespace"], run["metadata"]["name"])
        if item["metadata"]["labels"]["tekton.dev/pipelineTask"] == "build"
    )
    return any(item["name"] == step for item in task.get("status", {}).get("steps", []))


def opened(world: World, application: Application, files: dict[str, str], title: str) -> Delivery:
    developer, repository = world.machine.forge.developer, application.repository
    branch = f"e2e-{uuid.uuid4().hex[:8]}"
    developer.commit(repository, branch, title, files, base="main")
    return Delivery(world, application, developer.open_pull_request(repository, branch, title))


def url(world: World, application: Application, environment: str) -> str:
    return world.machine.url(application.ports[environment])


def serves(world: World, application: Application, environment: str, heading: str) -> None:
    def shown() -> bool:
        try:
            answer = httpx.get(url(world, application, environment), timeout=5, trust_env=False)
        except httpx.HTTPError:  # a rollout is going on
            return False
        return f"<h1>{heading}" in answer.text

    wait_until(shown, 20, f"{environment} does not show {heading!r} of {application.name}")


def left(world: World, environment: str, text: str) -> None:
    """A visitor leaves a note."""
    with httpx.Client(base_url=url(world, APPLICATIONS["django"], environment), trust_env=False, timeout=10) as visitor:
        token = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', visitor.get("/").text)[0]
        assert visitor.post("/", data={"csrfmiddlewaretoken": token, "text": text}).status_code == 302


def image(world: World, environment: str, name: str) -> str:
    return str(world.kubernetes.deployment(environment, f"{name}-pod").spec.template.spec.containers[0].image)


@pytest.fixture(scope="module")
def stacks(world: World, pulumi: Pulumi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The shipped stacks with the three applications beside the sample; in the end they are what they were."""
    chosen = list(APPLICATIONS.values())
    applications.ensure(world.machine, chosen, Progress(write=world.log.append, tty=False))
    flags = ["--yes", "--skip-preview"]
    with ThreadPoolExecutor() as pool:
        files = {
            stack: altered(stack, tmp_path_factory.mktemp(stack), applications.settings(world.machine, chosen, stack))
            for stack in ("staging", "production")
        }
        try:
            list(pool.map(lambda stack: pulumi("up", "--stack", stack, *flags, "--config-file", str(files[stack])), files))
            yield
        finally:
            list(pool.map(lambda stack: pulumi("up", "--stack", stack, *flags), files))
            applications.remove_databases(world.machine, ("staging", "production"))
            way_out.end(world.machine.cluster)


@pytest.fixture(scope="module")
def registries(world: World, stacks: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """That they answer; a failure of these tests is then the program's, or an application's."""
    way = f"http://{world.machine.cluster.node_ip}:{way_out.PORT}"
    for client, command in REGISTRIES.values():
        answer = subprocess.run(
            command,
            cwd=tmp_path_factory.mktemp(client),
            env=os.environ | {"HTTPS_PROXY": way, "https_proxy": way},
            capture_output=True,
            text=True,
        )
        if answer.returncode != 0:
            pytest.fail(f"the package registry of {client} does not answer: {answer.stderr.splitlines()[0]}", pytrace=False)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    # As many as there are cores, on the least machine: each builds for most of its time.
    with ThreadPoolExecutor(2) as made:
        yield made


@pytest.fixture(scope="module")
def deliveries(world: World, registries: None, pool: ThreadPoolExecutor) -> dict[str, "Future[Delivery]"]:
    """Each application from a pull request to production, side by side."""

    def deliver(application: Application) -> Delivery:
        delivery = opened(world, application, application.headed("Staged"), "Another heading")
        delivery.succeeds("staging")
        serves(world, application, "staging", "Staged")
        world.machine.forge.developer.merge(application.repository, delivery.pull_request.number)
        delivery.succeeds("production")
        serves(world, application, "production", "Staged")
        return delivery

    return {name: pool.submit(deliver, application) for name, application in APPLICATIONS.items()}


@pytest.fixture(scope="module")
def failures(
    world: World, deliveries: dict[str, "Future[Delivery]"], pool: ThreadPoolExecutor
) -> dict[str, "Future[Delivery]"]:
    """Each application with a mistake in it, side by side, once it is delivered."""

    def fail(application: Application) -> Delivery:
        deliveries[application.name].exception()
        path, right, wrong = WORSE[application.name]
        text = application.files()[path].decode()
        assert right in text
        delivery = opened(world, application, {path: text.replace(right, wrong, 1)}, "A mistake")
        delivery.ended("staging")
        return delivery

    return {name: pool.submit(fail, application) for name, application in APPLICATIONS.items()}


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_an_application_goes_from_a_pull_request_to_production(
    world: World, deliveries: dict[str, "Future[Delivery]"], name: str
) -> None:
    delivery = deliveries[name].result()
    assert delivery.status("staging")[0] == "success"
    (line,) = APPLICATIONS[name].lines()
    images = {
        image(world, environment, "-".join([name, *workload]))
        for environment in ("staging", "production")
        for workload in [[], *([other] for other in line.get("workloads", {}))]
    }
    assert len(images) == 1, images
    assert "@sha256:" in images.pop()


def test_reports_of_the_tests_are_told(deliveries: dict[str, "Future[Delivery]"]) -> None:
    assert deliveries["django"].result().status("staging")[1].endswith('; tests: "6 passed"')


def test_what_a_visitor_leaves_is_kept_and_the_worker_sees_to_it(
    world: World, deliveries: dict[str, "Future[Delivery]"]
) -> None:
    deliveries["django"].result()
    left(world, "production", "three short words")

    def counted() -> bool:
        page = httpx.get(url(world, APPLICATIONS["django"], "production"), trust_env=False, timeout=10)
        return "<small>3 words</small>" in page.text

    wait_until(counted, 30, "the worker did not count the words")


def test_a_failing_test_is_named_in_the_status(world: World, failures: dict[str, "Future[Delivery]"]) -> None:
    state, told = failures["django"].result().status("staging")
    assert state == "failure"
    assert 'tests: "5 passed, 1 failed: test_words_are_counted' in told
    serves(world, APPLICATIONS["django"], "staging", "Staged")


def test_a_failing_test_of_a_stage_ends_the_build(world: World, failures: dict[str, "Future[Delivery]"]) -> None:
    failure = failures["node"].result()
    assert "tests failed (step image)" in failure.status("staging")[1]
    run = failure.ended("staging")
    assert "expected 222 to be 212" in world.logs(run, "build", "image")
    serves(world, APPLICATIONS["node"], "staging", "Staged")


def test_staging_keeps_what_it_served_where_the_new_one_ends_at_its_start(
    world: World, failures: dict[str, "Future[Delivery]"]
) -> None:
    state, told = failures["go"].result().status("staging")
    assert state == "failure"
    assert "not ready: ended at its start (exit code 1): " in told
    assert "LICENSE is not set" in told
    serves(world, APPLICATIONS["go"], "staging", "Staged")
    assert image(world, "staging", "go") == image(world, "production", "go")


def test_a_migration_that_fails_on_what_is_there_rolls_nothing_out(
    world: World, failures: dict[str, "Future[Delivery]"]
) -> None:
    failures["django"].result()
    django = APPLICATIONS["django"]
    for _ in range(2):
        left(world, "staging", "said twice")
    models = django.files()["notes/models.py"].decode()
    assert "models.TextField()" in models
    files = {
        "notes/models.py": models.replace("models.TextField()", "models.TextField(unique=True)", 1),
        "notes/migrations/0002_unlike.py": ALIKE,
    }
    delivery = opened(world, django, files, "No two notes alike")
    delivery.ended("staging")
    state, told = delivery.status("staging")
    assert state == "failure"
    assert told.startswith("not rolled out: beforeRollout failed (exit code 1): ")
    assert "is duplicated" in told
    serves(world, django, "staging", "Staged")
    assert image(world, "staging", "django") == image(world, "production", "django")
