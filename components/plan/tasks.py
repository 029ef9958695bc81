"""From settings to the Tasks of one environment."""

from dataclasses import replace

from components.conventions import Manifest
from components.pipelines import fork
from components.plan import chain, forge, mark
from components.plan.build import build_task
from components.plan.credentials import quotes
from components.plan.delivery import Delivery
from components.settings.build import Build
from components.tasks import (
    announce,
    approve,
    begin,
    build,
    clean,
    moved,
    needed,
    permit,
    promote,
    report,
    restore,
    stage,
    supersede,
    tests,
)


def tasks(delivery: Delivery) -> dict[str, Manifest]:
    """Return the specs of the Tasks that all applications share, by name."""
    made = reports(delivery) | mark.proofs(delivery)
    if waits_for := _waits_for(delivery):
        api = forge.status_api(delivery.settings.forge)
        made[announce.NAME] = announce.spec(environment=delivery.environment.name, api=api, waits_for=waits_for)
    return made | (_of_pull_requests(delivery, delivery.builds) if delivery.builds else _of_merges(delivery))


def reports(delivery: Delivery) -> dict[str, Manifest]:
    """Return the specs of the Tasks that tell the forge what came of runs, by name; what it does not hear is told later."""
    api, quoted = forge.status_api(delivery.settings.forge), quotes(delivery)
    made = {
        report.NAME: report.spec(
            environment=delivery.environment.name,
            api=api,
            again=_again(delivery),
            after_merge=delivery.builds is None,
            quotes=quoted,
        )
    }
    if delivery.ok_to_test:
        # Nothing is rolled out there.
        api = replace(api, deployments=False)
        made[fork.REPORT] = report.spec(environment=fork.CONTEXT, api=api, again=_TESTS_AGAIN, quotes=quoted)
    if delivery.builds:
        made[moved.NAME] = moved.spec(delivery.git, environment=delivery.environment.name, api=api)
    return made


def _again(delivery: Delivery) -> str:
    """Return how a delivery that failed is run again (docs/operating.md)."""
    about = f"{delivery.environment.name} {{application}} {{pullRequest}}`"
    if delivery.builds:
        return f"To run it again: push, close and reopen the pull request, or `python -m operate retry {about}."
    return (
        f"To run it again: `python -m operate retry {about}. "
        f"Where the base branch had moved: `python -m operate rebuild {about}."
    )


_TESTS_AGAIN = "To run them again: a comment that says `/ok-to-test {commit}` and nothing else."


def _waits_for(delivery: Delivery) -> str:
    """Return what the commit status says that a merge waits for; empty where nothing is said before it has ended."""
    approval, after = delivery.environment.approval, delivery.after
    if approval:
        return approve.waits_for(approval, after.name if after else None)
    if after:
        return f"waits for {after.name} to roll it out and vouch for it, up to {chain.shown(delivery.waits)}"
    return "is proven, then rolled out" if delivery.announces and not delivery.builds else ""


def _of_merges(delivery: Delivery) -> dict[str, Manifest]:
    """Return what promotes."""
    args = promote.PromoteTaskArgs(
        git=delivery.git,
        registry=mark.reading(delivery.settings.registry),
        source=mark.reading(delivery.source) if delivery.source else None,
        environment=delivery.environment.name,
        marks=mark.marks(delivery),
        stale_base=delivery.environment.stale_base,
        approval=delivery.environment.approval,
        vouches=delivery.vouches,
    )
    return {promote.NAME: promote.spec(args)}


def _of_pull_requests(delivery: Delivery, builds: Build) -> dict[str, Manifest]:
    """Return what builds, stages and cleans up after pull requests."""
    registry, environment = delivery.settings.registry, delivery.environment.name
    namespace, api = delivery.environment.delivery_namespace, forge.status_api(delivery.settings.forge)
    made = {
        build.NAME: build.spec(build_task(delivery.stack, builds)),
        stage.NAME: stage.spec(
            delivery.git,
            environment=environment,
            insecure=registry.insecure,
            quarantine_insecure=builds.quarantine.insecure,
            platform=builds.platform,
            max_image_size=builds.max_image_size,
        ),
        begin.NAME: begin.spec(namespace=namespace, environment=environment, api=api),
        supersede.NAME: supersede.spec(namespace=namespace, api=api),
    }
    if delivery.restores:
        made[restore.NAME] = restore.spec()
    if delivery.cleans:
        made[clean.NAME] = clean.spec(api=api, insecure=registry.insecure, quarantine_insecure=builds.quarantine.insecure)
    made[needed.NAME] = needed.spec(delivery.git)
    if delivery.ok_to_test:
        made[permit.NAME] = permit.spec(api=forge.reader_api(delivery.settings.forge, delivery.ok_to_test))
        made[tests.NAME] = tests.spec(build_task(delivery.stack, builds))
    return made
