"""A stack of tekton-delivery: its environments, who may do what there, its pipelines, and the listener that starts them."""

import pulumi
import pulumi_kubernetes as k8s

from components.access import Access
from components.application import Application
from components.conventions import LISTENER
from components.credentials import Credentials
from components.environment import Environment
from components.existing import ExistingApplication
from components.listener.access import ListenerAccess
from components.listener.listener import Listener
from components.minting import Minting
from components.network import Network
from components.pipelines.component import Pipelines
from components.plan.stack import StackPlan
from components.policies.component import Policies
from components.pruning import Pruning
from components.settings.errors import SettingsError
from components.settings.stack import Stack
from components.telling import Telling


def main(loaded: Stack | None = None) -> None:
    """Declare every resource of the current stack."""
    plan = StackPlan(loaded or Stack.load())
    for warning in plan.warnings:
        pulumi.log.warn(warning)
    opts = pulumi.ResourceOptions(provider=k8s.Provider("cluster", **plan.provider))

    namespaces, policies = {}, []
    for part in plan.environments:
        namespaces[part.name] = environment = Environment(part.name, part.environment, opts)
        network = Network(f"{part.name}-network", plan.network(part, environment), opts)
        credentials = Credentials(f"{part.name}-credentials", part.credentials(environment), opts)
        for minting in part.minting(environment):
            Minting(f"{part.name}-minting", minting, opts, after=[network, credentials, environment])
        policies.append(held := Policies(f"{part.name}-policies", part.policies(plan.listener_user), opts))
        Access(f"{part.name}-access", part.access(environment), opts, after=[held])
        Pruning(f"{part.name}-pruning", part.pruning(environment), opts, after=[held, environment])
        Telling(f"{part.name}-telling", part.telling(environment), opts, after=[environment])
        Pipelines(f"{part.name}-pipelines", part.pipelines(environment), opts, after=[environment])
        for application in part.applications(environment):
            Application(f"{part.name}-{application.application}", application, opts)
        for existing in part.existing(environment):
            ExistingApplication(f"{part.name}-{existing.application}", existing, opts)

    access = ListenerAccess("listener-access", plan.listener_access(namespaces), opts, after=policies)
    listener = Listener("listener", plan.listener(namespaces, LISTENER), opts, after=[access, *policies])
    pulumi.export("listener", plan.listener_address)
    pulumi.export("webhookSecret", listener.webhook_secret)


if __name__ == "__main__":
    try:
        main()
    except SettingsError as error:
        pulumi.log.error(str(error))
        raise SystemExit(1) from None
