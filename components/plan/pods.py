"""Whether the pods that patches make can be: what is wrong with one is said before anything is declared."""

from collections.abc import Iterator
from dataclasses import replace

from components.application import ApplicationArgs, before_template, template
from components.plan.application import application_args
from components.plan.delivery import Delivery
from components.possible import problems
from components.settings.errors import Location, path
from components.settings.pod_template import PodTemplate
from components.settings.stack import Stack
from components.settings.workloads import parts


def impossible(stack: Stack) -> Iterator[str]:
    """Yield a line for each thing that `podTemplate` makes of a pod and that cannot be."""
    said: set[str] = set()
    for index, environment in enumerate(stack.settings.environments):
        for number, application in enumerate(stack.settings.applications):
            if application.existing:
                continue
            leading = application_args(Delivery(stack, environment), application, "")
            for part in parts(application):
                args = leading if part.key is None else leading.followers[part.key]
                own: Location = ("applications", number, *part.below, "podTemplate")
                here: Location = ("environments", index, "applications", application.name, *part.below, "podTemplate")
                without = set(_problems(replace(args, pod_template=PodTemplate())))
                for problem in _problems(args):
                    line = f"{path(own if problem in without else here)}: {problem}"
                    # What an application's own brings is wrong in every environment.
                    yield from {line} - said
                    said.add(line)


def _problems(args: ApplicationArgs) -> Iterator[str]:
    if not any(patch.model_fields_set for patch in args.patches):
        return
    found = list(problems(template(args), ["http"] if args.container.port else []))
    yield from found
    if before := before_template(args):
        yield from (f"before rollouts, {problem}" for problem in problems(before) if problem not in found)
