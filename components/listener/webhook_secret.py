"""The secrets by which the forge signs webhooks: one a generation, so that an old one counts until the new is entered."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.conventions import WEBHOOK_GENERATION, WEBHOOK_SECRET
from components.settings.listener import WebhookSecret


@dataclass(frozen=True)
class Accepted:
    """A secret whose signature counts."""

    generation: int
    name: str
    """`current` or `previous`."""

    @property
    def secret(self) -> str:
        """The Secret's name; each generation has its own, so that no event meets one that changes under it."""
        return WEBHOOK_SECRET if self.generation == 1 else f"{WEBHOOK_SECRET}-{self.generation}"


def accepted_secrets(rotation: WebhookSecret) -> tuple[Accepted, ...]:
    """Return every secret whose signature counts, the current one first.

    Whatever the settings say, one does: there is no listener without a signature.
    """
    current = Accepted(rotation.generation, "current")
    return (current, Accepted(rotation.generation - 1, "previous")) if rotation.accept_previous else (current,)


class WebhookSecrets:
    """The random secret of each generation that counts."""

    current: pulumi.Output[str]
    """What is to be entered in the forge; secret."""
    declared: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        rotation: WebhookSecret,
        namespace: pulumi.Input[str],
        labels: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        self.declared = []
        passwords = []
        for accepted in accepted_secrets(rotation):
            password = random.RandomPassword(f"{name}-{accepted.secret}", length=40, special=False, opts=opts)
            passwords.append(password.result)
            metadata = {
                "name": accepted.secret,
                "namespace": namespace,
                "labels": {**labels, WEBHOOK_GENERATION: str(accepted.generation)},
            }
            secret = k8s.core.v1.Secret(
                f"{name}-{accepted.secret}", metadata=metadata, string_data={"secret": password.result}, opts=opts
            )
            self.declared.append(secret)
        self.current = pulumi.Output.secret(passwords[0])
