"""GitHub's REST API, as far as a stack's registration goes, by its published models."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from githubkit import AppAuthStrategy, GitHub
from githubkit.exception import GitHubException, RequestFailed
from pydantic import ValidationError

from components.conventions import plain
from components.tasks.forge import is_granted
from operate.bounded import SECONDS, Bounded
from operate.errors import OperateError
from operate.init.registered import Key, Repository, Rule, Webhook, repeat

# The most that a page has: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
_PAGE_SIZE = 100


class GitHubForge:
    """GitHub, as whoever a token belongs to."""

    several_repositories_a_key = False

    def __init__(self, api_url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self._api_url, self._transport = api_url, Bounded(transport)
        # What stands below a client lives no longer than it.
        self._github = self._client(token)
        self._rest = self._github.rest

    def _client(self, who: Any) -> Any:
        # A redirection would take the token, or a change, to another place; a repeated change may be made twice.
        return GitHub(
            who,
            base_url=self._api_url,
            timeout=SECONDS,
            follow_redirects=False,
            auto_retry=False,
            http_cache=False,
            transport=self._transport,
        )

    def repository(self, name: str) -> Repository:
        """Return a repository."""
        found = self._call(self._rest.repos.get, *parts(name))
        permissions = found.permissions
        return Repository(found.full_name, found.default_branch, bool(permissions and permissions.admin))

    def keys(self, repository: str) -> Sequence[Key]:
        """Return its deploy keys."""
        found = self._all(self._rest.repos.list_deploy_keys, repository)
        return [Key(each.id, each.title, " ".join(each.key.split()[:2]), each.read_only) for each in found]

    def add_key(self, repository: str, title: str, key: str) -> None:
        """Register a deploy key that only reads."""
        self._call(self._rest.repos.create_deploy_key, *parts(repository), title=title, key=key, read_only=True)

    def delete_key(self, repository: str, key: Key) -> None:
        """Take a deploy key away."""
        self._call(self._rest.repos.delete_deploy_key, *parts(repository), key.id)

    def webhooks(self, repository: str) -> Sequence[Webhook]:
        """Return its webhooks."""
        return [
            Webhook(
                url=each.config.url or "",
                events=frozenset(each.events),
                active=each.active,
                content_type=each.config.content_type or "form",
                checks_certificate=str(each.config.insecure_ssl or "0") == "0",
                id=each.id,
            )
            for each in self._all(self._rest.repos.list_webhooks, repository)
        ]

    def put_webhook(self, repository: str, wanted: Webhook, secret: str, instead_of: Webhook | None) -> None:
        """Register a webhook, or change the one that it replaces."""
        config = {"url": wanted.url, "content_type": wanted.content_type, "secret": secret, "insecure_ssl": "0"}
        body = {"config": config, "events": sorted(wanted.events), "active": True}
        if instead_of:
            self._call(self._rest.repos.update_webhook, *parts(repository), instead_of.id, **body)
        else:
            self._call(self._rest.repos.create_webhook, *parts(repository), name="web", **body)

    def delete_webhook(self, repository: str, webhook: Webhook) -> None:
        """Take a webhook away."""
        self._call(self._rest.repos.delete_webhook, *parts(repository), webhook.id)

    def events(self, *, builds: bool, comments: bool) -> frozenset[str]:
        """Return what a listener has to hear."""
        return frozenset({"pull_request"} | ({"push"} if builds else set()) | ({"issue_comment"} if comments else set()))

    def rules(self, repository: str) -> Sequence[Rule]:
        """Return its own rulesets of a branch that want checks of one App, in full."""
        listed = self._all(self._rest.repos.get_repo_rulesets, repository, includes_parents=False)
        full = [self._call(self._rest.repos.get_repo_ruleset, *parts(repository), each.id) for each in listed]
        return [_rule(each.model_dump(exclude_unset=True)) for each in full]

    def put_rule(self, repository: str, wanted: Rule, instead_of: Rule | None) -> None:
        """Register a ruleset, or change the one that it replaces."""
        checks = [{"context": check, "integration_id": wanted.app} for check in wanted.checks]
        # A pull request whose base moved is told by `promotable`; a new branch has no checks yet.
        parameters = {
            "required_status_checks": checks,
            "strict_required_status_checks_policy": False,
            "do_not_enforce_on_create": True,
        }
        body = {
            "name": wanted.name,
            "target": "branch",
            "enforcement": "active",
            "conditions": {"ref_name": {"include": [f"refs/heads/{branch}" for branch in wanted.branches], "exclude": []}},
            "rules": [{"type": "required_status_checks", "parameters": parameters}],
        }
        if instead_of:
            self._call(self._rest.repos.update_repo_ruleset, *parts(repository), instead_of.id, **body)
        else:
            self._call(self._rest.repos.create_repo_ruleset, *parts(repository), **body)

    def delete_rule(self, repository: str, rule: Rule) -> None:
        """Take a ruleset away."""
        self._call(self._rest.repos.delete_repo_ruleset, *parts(repository), rule.id)

    def host_keys(self) -> Sequence[str]:
        """Return the SSH host keys that GitHub tells; nothing where that is not by TLS."""
        if not self._api_url.startswith("https://"):
            return []
        return list(self._call(self._rest.meta.get).ssh_keys or [])

    def installations(self, app_id: str, private_key: str, repositories: Sequence[str]) -> dict[str, int]:
        """Return where an App is installed for each repository. Raises OperateError for one where it is not."""
        client, _ = self._as_app(app_id, private_key)
        found = {}
        for repository in repositories:
            try:
                found[repository] = int(self._call(client.rest.apps.get_repo_installation, *parts(repository)).id)
            except OperateError as error:
                raise OperateError(f"the App {app_id} is not installed for {repository}: {error}") from None
        return found

    def _as_app(self, app_id: str, private_key: str) -> tuple[Any, int]:
        """Return a client that is an App, and the App's number."""
        try:
            if not isinstance(load_pem_private_key(private_key.strip().encode(), None), RSAPrivateKey):
                raise ValueError
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise OperateError(
                "the App's private key (--app-key) is none that GitHub gives: PEM, RSA, no passphrase"
            ) from None
        client = self._client(AppAuthStrategy(app_id, private_key))
        return client, int(self._call(client.rest.apps.get_authenticated).id)

    def app(self, app_id: str, private_key: str, installations: Mapping[str, int], rights: Mapping[str, str]) -> int:
        """Return an App's number, after seeing that it was granted for each repository what the stack needs."""
        client, number = self._as_app(app_id, private_key)
        rest = client.rest
        for repository, installation in installations.items():
            found = self._call(rest.apps.get_repo_installation, *parts(repository))
            if found.id != installation:
                raise OperateError(f"the App {app_id} is installed for {repository} as {found.id}, not as {installation}")
            granted = found.permissions.model_dump(exclude_unset=True)
            lacking = [f"{name}: {level}" for name, level in rights.items() if not is_granted(granted, name, level)]
            if found.suspended_at or lacking:
                why = "it is suspended" if found.suspended_at else f"it lacks {', '.join(lacking)}"
                raise OperateError(f"the App {app_id}, installation {installation}: {why}; change that on GitHub")
        return number

    def _all(self, call: Callable[..., Any], repository: str, **more: Any) -> list[Any]:
        return self._pages(call, *parts(repository), **more)

    def _pages(self, call: Callable[..., Any], *arguments: Any, within: str | None = None, **more: Any) -> list[Any]:
        """Return what there is on all pages; `within` is the field in which each has it, if it is not a list itself."""
        found: list[Any] = []
        page, is_full = 0, True
        while is_full:
            page += 1
            answer = self._call(call, *arguments, per_page=_PAGE_SIZE, page=page, **more)
            items = (getattr(answer, within) if within else answer) or []
            found += items
            is_full = len(items) == _PAGE_SIZE
        return found

    def _call(self, call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Return what GitHub answers. Raises OperateError with its words."""
        answer: Any = None
        try:
            answer = call(*arguments, **more)
            if answer.status_code >= 300:  # a redirection, which the client takes for an answer
                raise RequestFailed(answer)
            return answer.parsed_data if answer.raw_response.content else None
        except RequestFailed as error:
            request, response = error.request, error.response
            reason = plain(_reason(response.raw_response))[:300]
            what = f"{request.method} {_without_query(str(request.url))}"
            raise OperateError(f"{what}: the forge answers {response.status_code}: {reason}") from None
        except ValidationError as error:
            asked = f"{answer.raw_request.method} {_without_query(str(answer.raw_request.url))}"
            raise OperateError(f"{asked}: not of GitHub's published form: {_lacks(error)}; is that its REST API?") from None
        except GitHubException as error:
            cause = error.__cause__
            again = repeat(cause.request.method) if isinstance(cause, httpx.TransportError) else ""
            raise OperateError(f"{self._api_url} has no answer: {cause or type(error).__name__}{again}") from None


def parts(repository: str) -> tuple[str, str]:
    """Return owner and name."""
    owner, _, name = repository.partition("/")
    return owner, name


def _without_query(url: str) -> str:
    return urlsplit(url)._replace(query="").geturl()


def _lacks(error: ValidationError) -> str:
    """Return what is wrong with an answer, by the first fields."""
    mistakes = error.errors(include_input=False, include_url=False)
    if any(each["type"] == "json_invalid" for each in mistakes):
        return "it is no JSON"
    # A model of several has what is wrong with each of them, by their names.
    fields = list(dict.fromkeys(str(each["loc"][-1]) for each in mistakes if each["loc"])) or ["all of it"]
    return ", ".join(fields[:5]) + (f" and {len(fields) - 5} more" if len(fields) > 5 else "")


def _reason(answer: httpx.Response) -> str:
    """Return GitHub's `message` with what its `errors` say."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text
    errors = [str(each.get("message") or each.get("code")) for each in body.get("errors") or [] if isinstance(each, dict)]
    return "; ".join([str(body.get("message")), *errors])


def _rule(body: dict[str, Any]) -> Rule:
    """Return a ruleset as far as it could be a stack's; what goes further makes it another one."""
    refs = (body.get("conditions") or {}).get("ref_name") or {}
    include, rules = refs.get("include") or [], body.get("rules") or []
    checks = rules[0]["parameters"]["required_status_checks"] if [each["type"] for each in rules] == _CHECKS else []
    apps = {check.get("integration_id") for check in checks}
    return Rule(
        name=body["name"],
        branches=tuple(ref.removeprefix("refs/heads/") for ref in include) if not refs.get("exclude") else (),
        checks=tuple(check["context"] for check in checks),
        app=apps.pop() or 0 if len(apps) == 1 else 0,
        id=body["id"],
        active=body["enforcement"] == "active",
    )


_CHECKS = ["required_status_checks"]
