"""GitHub in memory, as far as `init` asks it: a body with a field that its published models do not know is refused."""

import datetime
import json
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from githubkit_schemas.v2026_03_10 import models
from pydantic import BaseModel

# A host key of GitHub's, as `GET /meta` tells it: https://docs.github.com/en/rest/meta
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
BODIES = {
    "hooks": models.ReposOwnerRepoHooksPostBody,
    "keys": models.ReposOwnerRepoKeysPostBody,
    "rulesets": models.ReposOwnerRepoRulesetsPostBody,
}
CHANGES = {"hooks": models.ReposOwnerRepoHooksHookIdPatchBody, "rulesets": models.ReposOwnerRepoRulesetsRulesetIdPutBody}
MODELS = {"hooks": models.Hook, "keys": models.DeployKey, "rulesets": models.RepositoryRuleset}


def page(request: httpx.Request, found: list[Any]) -> list[Any]:
    """Return those of a page: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api"""
    number, most = int(request.url.params.get("page", 1)), min(int(request.url.params.get("per_page", 30)), 100)
    return found[(number - 1) * most : number * most]


@dataclass
class GitHub:
    """Repositories of one owner, and the App that is installed there."""

    repositories: dict[str, dict[str, dict[int, dict[str, Any]]]] = field(default_factory=dict)
    """Name → kind (`hooks`, `keys`, `rulesets`) → number → what was sent."""
    administers: bool = True
    granted: dict[str, str] = field(
        default_factory=lambda: {"statuses": "write", "pull_requests": "write", "metadata": "read", "contents": "read"}
    )
    installed: dict[str, int] = field(default_factory=dict)
    """Where the App is installed for repositories of other owners; 0: nowhere."""
    selection: str = "selected"
    """Whether the App is installed for repositories that somebody chose, or for `all`."""
    strangers: list[int] = field(default_factory=list)
    """Who else has installed the App, by number, for repositories of theirs; its owner's number is 1."""
    hears: tuple[str, ...] = ("pull_request", "push")
    """The events that the App is told."""
    hook: dict[str, Any] | None = field(default_factory=lambda: {"url": "https://example.com/"})
    """The App's own webhook, as it was entered; None while it is not active."""
    tokens: list[dict[str, Any]] = field(default_factory=list)
    """What tokens of the App's installation were asked for."""
    writes: list[str] = field(default_factory=list)
    fails: Callable[[str, str], bool] = lambda method, path: False
    _numbers: int = 0

    def add(self, name: str) -> None:
        """Make a repository."""
        self.repositories[name] = {kind: {} for kind in MODELS}

    def put(self, name: str, kind: str, body: dict[str, Any]) -> int:
        """Have something there that was registered by somebody."""
        self._numbers += 1
        self.repositories[name][kind][self._numbers] = body
        return self._numbers

    def transport(self) -> httpx.MockTransport:
        """Return what a client talks to."""
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as GitHub does."""
        path, method = request.url.path, request.method
        if method != "GET":
            self.writes.append(f"{method} {path}")
        if self.fails(method, path):
            return httpx.Response(502, json={"message": "Server Error"})
        if path == "/meta":
            return reply(models.ApiOverview, {"ssh_keys": [HOST_KEY]})
        if path == "/app":
            return reply(models.Integration, {"id": 99, "events": list(self.hears)})
        if path == "/app/hook/config":
            return self._own_hook(method, json.loads(request.content) if request.content else {})
        if path == "/app/installations":
            owner = sample(models.SimpleUser)
            made = [
                {"id": 4711 if account == 1 else account, "account": owner | {"id": account}}
                for account in (*self.strangers, 1)
            ]
            about = {"repository_selection": self.selection}
            listed = page(request, made)
            return httpx.Response(200, json=[{**sample(models.Installation), **about, **each} for each in listed])
        if path == "/installation/repositories":
            seen = [{**sample(models.Repository), "full_name": name} for name in page(request, list(self.repositories))]
            return httpx.Response(200, json={"total_count": len(self.repositories), "repositories": seen})
        if path.endswith("/access_tokens"):
            self.writes.pop()  # which changes nothing
            if path != "/app/installations/4711/access_tokens":
                return refusal(403, "a stranger's")
            self.tokens.append(json.loads(request.content))
            return httpx.Response(201, json={**sample(models.InstallationToken), "token": "ghs_of-an-hour"})
        if at := re.fullmatch("/repos/([^/]+)/[^/]+/installation", path):
            number = self.installed.get(at[1], 4711)
            told = {"id": number, "permissions": self.granted, "suspended_at": None}
            return reply(models.Installation, told) if number else refusal(404, "Not Found")
        found = re.fullmatch(r"/repos/([^/]+/[^/]+)(?:/(hooks|keys|rulesets)(?:/([0-9]+))?)?", path)
        if not found or found[1] not in self.repositories:
            return refusal(404, "Not Found")
        name, kind, number = found.groups()
        if kind is None:
            return reply(models.FullRepository, self._repository(name))
        if not self.administers:
            return refusal(404, "Not Found")
        body = json.loads(request.content) if request.content else {}
        return self._resource(method, name, kind, int(number) if number else None, body)

    def _own_hook(self, method: str, body: dict[str, Any]) -> httpx.Response:
        if self.hook is None:
            return refusal(404, "Not Found")
        if strange := unknown(models.AppHookConfigPatchBody, body):
            return refusal(422, f"{strange} is not a permitted key")
        self.hook |= body
        shown = self.hook | ({"secret": "********"} if "secret" in self.hook else {})
        return reply(models.WebhookConfig, shown)

    def _repository(self, name: str) -> dict[str, Any]:
        rights = {"admin": self.administers, "pull": True, "push": True}
        return {"full_name": name, "default_branch": "trunk", "permissions": rights}

    def _resource(self, method: str, name: str, kind: str, number: int | None, body: dict[str, Any]) -> httpx.Response:
        there, model = self.repositories[name][kind], MODELS[kind]
        if number is not None and number not in there:
            return refusal(404, "Not Found")
        match method, number:
            case "GET", None:
                return httpx.Response(200, json=[shown(model, kind, each, there[each]) for each in there])
            case "GET", int():
                return reply(model, shown(model, kind, number, there[number]))
            case "DELETE", int():
                del there[number]
                return httpx.Response(204)
            case "POST", None:
                return self._made(name, kind, body)
            case (("PATCH" | "PUT"), int()) if kind in CHANGES:
                if strange := unknown(CHANGES[kind], body):
                    return refusal(422, f"{strange} is not a permitted key")
                there[number] |= body
                return httpx.Response(200, json=shown(model, kind, number, there[number]))
        return refusal(404, "Not Found")

    def _made(self, name: str, kind: str, body: dict[str, Any]) -> httpx.Response:
        if strange := unknown(BODIES[kind], body):
            return refusal(422, f"{strange} is not a permitted key")
        if kind == "keys":
            # A deploy key opens one repository: https://docs.github.com/en/authentication/connecting-to-github-with-ssh
            registered = {each["key"] for there in self.repositories.values() for each in there["keys"].values()}
            # As on Gitea.
            if body["title"] in {each["title"] for each in self.repositories[name]["keys"].values()}:
                return refusal(422, "A key with the same name already exists")
            if body["key"] in registered:
                return refusal(422, "Validation Failed", "key is already in use")
        if kind == "hooks" and body["config"]["url"] in {
            each["config"]["url"] for each in self.repositories[name]["hooks"].values()
        }:
            return refusal(422, "Validation Failed", "Hook already exists on this repository")
        number = self.put(name, kind, body)
        return httpx.Response(201, json=shown(MODELS[kind], kind, number, body))


def shown(model: type[BaseModel], kind: str, number: int, body: dict[str, Any]) -> dict[str, Any]:
    """Return what GitHub tells of something: a webhook's secret is stars."""
    told = {**sample(model), **body, "id": number}
    if kind == "hooks":
        told["config"] = {**body["config"], "secret": "********"}
    return told


