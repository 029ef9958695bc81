"""What runs an application's image: its own container, which leads, and its further workloads, which follow it."""

from collections.abc import Iterator
from dataclasses import dataclass

from components.settings.application import Application, Container
from components.settings.environment import Environment, Pods
from components.settings.errors import Location


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of them."""

    application: str
    key: str | None
    """What `workloads` calls it; None for the application's own."""
    container: Container

    @property
    def name(self) -> str:
        """What its objects are called, e.g. `shop-worker`."""
        return self.application if self.key is None else f"{self.application}-{self.key}"

    @property
    def below(self) -> Location:
        """Where its settings are, below the application's."""
        return () if self.key is None else ("workloads", self.key)

    def here(self, environment: Environment) -> Pods:
        """Return how it runs in an environment."""
        workload = environment.workload(self.application)
        return workload if self.key is None else workload.workloads.get(self.key, Pods())

    def pods(self, environment: Environment) -> int:
        """Return how many pods of it are declared there; autoscaling may want others."""
        own = self.here(environment).replicas
        return environment.replicas if own is None else own


def parts(application: Application) -> Iterator[Part]:
    """Yield what is declared to run an application's image, its own container first; nothing where it is somebody else's."""
    if application.existing:
        return
    yield Part(application=application.name, key=None, container=application)
    for key, container in application.workloads.items():
        yield Part(application=application.name, key=key, container=container)
