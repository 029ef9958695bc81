"""Where the repositories are, and how the stack talks to the forge."""

from typing import Literal

from pydantic import Field

from components.settings import types as form
from components.settings.types import Model, Source


class Ssh(Model):
    """How commits are fetched."""

    url: form.SshUrl = Field(default="ssh://git@github.com", description="where the forge answers git")
    private_key: Source = Field(description="a read-only deploy key", examples=[{"file": "secrets/id_ed25519"}])
    known_hosts: Source = Field(
        description="the forge's host keys, in known_hosts form", examples=[{"file": "secrets/known_hosts"}]
    )


class OkToTest(Model):
    """Tests of a fork's pull request, at the word of somebody who may write. Off unless it is given."""

    token: Source = Field(
        description="a token that may read who may write to the repositories, and nothing else",
        examples=[{"file": "secrets/forge-reader-token"}],
    )


class Forge(Model):
    """Where the repositories are."""

    kind: Literal["github", "gitea"] = Field(default="github", description="the forge's software")
    api_url: form.Url = Field(default="https://api.github.com", description="base URL of the REST API")
    ssh: Ssh = Field(description="how commits are fetched")
    token: Source = Field(description="a token that may write commit statuses", examples=[{"file": "secrets/forge-token"}])
    ok_to_test: OkToTest | None = Field(
        default=None,
        description="lets `/ok-to-test <full sha>` start the tests of a fork's pull request; without it forks start nothing",
        examples=[{"token": {"file": "secrets/forge-reader-token"}}],
    )
