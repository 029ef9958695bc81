"""One environment of a stack, and what its settings mean for whatever is declared there."""

from dataclasses import dataclass

from components.credential import REGISTRY_PULL
from components.plan import forge
from components.plan.chain import Link, before, waits
from components.settings.build import Build
from components.settings.environment import Environment
from components.settings.forge import OkToTest
from components.settings.registry import ReadRegistry
from components.settings.settings import Settings
from components.settings.stack import Stack
from components.tasks.git import Git


@dataclass(frozen=True)
class Delivery:
    """How one environment is delivered to."""

    stack: Stack
    environment: Environment

    @property
    def settings(self) -> Settings:
        """The stack's settings."""
        return self.stack.settings

    @property
    def builds(self) -> Build | None:
        """How images are built; None where they are not."""
        return self.settings.build if self.environment.deliver_on == "pull-request" else None

    @property
    def source(self) -> ReadRegistry | None:
        """Where images are promoted from, if that is another registry. A stack's own environments share one."""
        here = {environment.name for environment in self.settings.environments}
        return None if self.builds or self.environment.promotes_from in here else self.settings.source_registry

    @property
    def after(self) -> Link | None:
        """The environment before this one, where that gets merges too; None where it builds."""
        return before(self.settings, self.environment, self.stack.elsewhere)

    @property
    def announces(self) -> bool:
        """Whether a merge is announced before it is rolled out: it waits, or GitHub hears of deployments."""
        return self.environment.approval is not None or self.after is not None or self.settings.forge.deployments

    @property
    def vouches(self) -> bool:
        """Whether a merge that was rolled out here is signed, so that another environment may promote it."""
        return self.builds is None and self.environment.mark.private_key is not None

    @property
    def waits(self) -> int:
        """How many seconds a merge waits for its mark, at most."""
        return waits(self.settings, self.environment, self.stack.elsewhere)

    @property
    def git(self) -> Git:
        """How commits are fetched."""
        return forge.git(self.settings.forge)

    @property
    def ok_to_test(self) -> OkToTest | None:
        """How tests of a fork's pull request are started; None where they are not."""
        return self.settings.forge.ok_to_test if self.builds else None

    @property
    def restores(self) -> bool:
        """Whether a rejected pull request brings back what was served before."""
        return self.environment.on_reject == "restore"

    @property
    def cleans(self) -> bool:
        """Whether a rejected pull request's images are deleted."""
        return self.settings.registry.delete is not None

    @property
    def pull_secret(self) -> str | None:
        """The Secret by which images are pulled; None for a registry that needs none."""
        read = self.settings.registry.read
        if read is None:
            return None
        return read.secret.name if read.secret else REGISTRY_PULL.secret
