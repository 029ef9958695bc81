"""GitHub as a stack's App alone: what the App may know and change of itself takes no token of an administrator."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from operate.errors import OperateError
from operate.init.github import GitHubForge, parts
from operate.init.registered import MARKER, Key, Repository, Rule, Webhook

# What its owner enters at GitHub, who wants a URL there before there is a listener.
_NOBODYS = "https://example.com/"
_PAGE = "the App's page at GitHub"


class AppForge(GitHubForge):
    """GitHub, as an App: its own webhook in place of one in each repository. There are no deploy keys and no rulesets."""

    def __init__(self, api_url: str, app_id: str, private_key: str, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__(api_url, "", transport)
        self._id, self._key = app_id, private_key
        self._app, _ = self._as_app(app_id, private_key)
        self._wanted: frozenset[str] = frozenset()

    def installed_for(self) -> list[str]:
        """Return its owner's repositories that the App is installed for. Raises OperateError where that says none.

        Anybody may install a public App, for repositories of theirs.
        """
        found: list[str] = []
        owner = self._call(self._app.rest.apps.get_authenticated).owner.id
        for each in self._pages(self._app.rest.apps.list_installations):
            if each.account is None or each.account.id != owner:
                continue
            if each.repository_selection != "selected":
                raise OperateError(self._name("was let into all repositories of its owner"))
            seeing = self._seeing(each.id)
            listed = self._pages(seeing.rest.apps.list_repos_accessible_to_installation, within="repositories")
            found += [repository.full_name for repository in listed]
        if not found:
            raise OperateError(self._name(f"is installed for no repository of its owner: do that on {_PAGE}, Install App"))
        return found

    def _name(self, why: str) -> str:
        return f"the App {self._id} {why}; name with --repository those that are wanted"

    def _seeing(self, installation: int, **about: Any) -> Any:
        """Return a client with a token that sees what is there. What stands below a client lives no longer than it."""
        create = self._app.rest.apps.create_installation_access_token
        return self._client(self._call(create, installation, permissions={"metadata": "read"}, **about).token)

    def repository(self, name: str) -> Repository:
        """Return a repository, by a token that sees that it is there."""
        (number,) = self.installations(self._id, self._key, [name]).values()
        seeing = self._seeing(number, repositories=[parts(name)[1]])
        found = self._call(seeing.rest.repos.get, *parts(name))
        return Repository(found.full_name, found.default_branch, administers=True)

    def keys(self, repository: str) -> Sequence[Key]:
        """Return nothing: commits are fetched by the App."""
        return []

    def rules(self, repository: str) -> Sequence[Rule]:
        """Return nothing: that takes an administrator."""
        return []

    def events(self, *, builds: bool, comments: bool) -> frozenset[str]:
        """Return what a listener has to hear. Raises OperateError for what the App does not hear of."""
        self._wanted = super().events(builds=builds, comments=comments)
        heard = set(self._call(self._app.rest.apps.get_authenticated).events)
        if lacking := sorted(self._wanted - heard):
            raise OperateError(
                f"the App {self._id} does not hear of {', '.join(lacking)}; choose that on {_PAGE}, Permissions & events"
            )
        return self._wanted

    def webhooks(self, repository: str) -> Sequence[Webhook]:
        """Return the App's own, unless it leads nowhere. Raises OperateError where it is another stack's, or somebody's."""
        try:
            found = self._call(self._app.rest.apps.get_webhook_config_for_app)
        except OperateError as error:
            raise OperateError(
                f"the webhook of the App {self._id}: {error}; on {_PAGE} tick Active, with {_NOBODYS} for now, or set "
                "$FORGE_TOKEN for a webhook in each repository"
            ) from None
        url = str(found.url or "")
        if not url or urlsplit(url).hostname in ("example.com", "example.org"):
            return []
        form, checks = found.content_type or "form", str(found.insecure_ssl or "0") == "0"
        return [Webhook(url, self._wanted, content_type=form, checks_certificate=checks, id=1)]

    def put_webhook(self, repository: str, wanted: Webhook, secret: str, instead_of: Webhook | None) -> None:
        """Have the App's own webhook tell the listener. Raises OperateError where it tells another one."""
        for there in self.webhooks(repository):
            if not instead_of:
                whose = "another stack's" if f"{MARKER}=" in there.url else "somebody's"
                raise OperateError(
                    f"the webhook of the App {self._id} is {whose}, {there.base}, and an App has one: take an App for each "
                    f"stack, or enter {_NOBODYS} there if it is nobody's any more"
                )
        self._put(wanted.url, secret)

    def delete_webhook(self, repository: str, webhook: Webhook) -> None:
        """Have it lead nowhere."""
        self._put(_NOBODYS, "")

    def _put(self, url: str, secret: str) -> None:
        config = {"url": url, "content_type": "json", "insecure_ssl": "0"} | ({"secret": secret} if secret else {})
        self._call(self._app.rest.apps.update_webhook_config_for_app, **config)
