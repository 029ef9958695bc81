"""What the forge's administrator sets up. Every `ensure_…` leaves alone what is as it should be."""

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Literal

import httpx

from local.forge.api import Api, ApiError
from local.forge.client import Gitea

Permission = Literal["read", "write", "admin"]

# Opened, closed, reopened, edited; new commits; comments; pushes to branches. Gitea's own `pull_request` adds labels,
# assignees and reviews.
EVENTS = ("pull_request_only", "pull_request_sync", "pull_request_comment", "push")


class Administration(Gitea):
    """Users, repositories, keys, tokens and webhooks. Tokens need the administrator's password, not a token."""

    def accepts(self, user: str, password: str) -> bool:
        """Whether the user can sign in with the password."""
        try:
            Api(self.url, user=user, password=password, transport=self.transport).call("GET", "/user", f"sign in as {user}")
        except ApiError as error:
            if error.status == httpx.codes.UNAUTHORIZED:
                return False
            raise
        return True

    def ensure_user(self, user: str, password: str) -> None:
        """An account that can sign in with the password."""
        what = f"create the user {user}"
        if self.find(f"/users/{user}", what) is None:
            account = {"username": user, "email": f"{user}@forge.internal", "password": password}
            self.call("POST", "/admin/users", what, json={**account, "must_change_password": False})
        elif not self.accepts(user, password):
            self.set_password(user, password)

    def set_password(self, user: str, password: str) -> None:
        self.call(
            "PATCH",
            f"/admin/users/{user}",
            f"set the password of {user}",
            # Gitea wants to hear these two even where they do not change.
            json={"login_name": user, "source_id": 0, "password": password, "must_change_password": False},
        )

    def ensure_organization(self, name: str) -> None:
        what = f"create the organization {name}"
        if self.find(f"/orgs/{name}", what) is None:
            self.call("POST", "/orgs", what, json={"username": name, "visibility": "private"})

    def ensure_repository(self, repository: str, *, private: bool = True) -> bool:
        """An organization's repository. Returns whether it is empty."""
        owner, name = repository.split("/")
        what = f"create the repository {repository}"
        found = self.find(f"/repos/{repository}", what)
        if found is None:
            found = self.call(
                "POST", f"/orgs/{owner}/repos", what, json={"name": name, "private": private, "default_branch": "main"}
            )
        return bool(found["empty"])

    def ensure_collaborator(self, repository: str, user: str, permission: Permission) -> None:
        path = f"/repos/{repository}/collaborators/{user}"
        what = f"let {user} {permission} {repository}"
        found = self.find(f"{path}/permission", what)
        if found is None or found["permission"] != permission:
            self.call("PUT", path, what, json={"permission": permission})

    def ensure_protection(self, repository: str, branch: str, users: Sequence[str]) -> None:
        """Only these users may push or merge to the branch, and nobody may rewrite it."""
        path = f"/repos/{repository}/branch_protections"
        what = f"protect the branch {branch} of {repository}"
        wanted = {
            "enable_push": True,
            "enable_push_whitelist": True,
            "push_whitelist_usernames": sorted(users),
            "enable_merge_whitelist": True,
            "merge_whitelist_usernames": sorted(users),
        }
        found = self.find(f"{path}/{branch}", what)
        if found is None:
            self.call("POST", path, what, json={"rule_name": branch, **wanted})
        elif any(found[key] != value for key, value in wanted.items()):
            self.call("PATCH", f"{path}/{branch}", what, json=wanted)

    def ensure_deploy_key(self, repository: str, title: str, public_key: str, *, read_only: bool = True) -> None:
        """An SSH key that opens this repository only. A key of that title that differs is replaced."""
        path = f"/repos/{repository}/keys"
        what = f"register the deploy key {title} of {repository}"
        wanted = public_key.split()[:2]  # without the comment
        present = False
        for key in list(self.all(path, what)):
            if key["key"].split()[:2] == wanted and key["read_only"] == read_only:
                present = True
            elif key["title"] == title or key["key"].split()[:2] == wanted:
                self.call("DELETE", f"{path}/{key['id']}", what)
        if not present:
            self.call("POST", path, what, json={"title": title, "key": " ".join(wanted), "read_only": read_only})

    def new_token(self, user: str, name: str, scopes: Collection[str]) -> str:
        """A token of that name; an older one of the same name stops working."""
        path = f"/users/{user}/tokens"
        what = f"create the token {name} of {user}"
        if any(token["name"] == name for token in self.all(path, what)):
            self.call("DELETE", f"{path}/{name}", what)
        return str(self.call("POST", path, what, json={"name": name, "scopes": sorted(scopes)})["sha1"])

    def ensure_webhook(self, repository: str, name: str, url: str, secret: str, events: Sequence[str] = EVENTS) -> None:
        """A signed webhook. One of that name that differs in anything, its secret included, is replaced.

        Gitea does not tell a webhook's secret and ignores a new one when a webhook is edited, so its name carries a
        fingerprint of everything it was made with.
        """
        path = f"/repos/{repository}/hooks"
        what = f"set the webhook {name} of {repository}"
        made_with = json.dumps([url, secret, sorted(events)]).encode()
        full_name = f"{name} {hashlib.sha256(made_with).hexdigest()[:12]}"
        hooks = [hook for hook in self.all(path, what) if hook["name"].split(" ")[0] == name]
        if not any(hook["name"] == full_name and hook["active"] for hook in hooks):
            config = {"url": url, "content_type": "json", "secret": secret}
            settings = {"type": "gitea", "name": full_name, "active": True, "events": list(events)}
            self.call("POST", path, what, json={**settings, "config": config})
        for hook in hooks:
            if hook["name"] != full_name or not hook["active"]:
                self.call("DELETE", f"{path}/{hook['id']}", what)

    def delete_webhook(self, repository: str, name: str) -> None:
        """Remove the webhook of that name, if there is one."""
        path = f"/repos/{repository}/hooks"
        what = f"delete the webhook {name} of {repository}"
        for hook in list(self.all(path, what)):
            if hook["name"].split(" ")[0] == name:
                self.call("DELETE", f"{path}/{hook['id']}", what)
