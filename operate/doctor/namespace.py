"""A namespace like that of deliveries, for pods that are tried there; it is removed whatever comes."""

import base64
import contextlib
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from types import TracebackType

from components.conventions import PULL_SECRET, Manifest
from components.credential import DOCKER
from components.environment import POD_SECURITY
from offline.needs.values import Needs
from operate.doctor.api import Api, NoClusterError, RefusedError

# What tells these namespaces from others, should one be left after all: kubectl delete namespace --selector …
LABEL = "tekton-delivery/doctor"
_SECONDS = 90.0
_POLL = 0.3
# A new namespace gets its service account a moment later.
_ACCOUNT_SECONDS = 15.0
# What gets no better by waiting.
_HOPELESS = (
    "CreateContainerError",
    "RunContainerError",
    "CreateContainerConfigError",
    "InvalidImageName",
    "ImagePullBackOff",
    "ErrImagePull",
)


class Throwaway:
    """A namespace with the Pod Security level of the delivery namespace in which pull requests run, or of the first one."""

    def __init__(self, needs: Needs, api: Api) -> None:
        self.api, self.name = api, f"tekton-delivery-doctor-{secrets.token_hex(4)}"
        self._levels, self._pull = _levels(needs), _pull_secret(needs)

    @property
    def level(self) -> str:
        """Its Pod Security level."""
        return self._levels[f"{POD_SECURITY}/enforce"]

    def __enter__(self) -> "Throwaway":
        """Make it. Raises RefusedError."""
        try:
            labels = {**self._levels, LABEL: "true"}
            self.api.create("/api/v1/namespaces", {"metadata": {"name": self.name, "labels": labels}})
            if self._pull is not None:
                body = {"metadata": {"name": PULL_SECRET}, "type": DOCKER, "data": {".dockerconfigjson": self._pull}}
                self.api.create(f"/api/v1/namespaces/{self.name}/secrets", body)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._remove()

    def _remove(self) -> None:
        """Remove it, whoever presses Ctrl-C once more."""
        with _undisturbed():
            try:
                self.api.delete(f"/api/v1/namespaces/{self.name}")
            except RefusedError as error:
                if error.status != 404:
                    left = f"{error}; the namespace is left: kubectl delete namespace {self.name}"
                    raise RefusedError(error.status, left) from None
            except NoClusterError as error:
                raise NoClusterError(f"{error}; the namespace may be left: kubectl delete namespace {self.name}") from None

    @property
    def pull(self) -> Manifest:
        """What a pod's spec says to pull images with."""
        return {"imagePullSecrets": [{"name": PULL_SECRET}]} if self._pull is not None else {}

    def start(self, name: str, spec: Manifest, labels: Manifest | None = None) -> None:
        """Start a pod. Raises RefusedError if the cluster does not admit it."""
        body = {"metadata": {"name": name, "labels": labels or {}}, "spec": {"restartPolicy": "Never", **self.pull, **spec}}
        deadline = time.monotonic() + _ACCOUNT_SECONDS
        while True:
            try:
                self.api.create(f"/api/v1/namespaces/{self.name}/pods", body)
            except RefusedError as error:
                if "serviceaccount" not in str(error).lower() or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL)
            else:
                return

    def pod(self, name: str) -> Manifest:
        """Return a pod as it is."""
        return self.api.get(f"/api/v1/namespaces/{self.name}/pods/{name}")

    def ended(self, name: str, *, ready: bool = False) -> tuple[Manifest, str]:
        """Wait for a pod's end, or until it runs; return it, and what kept it from that."""
        deadline = time.monotonic() + _SECONDS
        while True:
            pod = self.pod(name)
            phase = pod["status"].get("phase")
            if phase in ("Succeeded", "Failed") or (ready and phase == "Running" and pod["status"].get("podIP")):
                return pod, ""
            for status in pod["status"].get("containerStatuses", []):
                waiting = status["state"].get("waiting") or {}
                if waiting.get("reason") in _HOPELESS:
                    return pod, f"{waiting['reason']}: {waiting.get('message') or ''}".strip(": ")
            if time.monotonic() > deadline:
                return pod, f"it does not end in {_SECONDS:.0f} s: {self._warning(name)}"
            time.sleep(_POLL)

    def _warning(self, pod: str) -> str:
        """Return what the cluster last warned of about a pod."""
        with contextlib.suppress(RefusedError, NoClusterError):
            chosen = f"type=Warning,involvedObject.name={pod}"
            items = self.api.get(f"/api/v1/namespaces/{self.name}/events", fieldSelector=chosen)["items"]
            if items:
                return f"{items[-1].get('reason')}: {items[-1].get('message')}"
        return "nothing is said why"

    def printed(self, pod: str, container: str) -> list[str]:
        """Return the lines that a container printed; none where they cannot be read."""
        try:
            return self.api.log(self.name, pod, container).splitlines()
        except RefusedError:
            return []


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _levels(needs: Needs) -> dict[str, str]:
    places = [each["metadata"]["namespace"] for each in needs.of_kind("Task") if untrusted(each)]
    places += [each["metadata"]["namespace"] for each in needs.of_kind("Task")]
    for each in needs.of_kind("Namespace"):
        if each["metadata"]["name"] == places[0]:
            labels = each["metadata"]["labels"].items()
            return {name: str(value) for name, value in labels if name.startswith(f"{POD_SECURITY}/")}
    level = next(each.levels[0] for each in needs.existing if each.name == places[0])
    return {f"{POD_SECURITY}/enforce": level}


def untrusted(task: Manifest) -> bool:
    """Whether a Task's pods build images from pull requests."""
    return any(step["name"] == "image" for step in task["spec"]["steps"])


def _pull_secret(needs: Needs) -> str | None:
    """Return the stack's own pull credential, as a Secret holds it; None where there is none, or it cannot be read."""
    logins = [right.login for right in needs.rights if right.login and right.login.setting == "registry.read"]
    if any(login.password is None for login in logins):
        return None
    for each in needs.of_kind("Secret"):
        if each["metadata"]["name"] == PULL_SECRET:
            return base64.b64encode(str(each["stringData"][".dockerconfigjson"]).encode()).decode()
    return None
