"""The API server as whoever runs Pulumi finds it: plain requests, plain manifests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import client, config

from components.conventions import Manifest, plain
from offline.needs.values import Needs
from operate import kubeconfig
from operate.errors import OperateError
from operate.patience import is_busy


class NoClusterError(Exception):
    """No kubeconfig, or nobody answers."""


class RefusedError(Exception):
    """The API server does not do it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_passing(self) -> bool:
        """Whether it says nothing of what was asked."""
        return is_busy(self.status)


@dataclass(frozen=True)
class Review:
    """A right that is asked about."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        named = f"{self.resource}.{self.group}" if self.group else self.resource
        return (
            f"{self.verb} {named}"
            + (f" {self.name}" if self.name else "")
            + (f" in {self.namespace}" if self.namespace else "")
        )


class Api:
    """Who asks."""

    def __init__(self, needs: Needs) -> None:
        """Find the kubeconfig as Pulumi does. Raises NoClusterError."""
        try:
            self._client = kubeconfig.connect(needs.context, needs.kubeconfig)
        except OperateError as error:
            raise NoClusterError(str(error)) from None
        except (OSError, config.ConfigException) as error:
            if needs.kubeconfig or needs.context:
                raise NoClusterError(str(error)) from None
            try:
                self._client = kubeconfig.in_cluster()
            except config.ConfigException:
                raise NoClusterError(str(error)) from None
        self.where = str(self._client.configuration.host)

    def get(self, path: str, **query: str) -> Manifest:
        """Return what is at a path. Raises RefusedError and NoClusterError."""
        return self._call("GET", path, query)

    def find(self, path: str) -> Manifest | None:
        """Return what is at a path, None if nothing is."""
        try:
            return self.get(path)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def create(self, path: str, body: Manifest, **query: str) -> Manifest:
        """Create something."""
        return self._call("POST", path, query, body)

    def delete(self, path: str) -> None:
        """Delete something, and do not wait for its end."""
        self._call("DELETE", path, {})

    def log(self, namespace: str, pod: str, container: str) -> str:
        """Return what a container has printed."""
        return self._raw("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", {"container": container}).decode(
            errors="replace"
        )

    def may(self, review: Review) -> bool:
        """Return whether the user may do something."""
        return self._may(review, "SelfSubjectAccessReview", {})

    def may_other(self, review: Review, user: str) -> bool:
        """Return whether a service account may, e.g. `system:serviceaccount:NAMESPACE:NAME`; to ask that takes a right."""
        namespace = user.split(":")[2]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        return self._may(review, "SubjectAccessReview", {"user": user, "groups": groups})

    def _may(self, review: Review, kind: str, who: Mapping[str, Any]) -> bool:
        asked = {
            "verb": review.verb, "group": review.group, "resource": review.resource,
            "namespace": review.namespace, "name": review.name,
        }  # fmt: skip
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": kind,
            "spec": {"resourceAttributes": {name: value for name, value in asked.items() if value}, **who},
        }
        answer = self.create(f"/apis/authorization.k8s.io/v1/{kind.lower()}s", body)
        return bool(answer["status"]["allowed"])

    def _call(self, method: str, path: str, query: Mapping[str, str], body: Manifest | None = None) -> Manifest:
        found: Manifest = json.loads(self._raw(method, path, query, body))
        return found

    def _raw(self, method: str, path: str, query: Mapping[str, str], body: Manifest | None = None) -> bytes:
        headers = {"Accept": "application/json, */*"} | ({"Content-Type": "application/json"} if body is not None else {})
        api: Any = self._client
        asked = api.param_serialize(
            method,
            f"{path}?{urlencode(query)}" if query else path,
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = api.call_api(*asked)
            data: bytes = answer.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NoClusterError(f"{self.where} does not answer: {kubeconfig.silence(error)}") from None
        except client.ApiException as error:
            raise RefusedError(int(error.status or 0), _message(error.body) or str(error.reason)) from None
        if answer.status >= 300:
            raise RefusedError(answer.status, _message(data) or str(answer.status))
        return data


def _message(body: Any) -> str:
    try:
        return plain(str(json.loads(body)["message"]))
    except (TypeError, ValueError, KeyError):
        return ""


def group_path(api_version: str) -> str:
    """Return where an API version's objects are, e.g. `/apis/apps/v1`."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
