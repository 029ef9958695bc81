"""Where the repositories are, and how the stack talks to the forge."""

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from components.settings import types as form
from components.settings.sources import SecretSource
from components.settings.types import Model


class Ssh(Model):
    """How commits are fetched."""

    url: form.SshUrl = Field(default="ssh://git@github.com", description="where the forge answers git")
    private_key: SecretSource | None = Field(
        default=None,
        description="a read-only deploy key, for the repositories that have none in `deployKeys`; GitHub takes a deploy key "
        "for one repository only",
        examples=[{"file": "secrets/id_ed25519"}],
    )
    deploy_keys: dict[form.RepositoryName, SecretSource] = Field(
        default_factory=dict,
        description="read-only deploy keys of single repositories; each is mounted where its own repository is fetched",
        examples=[{"acme/shop": {"file": "secrets/shop-deploy-key"}}],
    )
    known_hosts: SecretSource = Field(
        description="the forge's host keys, in known_hosts form", examples=[{"file": "secrets/known_hosts"}]
    )

    def key_of(self, repository: str) -> SecretSource | None:
        """Return the key by which a repository is fetched. As on the forge, capitals make no difference."""
        own = {name.lower(): key for name, key in self.deploy_keys.items()}
        return own.get(repository.lower(), self.private_key)


class Https(Model):
    """How commits are fetched without SSH."""

    url: form.GitUrl = Field(default="https://github.com", description="where the forge answers git")
    username: form.GitUser = Field(default="x-access-token", description="whose token it is; GitHub and Gitea take any name")
    token: SecretSource | None = Field(
        default=None,
        description="a token that may read the repositories' contents, and nothing else; without it they must be public",
        examples=[{"file": "secrets/git-token"}],
    )
    tokens: dict[form.RepositoryName, SecretSource] = Field(
        default_factory=dict,
        description="such tokens of single repositories, in place of `token`; each is mounted where its own repository is "
        "fetched",
        examples=[{"acme/shop": {"file": "secrets/shop-git-token"}}],
    )

    def token_of(self, repository: str) -> SecretSource | None:
        """Return the token by which a repository is fetched; None for a public one."""
        own = {name.lower(): token for name, token in self.tokens.items()}
        return own.get(repository.lower(), self.token)


class Installation(Model):
    """A GitHub App, and where it is installed."""

    id: form.AppId = Field(description="the App's client ID or App ID", examples=["Iv23liAbCdEf"])
    installation_id: form.InstallationId = Field(
        description="the number at the end of the installation's address", examples=[12345678]
    )
    installations: dict[form.OwnerName, form.InstallationId] = Field(
        default_factory=dict,
        description="the installations of other owners of repositories, in place of `installationId`",
        examples=[{"globex": 23456789}],
    )


class App(Installation):
    """A GitHub App, installed where the repositories are. Steps get tokens from it, with the rights that they need."""

    private_key: SecretSource = Field(
        description="a private key of the App, as GitHub gives it (PEM, RSA); without `forge.ssh` and `forge.https` commits "
        "are fetched by the App's tokens, too",
        examples=[{"file": "secrets/forge-app.pem"}],
    )


class OkToTest(Model):
    """Tests of a fork's pull request, at the word of somebody who may write. Off unless it is given."""

    token: SecretSource | None = Field(
        default=None,
        description="a token that may read who may write to the repositories, and comments there, and nothing else; "
        "`forge.app` makes one where this is left out",
        examples=[{"file": "secrets/forge-reader-token"}],
    )


class Forge(Model):
    """Where the repositories are."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["ssh"]}, {"required": ["https"]}, {"required": ["app"]}],
            "not": {"required": ["ssh", "https"]},
        }
    )

    kind: Literal["github", "gitea"] = Field(default="github", description="the forge's software")
    api_url: form.Url = Field(default="https://api.github.com", description="base URL of the REST API")
    ssh: Ssh | None = Field(
        default=None,
        description="how commits are fetched",
        examples=[{"privateKey": {"file": "secrets/id_ed25519"}, "knownHosts": {"file": "secrets/known_hosts"}}],
    )
    https: Https | None = Field(
        default=None,
        description="how commits are fetched instead",
        examples=[{"token": {"file": "secrets/git-token"}}],
    )
    token: SecretSource | None = Field(
        default=None,
        description="a token that may write commit statuses, and comments for `comment`; this or `app`",
        examples=[{"file": "secrets/forge-token"}],
    )
    app: App | None = Field(default=None, description="a GitHub App instead of a token, on GitHub only")
    ok_to_test: OkToTest | None = Field(
        default=None,
        description="lets `/ok-to-test <full sha>` start the tests of a fork's pull request; without it forks start nothing",
        examples=[{"token": {"file": "secrets/forge-reader-token"}}],
    )

    run_url: form.RunUrl | None = Field(
        default=None,
        description="where people see a run; commit statuses and the pull request's comment link to it",
        examples=["https://tekton.example/#/namespaces/{namespace}/pipelineruns/{pipelineRun}"],
    )
    comment: bool = Field(
        default=True,
        description="whether a comment on the pull request tells what became of it, environment by environment. A token "
        "that may not write one fails nothing: the log of the step `report` says so",
    )
    deployments: bool = Field(
        default=False,
        description="whether GitHub hears of each rollout as a deployment to the environment; that may start workflows, and "
        "takes one more right (Deployments: write)",
        examples=[True],
    )
    addresses: list[form.AddressRange] = Field(
        default_factory=list,
        description="where the forge is, for git and its REST API; pods that talk to it reach these alone. By default every "
        "public address, or, for a name that only a company or a cluster has, every private one",
        examples=[["10.20.0.10/32"]],
    )

    @model_validator(mode="after")
    def _one_way_to_fetch(self) -> Self:
        if (self.ssh and self.https) or not (self.ssh or self.https or self.app):
            raise ValueError("a mapping with either `ssh` or `https`, or with neither and `app`, whose tokens fetch then")
        return self

    @property
    def fetches_by_app(self) -> bool:
        """Whether commits are fetched by tokens of the App."""
        return self.ssh is None and self.https is None

    @property
    def enterprise_host(self) -> str | None:
        """The host of a GitHub Enterprise Server; None for github.com and Gitea."""
        host = urlsplit(self.api_url).hostname
        return host if self.kind == "github" and host != "api.github.com" else None

    @property
    def web_url(self) -> str:
        """Where people find the repositories, by where the REST API is: `https://github.com`."""
        scheme, host, *_ = urlsplit(self.api_url)
        above = re.sub(r"/api/v[0-9]+$", "", urlsplit(self.api_url).path)
        return f"{scheme}://{host.removeprefix('api.') if self.kind == 'github' else host}{above}"

    @property
    def git_url(self) -> str:
        """Where the forge answers git, without a path."""
        there = self.https or self.ssh
        return there.url if there else self.web_url
