"""Who has to say yes before an environment gets something."""

from typing import Self

from pydantic import Field, model_validator

from components.settings import types as form
from components.settings.types import Model


class Approval(Model):
    """People who approve a digest by name, as the cluster knows them."""

    users: list[form.Who] = Field(
        default_factory=list, description="user names, as `kubectl auth whoami` shows them", examples=[["ana@example.com"]]
    )
    groups: list[form.Who] = Field(default_factory=list, description="groups of the cluster", examples=[["releasers"]])
    count: form.Count = Field(default=1, description="how many different people it takes")
    timeout: form.Duration = Field(default="30m", description="how long a merge waits for them")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.users and not self.groups:
            raise ValueError("a mapping with `users`, `groups` or both: somebody has to approve")
        if not self.groups and len(set(self.users)) < self.count:
            raise ValueError(f"a mapping whose `count` is at most the number of its users, {len(set(self.users))}")
        return self
