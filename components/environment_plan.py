"""From settings to the arguments of one environment's components."""

from dataclasses import dataclass

import pulumi

from components import approval_plan, forge_plan, git_plan, mark_plan, rollback_plan, runs_plan, trust_plan
from components.access import AccessArgs
from components.application import ApplicationArgs, deployment_name, service_url
from components.application_plan import application_args
from components.build_plan import build_task, image_step, own_tasks, task_of
from components.conventions import CONTAINER, REGISTRY_PULL, Manifest, go_duration, seconds
from components.credentials import CredentialsArgs
from components.credentials_plan import credentials_args
from components.environment import Environment, EnvironmentArgs
from components.events import EVENTS, Trigger, template
from components.network import NetworkArgs
from components.network_plan import network_args
from components.pipelines import fork, moved, promotion, proof, pull_request, rebuild
from components.pipelines.pipelines import PipelinesArgs
from components.pipelines.target import SmokeCheck, Target
from components.policies.policies import PoliciesArgs
from components.pruning import PruningArgs
from components.settings.application import Application as ApplicationSettings
from components.settings.build import Build
from components.settings.environment import Environment as EnvironmentSettings
from components.settings.forge import OkToTest
from components.settings.registry import ReadRegistry
from components.settings.stack import Stack
from components.tasks import announce, begin, build, clean, needed, permit, promote, report, restore, stage, supersede, tests
from components.tasks import moved as moved_task
from components.tasks.git import Git


