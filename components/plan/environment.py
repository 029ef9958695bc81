"""From settings to the arguments of one environment's components."""

from dataclasses import dataclass
from functools import cached_property

import pulumi

from components.access import AccessArgs
from components.application import ApplicationArgs
from components.before_rollout import template_name
from components.credentials import CredentialsArgs
from components.environment import Environment, EnvironmentArgs
from components.existing import ExistingApplicationArgs
from components.listener.events import Trigger
from components.minting import MintingArgs
from components.network import NetworkArgs
from components.pipelines.component import PipelinesArgs
from components.plan import delivered, forge, runs, trust
from components.plan.application import application_args, existing_args
from components.plan.credentials import credentials_args, drawn, held, quotes
from components.plan.delivery import Delivery
from components.plan.network import network_args
from components.plan.pipelines import pipelines_args
from components.plan.policies import policies_args
from components.plan.tasks import reports
from components.policies.component import PoliciesArgs
from components.pruning import PruningArgs
from components.settings import pods
from components.settings.environment import Environment as EnvironmentSettings
from components.settings.stack import Stack
from components.tasks import mint
from components.telling import TellingArgs
from steps.workloads import DEPLOYMENTS, STATEFUL_SETS


@dataclass(frozen=True)
class EnvironmentPlan:
    """The arguments of one environment's components."""

    stack: Stack
    settings: EnvironmentSettings

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.settings.name

    @cached_property
    def _delivery(self) -> Delivery:
        return Delivery(self.stack, self.settings)

    @property
    def _before_rollouts(self) -> list[str]:
        """The applications that have something to run before their rollouts."""
        return [application.name for application in self.stack.settings.applications if application.before_rollout]

    @property
    def environment(self) -> EnvironmentArgs:
        """Namespaces and quotas."""
        spaces = self.settings.namespaces
        return EnvironmentArgs(
            name=self.name,
            workload_namespace=self.settings.workload_namespace,
            delivery_namespace=self.settings.delivery_namespace,
            existing=[
                role
                for role, own in (("workload", spaces.workload), ("delivery", spaces.delivery))
                if own is not None and own.existing
            ],
            builds_images=self._delivery.builds is not None,
            frozen=self.settings.frozen,
            max_pods=pods.of_workloads(self.settings, self.stack.settings.applications),
            max_delivery_pods=pods.of_deliveries(
                self.settings, self.stack.settings.applications, mints=self.stack.settings.forge.fetches_by_app
            ),
            max_runs=runs.most(self._delivery),
        )

    def credentials(self, environment: Environment) -> CredentialsArgs:
        """Secrets."""
        return credentials_args(self._delivery, environment)

    def access(self, environment: Environment) -> AccessArgs:
        """Service accounts and roles."""
        there = list(delivered.every(self.stack.settings))
        return AccessArgs(
            environment=self.name,
            workload_namespace=environment.workload_namespace,
            delivery_namespace=environment.delivery_namespace,
            deployments=tuple(each.name for each in there if each.kind == DEPLOYMENTS),
            stateful_sets=tuple(each.name for each in there if each.kind == STATEFUL_SETS),
            leases=tuple(each.name for each in there if each.leads),
            existing=any(each.containers for each in there),
            before_rollouts=tuple(template_name(name) for name in self._before_rollouts),
            pull_secret=self._delivery.pull_secret,
            runs_untrusted_code=self._delivery.builds is not None,
            quotes_logs=quotes(self._delivery),
            approval=self.settings.approval,
        )

    def pruning(self, environment: Environment) -> PruningArgs:
        """What becomes of ended runs."""
        builds = self._delivery.builds
        return PruningArgs(
            environment=self.name,
            namespace=environment.delivery_namespace,
            tools_image=self.stack.tools_image,
            pull_secret=self._delivery.pull_secret,
            keep=self.settings.keep_runs,
            jobs_namespace=environment.workload_namespace if self._before_rollouts else None,
            claims=builds is not None and builds.storage is not None and builds.storage.volume is not None,
        )

    def telling(self, environment: Environment) -> TellingArgs:
        """How the forge hears late what it could not be told."""
        made = trust.with_authorities(self.stack, reports(self._delivery))
        return TellingArgs(
            environment=self.name,
            namespace=environment.delivery_namespace,
            tools_image=self.stack.tools_image,
            reports=drawn(made, held(self._delivery)),
        )

    def minting(self, environment: Environment) -> list[MintingArgs]:
        """How tokens are made to fetch by, where a GitHub App makes them."""
        there = forge.minter(self.stack, self.settings.delivery_namespace)
        if there is None:
            return []
        made = trust.with_authorities(self.stack, {mint.NAME: there})
        return [
            MintingArgs(
                environment=self.name,
                namespace=environment.delivery_namespace,
                tools_image=self.stack.tools_image,
                pull_secret=self._delivery.pull_secret,
                minter=drawn(made, held(self._delivery))[mint.NAME],
                key_version=forge.key_version(self.stack),
            )
        ]

    def pipelines(self, environment: Environment) -> PipelinesArgs:
        """Tasks, and Pipelines for each application."""
        return pipelines_args(self._delivery, environment.delivery_namespace)

    def network(self, environment: Environment, listener: str | None) -> NetworkArgs:
        """What may be reached; `listener` is the EventListener's name, if it lives here."""
        return network_args(self._delivery, environment, listener)

    def applications(self, environment: Environment) -> list[ApplicationArgs]:
        """Deployments and what belongs to them."""
        return [
            application_args(self._delivery, application, environment.workload_namespace)
            for application in self.stack.settings.applications
            if not application.existing
        ]

    def existing(self, environment: Environment) -> list[ExistingApplicationArgs]:
        """What is declared of applications whose workloads are somebody else's."""
        return [
            existing_args(self._delivery, application, environment.workload_namespace)
            for application in self.stack.settings.applications
            if application.existing
        ]

    def triggers(self, namespace: pulumi.Input[str]) -> list[Trigger]:
        """What brings events here; `namespace` is the delivery namespace."""
        return runs.triggers(self._delivery, namespace)

    def policies(self, listener: str) -> PoliciesArgs:
        """What identities are held to; `listener` is the user name of the listener's service account."""
        return policies_args(self._delivery, listener)
