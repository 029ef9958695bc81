"""From settings to what a deployer delivers to: what the program declares, and what is somebody else's."""

from collections.abc import Iterator
from dataclasses import dataclass

from components.application import deployment_name
from components.conventions import CONTAINER
from components.policies.delivered import Delivered, Held
from components.settings.application import Application
from components.settings.settings import Settings
from components.settings.workloads import parts
from steps.workloads import DEPLOYMENTS


@dataclass(frozen=True, kw_only=True)
class Runs:
    """A workload that runs an application's image."""

    application: str
    kind: str
    """As the API server calls it, e.g. `deployments`."""
    name: str
    leads: bool
    containers: tuple[str, ...] = ()
    """Those that run the image; none for what the program declares, where it is known."""

    @property
    def line(self) -> str:
        """As steps read it (`steps/workloads.py`)."""
        return f"{self.kind}/{self.name} {','.join(self.containers)}" if self.containers else self.name


def workloads(application: Application) -> list[Runs]:
    """Return what runs an application's image, the one that leads first."""
    name = application.name
    if application.existing:
        return [
            Runs(
                application=name,
                kind=each.plural,
                name=each.name,
                leads=number == 0,
                containers=tuple(each.containers),
            )
            for number, each in enumerate(application.existing)
        ]
    return [
        Runs(application=name, kind=DEPLOYMENTS, name=deployment_name(part.name), leads=part.key is None)
        for part in parts(application)
    ]


def every(settings: Settings) -> Iterator[Runs]:
    """Yield what runs the image of any application."""
    for application in settings.applications:
        yield from workloads(application)


def lines(application: Application) -> str:
    """Return what runs an application's image, as a param of Tasks."""
    return "\n".join(each.line for each in workloads(application))


def declared(settings: Settings, placeholder_repository: str) -> Delivered:
    """Return what the program declares, as the deployer's policy has it."""
    own = [each for each in every(settings) if not each.containers]
    return Delivered(
        repositories=_repositories(settings, own),
        followers=[each.name for each in own if not each.leads],
        container=CONTAINER,
        placeholder_repository=placeholder_repository,
    )


def existing(settings: Settings) -> Delivered:
    """Return the same of what is somebody else's."""
    theirs = [each for each in every(settings) if each.containers]
    return Delivered(
        repositories=_repositories(settings, theirs),
        followers=[each.name for each in theirs if not each.leads],
        existing={each.name: Held(application=each.application, containers=each.containers) for each in theirs},
    )


def _repositories(settings: Settings, found: list[Runs]) -> dict[str, str]:
    return {each.name: settings.registry.image(each.application) for each in found}