@dataclass(frozen=True)
class EnvironmentPlan:
    """The arguments of one environment's components."""

    stack: Stack
    settings: EnvironmentSettings

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.settings.name

    @property
    def _builds(self) -> Build | None:
        return self.stack.settings.build if self.settings.deliver_on == "pull-request" else None

    @property
    def _source(self) -> ReadRegistry | None:
        """Where images are promoted from, if that is another registry."""
        return None if self._builds else self.stack.settings.source_registry

    @property
    def _git(self) -> Git:
        return git_plan.git(self.stack.settings.forge)

    @property
    def _ok_to_test(self) -> OkToTest | None:
        return self.stack.settings.forge.ok_to_test if self._builds else None

    @property
    def _restores(self) -> bool:
        return self.settings.on_reject == "restore"

    @property
    def _cleans(self) -> bool:
        return self.stack.settings.registry.delete is not None

    def _cleaned(self, builds: Build, application: ApplicationSettings) -> dict[str, str]:
        """The repositories where a rejected pull request's images are deleted, as params of the Task `clean`."""
        image = self.stack.settings.registry.image(application.name)
        quarantine = builds.quarantine.image(application.name) if builds.quarantine.delete else ""
        return {"image": image, "quarantine-image": quarantine}

    @property
    def _pull_secret(self) -> str | None:
        return REGISTRY_PULL if self.stack.settings.registry.read else None

    @property
    def environment(self) -> EnvironmentArgs:
        """Namespaces and quotas."""
        return EnvironmentArgs(
            name=self.name,
            delivery_namespace=self.settings.delivery_namespace,
            builds_images=self._builds is not None,
            frozen=self.settings.frozen,
            max_pods=self.settings.max_pods,
            max_runs=runs_plan.most(self.stack.settings, self.settings),
        )

    def credentials(self, environment: Environment) -> CredentialsArgs:
        """Secrets."""
        return credentials_args(self.stack, self.settings, environment, self._builds, self._source, self._ok_to_test)

    def access(self, environment: Environment) -> AccessArgs:
        """Service accounts and roles."""
        return AccessArgs(
            environment=self.name,
            workload_namespace=environment.workload_namespace,
            delivery_namespace=environment.delivery_namespace,
            deployments=tuple(deployment_name(application.name) for application in self.stack.settings.applications),
            pull_secret=self._pull_secret,
            runs_untrusted_code=self._builds is not None,
            approvers=approval_plan.subjects(self.settings),
        )

    def pruning(self, environment: Environment) -> PruningArgs:
        """What becomes of ended runs."""
        return PruningArgs(
            environment=self.name,
            namespace=environment.delivery_namespace,
            tools_image=self.stack.tools_image,
            pull_secret=self._pull_secret,
            keep=self.settings.keep_runs,
            claims=self._builds is not None and self._builds.storage is not None and self._builds.storage.volume is not None,
        )

    @property
    def _tasks(self) -> dict[str, Manifest]:
        settings, builds = self.stack.settings, self._builds
        registry, api = settings.registry, forge_plan.told(settings.forge)
        tasks: dict[str, Manifest] = {
            report.NAME: report.spec(environment=self.name, api=api, after_merge=builds is None),
        } | rollback_plan.proofs(self.stack, signs=builds is not None)
        waits_for = approval_plan.told(self.settings)
        if waits_for:
            tasks[announce.NAME] = announce.spec(environment=self.name, api=api, waits_for=waits_for)
        if builds:
            tasks[build.NAME] = build.spec(build_task(self.stack, builds))
            tasks[stage.NAME] = stage.spec(
                self._git,
                environment=self.name,
                insecure=registry.insecure,
                quarantine_insecure=builds.quarantine.insecure,
                platform=builds.platform,
                max_image_size=builds.max_image_size,
            )
            namespace = self.settings.delivery_namespace
            tasks[begin.NAME] = begin.spec(namespace=namespace, environment=self.name, api=api)
            tasks[supersede.NAME] = supersede.spec(namespace=namespace)
            if self._restores:
                tasks[restore.NAME] = restore.spec()
            if self._cleans:
                tasks[clean.NAME] = clean.spec(
                    api=api, insecure=registry.insecure, quarantine_insecure=builds.quarantine.insecure
                )
            tasks[needed.NAME] = needed.spec(self._git)
            tasks[moved_task.NAME] = moved_task.spec(self._git, api=api)
            if self._ok_to_test:
                tasks[permit.NAME] = permit.spec(api=forge_plan.asked(settings.forge, self._ok_to_test))
                tasks[tests.NAME] = tests.spec(build_task(self.stack, builds))
                tasks[fork.REPORT] = report.spec(environment=fork.CONTEXT, api=api)
        else:
            tasks[promote.NAME] = promote.spec(
                promote.PromoteTaskArgs(
                    git=self._git,
                    registry=rollback_plan.reading(registry),
                    source=rollback_plan.reading(self._source) if self._source else None,
                    environment=self.name,
                    marks=mark_plan.marks(self.stack, self.settings),
                    stale_base=self.settings.stale_base,
                    approval=approval_plan.task(self.settings),
                )
            )
        return tasks

    def pipelines(self, environment: Environment) -> PipelinesArgs:
        """Tasks, and a Pipeline for each application."""
        applications, builds = self.stack.settings.applications, self._builds
        own = own_tasks(self.stack, builds, forks=self._ok_to_test is not None) if builds else {}
        tasks = trust_plan.believing(self.stack, self._tasks | own)
        return PipelinesArgs(
            environment=self.name,
            namespace=environment.delivery_namespace,
            tools_image=self.stack.tools_image,
            ca_bundle=trust_plan.bundle(self.stack, tasks),
            tasks=tasks,
            pipelines={name: spec for application in applications for name, spec in self._pipelines(application).items()},
        )

    def network(self, environment: Environment, listener: str | None) -> NetworkArgs:
        """What may be reached; `listener` is the EventListener's name, if it lives here."""
        return network_args(self.stack, self.settings, environment, self._tasks, self._builds, self._source, listener)

    def _pipelines(self, application: ApplicationSettings) -> dict[str, Manifest]:
        target = Target(
            application=application.name,
            environment=self.name,
            repository=application.repository,
            paths=tuple(application.paths),
            shares_repository=len(self.stack.settings.by_repository[application.repository]) > 1,
            image=self.stack.settings.registry.image(application.name),
            source_image=self._source.image(application.name) if self._source else None,
            namespace=self.name,
            deployment=deployment_name(application.name),
            container=CONTAINER,
            repository_url=f"{self.stack.settings.forge.git_url}/{application.repository}.git",
            git_credential=self._git.credential,
            base_branch=application.base_branch,
            rollout_timeout=self.settings.rollout_timeout,
            rollout_seconds=seconds(self.settings.rollout_timeout),
            smoke_check=self._smoke_check(application),
        )
        builds = self._builds
        if not builds:
            return {
                target.pipeline: promotion.spec(target, approved=self.settings.approval is not None),
                target.proof_pipeline: proof.spec(target, self.settings.promotes_from),
            }
        source = pull_request.Source(
            task=task_of(application, build.NAME),
            test_command=application.test_command,
            dockerfile=application.dockerfile,
            context=application.context,
            build_args={name: self.stack.text(value) for name, value in application.build_args.items()},
            quarantine_image=builds.quarantine.image(application.name),
        )
        pipelines = {
            target.pipeline: pull_request.spec(target, source),
            target.rejected_pipeline: pull_request.rejected_spec(
                target, restores=self._restores, cleaned=self._cleaned(builds, application) if self._cleans else None
            ),
            target.moved_pipeline: moved.spec(target),
            target.rebuild_pipeline: rebuild.spec(target, source, go_duration(builds.timeout)),
            target.proof_pipeline: proof.spec(target, self.name),
        }
        if self._ok_to_test:
            pipelines[target.fork_pipeline] = fork.spec(target, application.test_command, task_of(application, tests.NAME))
        return pipelines

    def _smoke_check(self, application: ApplicationSettings) -> SmokeCheck:
        check = application.smoke_check
        if not check:
            return SmokeCheck(url="")
        url = f"{service_url(application.name, self.name)}{check.path}"
        return SmokeCheck(url=url, status=check.status, contains=check.contains, seconds=seconds(check.timeout))

    def applications(self, environment: Environment) -> list[ApplicationArgs]:
        """Deployments and what belongs to them."""
        return [
            application_args(self.stack, self.settings, application, environment.workload_namespace, self._pull_secret)
            for application in self.stack.settings.applications
        ]

    def triggers(self, namespace: pulumi.Input[str]) -> list[Trigger]:
        """What brings events here; `namespace` is the delivery namespace."""
        return runs_plan.triggers(self.stack.settings, self.settings, self._builds, self._git.credential, namespace)

    def policies(self, listener: str) -> PoliciesArgs:
        """What identities are held to; `listener` is the user name of the listener's service account."""
        settings, builds = self.stack.settings, self._builds
        return PoliciesArgs(
            environment=self.name,
            workload_namespace=self.name,
            delivery_namespace=self.settings.delivery_namespace,
            listener=listener,
            applications=tuple(application.name for application in settings.applications),
            runs={
                trigger.event: template(trigger, EVENTS[trigger.event])["resourcetemplates"][0]
                for trigger in self.triggers(self.settings.delivery_namespace)
            },
            container=CONTAINER,
            repositories={
                deployment_name(application.name): settings.registry.image(application.name)
                for application in settings.applications
            },
            lease_seconds=rollback_plan.leases(self.stack, self.settings),
            placeholder_repository=self.stack.tools_image.split("@")[0],
            approval=approval_plan.policy(self.settings),
            image_step=image_step(self.stack, builds) if builds else None,
        )
