"""From settings to the arguments of what a stack has once: provider, listener, its identity. Environments are beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.conventions import LISTENER
from components.environment import Environment
from components.listener.access import ListenerAccessArgs
from components.listener.listener import ListenerArgs
from components.network import NetworkArgs
from components.plan.environment import EnvironmentPlan
from components.plan.pods import impossible
from components.policies.policy import account
from components.settings.network_checks import network_warnings
from components.settings.promotion_checks import promotion_warnings
from components.settings.stack import Stack


class StackPlan:
    """The arguments of everything that a stack declares. Raises SettingsError for pods that cannot be."""

    def __init__(self, stack: Stack) -> None:
        stack.refuse(impossible(stack))
        self._stack = stack
        self.environments = [EnvironmentPlan(stack, settings) for settings in stack.settings.environments]

    @property
    def provider(self) -> dict[str, Any]:
        """Arguments of the Kubernetes provider. Secrets change in place: replacing one would leave a moment without it."""
        cluster = self._stack.settings.cluster
        given: dict[str, Any] = {"enable_secret_mutable": True}
        if self._stack.settings.ca_bundle:  # for the same reason
            given["enable_config_map_mutable"] = True
        if cluster.kubeconfig:
            given["kubeconfig"] = str(Path(cluster.kubeconfig).expanduser())
        if cluster.context:
            given["context"] = cluster.context
        return given

    @property
    def warnings(self) -> list[str]:
        """What the settings leave wider open than they have to, and what is right only if it is meant."""
        settings = self._stack.settings
        return [*network_warnings(settings), *promotion_warnings(settings, self._stack.elsewhere)]

    @property
    def _home(self) -> EnvironmentPlan:
        """The environment in whose delivery namespace the listener lives: the first."""
        return self.environments[0]

    def network(self, part: EnvironmentPlan, environment: Environment) -> NetworkArgs:
        """What may be reached in an environment."""
        return part.network(environment, self._stack.settings.listener.name if part is self._home else None)

    @property
    def listener_address(self) -> str:
        """URL at which the forge reaches the listener; without an exposure, from inside the cluster."""
        exposure = self._stack.settings.listener.exposure
        if exposure:
            return f"https://{exposure.host}"
        service = f"el-{self._stack.settings.listener.name}.{self._home.settings.delivery_namespace}"
        return f"http://{service}.svc.cluster.local:8080"

    @property
    def listener_user(self) -> str:
        """User name of the listener's service account."""
        return account(self._home.settings.delivery_namespace, LISTENER)

    def listener_access(self, namespaces: Mapping[str, Environment]) -> ListenerAccessArgs:
        """The listener's identity."""
        return ListenerAccessArgs(
            name=self._stack.settings.listener.name,
            environment=self._home.name,
            namespace=namespaces[self._home.name].delivery_namespace,
            run_namespaces={name: environment.delivery_namespace for name, environment in namespaces.items()},
        )

    def listener(self, namespaces: Mapping[str, Environment], service_account: str) -> ListenerArgs:
        """The EventListener and all it routes to."""
        settings = self._stack.settings
        return ListenerArgs(
            name=settings.listener.name,
            environment=self._home.name,
            namespace=namespaces[self._home.name].delivery_namespace,
            service_account=service_account,
            forge=settings.forge.kind,
            enterprise_host=settings.forge.enterprise_host,
            applications=settings.by_repository,
            rotation=settings.listener.webhook_secret,
            base_branches={application.repository: application.base_branch for application in settings.applications},
            repository_ids=settings.repository_ids,
            exposure=settings.listener.exposure,
            triggers=tuple(
                trigger for plan in self.environments for trigger in plan.triggers(namespaces[plan.name].delivery_namespace)
            ),
        )
