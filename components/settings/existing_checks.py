"""What is said of workloads that are somebody else's: of their pods, nothing."""

from collections.abc import Iterator

from components.settings.application import Application, Container
from components.settings.environment import Workload
from components.settings.errors import Location, path
from components.settings.settings import Settings

_THEIRS = "the workloads are `existing`, and who makes them says that; remove it"


def existing_inconsistencies(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting of a declared container beside workloads that are not declared."""
    for number, application in enumerate(settings.applications):
        place: Location = ("applications", number)
        check = application.smoke_check
        if not application.existing:
            if check and check.service:
                yield f"{path((*place, 'smokeCheck', 'service'))}: the application's own Service is asked; remove it"
            continue
        if check and not check.service:
            needed = "missing; name the Service that is asked, of the workloads that are `existing`"
            yield f"{path((*place, 'smokeCheck', 'service'))}: {needed}"
        for name in (*(each for each in Container.model_fields if each != "smoke_check"), "workloads", "before_rollout"):
            if name in application.model_fields_set:
                yield f"{path((*place, Application.model_fields[name].alias or name))}: {_THEIRS}"
        for index, environment in enumerate(settings.environments):
            where: Location = ("environments", index)
            here = environment.applications.get(application.name)
            for name in sorted(here.model_fields_set) if here else ():
                key = Workload.model_fields[name].alias or name
                yield f"{path((*where, 'applications', application.name, key))}: {_THEIRS}"
            if application.name in environment.node_ports:
                yield f"{path((*where, 'nodePorts', application.name))}: {_THEIRS}"