def reply(model: type[BaseModel], body: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={**sample(model), **body})


def refusal(status: int, message: str, *errors: str) -> httpx.Response:
    return httpx.Response(status, json={"message": message, "errors": [{"message": each} for each in errors]})


def unknown(model: type[BaseModel], body: Any, place: str = "") -> str:
    """Return the first field of a body that its model does not know."""
    if not isinstance(body, dict):
        return ""
    for name, value in body.items():
        known = next((info for key, info in model.model_fields.items() if name in (key, info.alias)), None)
        if known is None:
            return f"{place}{name}"
        inner = models_in(known.annotation)
        for each in value if isinstance(value, list) else [value]:
            found = [unknown(other, each, f"{place}{name}.") for other in inner]
            if isinstance(each, dict) and found and all(found):
                return found[0]
    return ""


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arm in typing.get_args(annotation) for found in models_in(arm)]


def sample(model: type[BaseModel]) -> dict[str, Any]:
    """Return what a model demands, with values that say nothing."""
    fields = model.model_fields.items()
    return {info.alias or name: value(info.annotation) for name, info in fields if info.is_required()}


def value(annotation: Any) -> Any:
    origin, arms = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return arms[0]
    if origin is list:
        return []
    if origin is typing.Annotated:
        return value(arms[0])
    if arms and origin is not dict:
        return None if type(None) in arms else value(arms[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return sample(annotation)
    said = {str: "some", int: 1, bool: False, float: 1.0, datetime.datetime: "2026-01-02T03:04:05Z"}
    return said.get(annotation, {})
