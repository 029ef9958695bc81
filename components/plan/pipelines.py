"""From settings to the Pipelines of one environment, and to the Tasks that they use."""

import pulumi

from components.application import SERVICE_PORT, service_url
from components.conventions import CONTAINER, Manifest, go_duration, seconds
from components.pipelines import fork, moved, promotion, proof, pull_request, rebuild
from components.pipelines.component import PipelinesArgs
from components.pipelines.target import Target
from components.plan import delivered, forge, trust
from components.plan.build import own_tasks, task_of
from components.plan.credentials import drawn, held
from components.plan.delivery import Delivery
from components.plan.tasks import tasks
from components.settings.application import Application
from components.settings.before_rollout import longest
from components.settings.build import Build
from components.settings.environment import Environment
from components.tasks import build
from components.tasks import tests as tests_task


def pipelines_args(delivery: Delivery, namespace: pulumi.Input[str]) -> PipelinesArgs:
    """Return Tasks, and the Pipelines of each application; `namespace` is the delivery namespace."""
    builds = delivery.builds
    own = own_tasks(delivery.stack, builds, forks=delivery.ok_to_test is not None) if builds else {}
    made = trust.with_authorities(delivery.stack, tasks(delivery) | own)
    made = drawn({name: delivery.git.with_params(task) for name, task in made.items()}, held(delivery))
    return PipelinesArgs(
        environment=delivery.environment.name,
        namespace=namespace,
        tools_image=delivery.stack.tools_image,
        ca_bundle=trust.bundle(delivery.stack, made),
        tasks=made,
        pipelines={
            name: spec
            for application in delivery.settings.applications
            for name, spec in pipelines(delivery, application).items()
        },
    )


def pipelines(delivery: Delivery, application: Application) -> dict[str, Manifest]:
    """Return the specs of one application's Pipelines, by name."""
    target, builds, environment = _target(delivery, application), delivery.builds, delivery.environment
    if not builds:
        return {
            target.pipeline: promotion.spec(target, approved=environment.approval is not None, announced=delivery.announces),
            target.proof_pipeline: proof.spec(target, environment.promotes_from),
        }
    recipe = pull_request.Recipe(
        task=task_of(application, build.NAME),
        test_command=application.tested.command or "",
        dockerfile=application.dockerfile,
        context=application.context,
        target=application.target or "",
        build_args={name: delivery.stack.text(value) for name, value in application.build_args.items()},
        quarantine_image=builds.quarantine.image(application.name),
        source_url=f"{delivery.settings.forge.web_url}/{application.repository}",
        timeout=go_duration(builds.timeout),
    )
    cleaned = _cleaned(delivery, builds, application) if delivery.cleans else None
    made = {
        target.pipeline: pull_request.spec(target, recipe),
        target.rejected_pipeline: pull_request.rejected_spec(target, restores=delivery.restores, cleaned=cleaned),
        target.moved_pipeline: moved.spec(target),
        target.rebuild_pipeline: rebuild.spec(target, recipe),
        target.proof_pipeline: proof.spec(target, environment.name),
    }
    if delivery.ok_to_test:
        task = task_of(application, tests_task.NAME)
        made[target.fork_pipeline] = fork.spec(target, recipe.test_command, task, recipe.timeout)
    return made


def _target(delivery: Delivery, application: Application) -> Target:
    """Return an application in an environment as pipelines see it."""
    settings, environment = delivery.settings, delivery.environment
    return Target(
        application=application.name,
        environment=environment.name,
        repository=application.repository,
        paths=tuple(application.paths),
        shares_repository=len(settings.by_repository[application.repository.lower()]) > 1,
        image=settings.registry.image(application.name),
        source_image=delivery.source.image(application.name) if delivery.source else None,
        namespace=environment.workload_namespace,
        deployment=delivered.lines(application),
        container=CONTAINER,
        repository_url=f"{settings.forge.git_url}/{application.repository}.git",
        git_credential=delivery.git.credential.name if delivery.git.credential else None,
        git_files=forge.told(settings.forge, application),
        base_branch=application.base_branch,
        rollout_timeout=environment.rollout_timeout,
        fetch=application.fetch,
        service_url=_service_url(application, environment.workload_namespace),
        smoke_check=application.smoke_check,
        before_rollout=longest(application.before_rollout),
        url=_url(environment, application),
        linked=settings.forge.run_url is not None,
        placed=settings.forge.comment or settings.forge.deployments,
        waits=delivery.waits + (seconds(environment.approval.timeout) if environment.approval else 0),
    )


def _url(environment: Environment, application: Application) -> str:
    """Return where people find it. TLS ends where the host is exposed (components/exposure.py)."""
    here = environment.applications.get(application.name)
    return f"https://{here.host}" if here and here.host else ""


def _cleaned(delivery: Delivery, builds: Build, application: Application) -> dict[str, str]:
    """Return the repositories where a rejected pull request's images are deleted, as params of the Task `clean`."""
    quarantine = builds.quarantine.image(application.name) if builds.quarantine.delete else ""
    return {"image": delivery.settings.registry.image(application.name), "quarantine-image": quarantine}


def _service_url(application: Application, namespace: str) -> str:
    """Return where it answers inside the cluster."""
    check = application.smoke_check
    if check is None or check.service is None:
        return service_url(application.name, namespace)
    name, _, port = check.service.partition(":")
    return service_url(name, namespace, int(port or SERVICE_PORT))
