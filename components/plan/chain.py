"""From settings to the chain of environments: which one gets a merge before another one, and how long that may take."""

from dataclasses import dataclass

from components.conventions import seconds
from components.pipelines import timeouts
from components.settings.environment import Environment
from components.settings.neighbours import BUILDS, Neighbours
from components.settings.settings import Settings


@dataclass(frozen=True)
class Link:
    """An environment that delivers on merge, in the way of another one that does."""

    name: str
    settings: Settings | None
    """Of its stack; None where that is of no form."""

    @property
    def environment(self) -> Environment | None:
        """What it is set to be."""
        there = self.settings.environments if self.settings else []
        return next((each for each in there if each.name == self.name), None)


def before(settings: Settings, environment: Environment, elsewhere: Neighbours) -> Link | None:
    """Return the environment that this one promotes from; None where that builds, or is in no stack file of the project."""
    if environment.deliver_on == BUILDS:
        return None
    name = environment.promotes_from
    here = [other for other in settings.environments if other.name == name]
    if here:
        return None if any(other.deliver_on == BUILDS for other in here) else Link(name, settings)
    there = elsewhere.get(name, [])
    if not there or not all(other.promotes for other in there):
        return None
    return Link(name, next((other.settings for other in there if other.vouches), None))


def waits(settings: Settings, environment: Environment, elsewhere: Neighbours) -> int:
    """Return how many seconds a merge waits for the mark: what each environment before it may take, and `mark.timeout`."""
    total, link = seconds(settings.mark.timeout), before(settings, environment, elsewhere)
    while link and link.settings and (there := link.environment):
        total += seconds(link.settings.mark.timeout) + _takes(link.settings, there)
        link = before(link.settings, there, elsewhere)
    return total


def _takes(settings: Settings, environment: Environment) -> int:
    """Return how many seconds an environment takes from the proof to the mark, at most."""
    approval = seconds(environment.approval.timeout) if environment.approval else 0
    besides = max(application.besides_seconds for application in settings.applications)
    return approval + timeouts.rolling(environment.rollout_timeout, besides)


def shown(duration: int) -> str:
    """Return seconds as people say them."""
    return f"{duration} s" if duration < 120 else f"{-(-duration // 60)}m"
