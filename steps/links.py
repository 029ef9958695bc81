"""Where people find a run, by a template of the settings: a dashboard, or a cluster's console."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from steps.inputs import given

# What may stand in a template in braces. `components/settings/forge.py` takes no other.
PLACEHOLDERS = ("application", "commit", "environment", "namespace", "pipelineRun", "pullRequest", "repository")
_PLACEHOLDER = re.compile("\\{([A-Za-z]+)\\}")


@dataclass(frozen=True, kw_only=True)
class Page:
    """Where a run of this delivery namespace is shown."""

    template: str = given("RUN_URL")
    namespace: str = given("RUN_NAMESPACE")
    environment: str = given("ENVIRONMENT")
    run: str = given("PARAM_RUN")
    application: str = given("PARAM_APPLICATION")
    pull_request: str = given("PARAM_PULL_REQUEST")
    repository: str = given("PARAM_REPOSITORY")

    def of(self, commit: str, pull_request: str | None = None) -> str:
        """Return the page, as a status about this commit links to it."""
        values = {
            "application": self.application,
            "commit": commit,
            "environment": self.environment,
            "namespace": self.namespace,
            "pipelineRun": self.run,
            "pullRequest": self.pull_request if pull_request is None else pull_request,
            "repository": self.repository,
        }
        return filled(self.template, {name: quote(value, safe="/") for name, value in values.items()})


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a template with values in the place of what stands in braces; others stay."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)
