"""What has to succeed before an image is rolled out: a Job of that image, once for a digest.

All of its pod but the image is declared, as a PodTemplate. Its name has the digest, and it never changes: one that succeeded
is why the digest gets no other, one that failed is deleted by the next run. A run that ends while it waits leaves it to end:
a migration that is stopped halfway is worse than one that nobody waits for.
"""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from steps import containers, kubernetes, notes
from steps.inputs import StepError
from steps.kubernetes import ApiError, Kubernetes, NotFoundError
from steps.notes import Object
from steps.pods import LOGS
from steps.result import Outcome, log, warn
from steps.text import LONGEST, quoted

# On a Deployment, its Jobs and their pods: of which application. The pods have no label that a Service selects.
BEFORE_ROLLOUT = "tekton-delivery/before-rollout"
SETTING = "beforeRollout"
# How many digits of a digest are in a Job's name.
DIGITS = 16
# Seconds that a container has to end, and after which a pod ends that no node has begun: that clock is the Job's.
GRACE, LATE = 30, 60

# How often pods are looked at: what keeps one from starting is on it alone, and gone once it has ended.
_LOOKED = 5.0
# For how long an API server that does not answer is asked again.
_PATIENCE = 20.0
# Not by the Job's name: what a failed one of that name left may still be there.
_OF_JOB = "batch.kubernetes.io/controller-uid"


def longest(timeout: int) -> int:
    """Return how many seconds a rollout is put off at most: by a Job that somebody left, and by its own."""
    return 2 * (timeout + LATE + GRACE)


class BeforeRollout:
    """The Jobs of a Deployment."""

    def __init__(self, api: Kubernetes, namespace: str, outcome: Outcome) -> None:
        self._api, self._namespace, self._outcome = api, namespace, outcome
        self._waits: tuple[str, str] | None = None
        """Why a pod was last seen not to run, in a word and at length."""

    def run(self, live: Object, image: str) -> bool:
        """See that it has succeeded for an image, where a Deployment has something to run before its rollouts.

        Returns whether that took time, after which it is asked again; ends the step if it fails.
        """
        application = notes.all_of(live).get(BEFORE_ROLLOUT)
        if application is None:
            return False
        digest = notes.digest(image)
        if digest is None:
            raise StepError(f"{SETTING} is for images by digest")
        name = f"{application}-{digest.partition(':')[2][:DIGITS]}"
        jobs = {str(job["metadata"]["name"]): job for job in self._jobs(application)}
        found = jobs.pop(name, None)
        for other, job in jobs.items():
            if not _has_ended(job):
                log(f"waiting for the Job {other} of another digest to end")
                self._ended(job)
                return True
        if found and notes.digest(_image(found)) != digest:
            raise StepError(f"the Job {name} is of another digest than {digest}: delete it")
        if found and _is(found, "Complete"):
            log(f"{SETTING} has succeeded for {digest}")
            return False
        if found and _has_ended(found):
            self._delete(found)
            found = None
        job = self._ended(found or self._create(application, name, image))
        if not _is(job, "Complete"):
            self._fail(job)
        log(f"{SETTING} succeeded for {digest}")
        return True

    def _jobs(self, application: str) -> list[Object]:
        with self._api.within(_PATIENCE):
            return list(self._api.items(kubernetes.jobs(self._namespace), labelSelector=f"{BEFORE_ROLLOUT}={application}"))

    def _create(self, application: str, name: str, image: str) -> Object:
        template = self._declared(application)
        spec = template["spec"]
        (container,) = spec["containers"]
        pod = template | {"spec": spec | {"containers": [container | {"image": image}]}}
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "labels": {BEFORE_ROLLOUT: application}},
            "spec": {"backoffLimit": 0, "activeDeadlineSeconds": spec["activeDeadlineSeconds"] + LATE, "template": pod},
        }
        log(f"the Job {name} runs {SETTING}")
        try:
            with self._api.within(_PATIENCE):
                return self._api.create(kubernetes.jobs(self._namespace), job)
        except ApiError as error:
            # The answer to the first attempt was lost.
            made = self._api.get(self._path(job)) if error.status == HTTPStatus.CONFLICT else None
            if made is None or _image(made) != image:
                raise StepError(f"{SETTING} was not started: {error}") from error
            return made

    def _declared(self, application: str) -> dict[str, Any]:
        with self._api.within(_PATIENCE):
            found = self._api.get(kubernetes.core(self._namespace, "podtemplates", f"{application}-before-rollout"))
        template: dict[str, Any] = found["template"]
        return template

    def _delete(self, job: Object) -> None:
        """Delete a Job that failed, and wait until its name is free."""
        path = self._path(job)
        log(f"the Job {job['metadata']['name']} failed before, and runs again")
        end = time.monotonic() + _PATIENCE
        with self._api.within(_PATIENCE):
            try:
                self._api.delete(path)
                while time.monotonic() < end:
                    found = self._api.get(path)
                    if found["metadata"]["uid"] != job["metadata"]["uid"]:
                        return
                    time.sleep(0.2)
            except NotFoundError:
                return
        raise StepError(f"the Job {job['metadata']['name']} failed before, and is not deleted within {_PATIENCE:.0f} s")

    def _ended(self, job: Object) -> Object:
        """Return a Job once it has ended."""
        path, self._waits = self._path(job), None
        end = time.monotonic() + job["spec"]["activeDeadlineSeconds"] + GRACE
        while not _has_ended(job):
            left = end - time.monotonic()
            if left <= 0:
                raise StepError(f"the Job {job['metadata']['name']} goes on past its end")
            self._look(job)
            for changed in self._api.watch(path, job["metadata"]["resourceVersion"], min(left, _LOOKED)):
                job = changed
                if _has_ended(job):
                    break
            else:
                job = self._anew(path, job)
        return job

    def _anew(self, path: str, known: Object) -> Object:
        """Return a Job as it is now; as it is known where the API server does not answer."""
        try:
            with self._api.within(_PATIENCE):
                found = self._api.get(path)
        except NotFoundError:
            found = {"metadata": {}}
        except ApiError as error:
            if not error.passing:
                raise
            warn(str(error))
            return known
        if found["metadata"].get("uid") != known["metadata"]["uid"]:
            raise StepError(f"the Job {known['metadata']['name']} was deleted before it ended")
        return found

    def _look(self, job: Object) -> None:
        """Note what keeps the pod of a Job from running."""
        pods = self._pods(job)
        waits = next(filter(None, map(_waiting, pods)), None)
        if waits and waits != self._waits:
            log(f"{job['metadata']['name']}: {': '.join(waits)}")
        if waits or any(map(_runs, pods)):
            self._waits = waits

    def _pods(self, job: Object) -> list[Object]:
        try:
            path = kubernetes.core(self._namespace, "pods")
            with self._api.within(_PATIENCE):
                return list(self._api.items(path, labelSelector=f"{_OF_JOB}={job['metadata']['uid']}"))
        except ApiError as error:
            if not error.passing:
                raise
            warn(str(error))
            return []

    def _fail(self, job: Object) -> None:
        """End the step with the reason why a Job failed, and the end of its log."""
        pods = self._pods(job)
        late = _is(job, "Failed", "DeadlineExceeded") or any(
            (pod.get("status") or {}).get("reason") == "DeadlineExceeded" for pod in pods
        )
        state = next(iter([found for pod in pods for found in _failed(pod)]), {})
        said = str(state.get("message") or "") if _keeps_its_log(job) else ""
        timeout = f"{SETTING}.timeout ({job['spec']['activeDeadlineSeconds'] - LATE} s)"
        if late and (self._waits or not pods):
            word, said = self._waits or ("no pod of it was let in", "")
            reason = f"{SETTING} did not start within {timeout}: {quoted(word, 40)[1:-1]}"
        elif late:
            reason = f"{SETTING} did not end within {timeout}"
        else:
            memory = ", out of memory" if state.get("reason") == "OOMKilled" else ""
            code = f" (exit code {state['exitCode']}{memory})" if "exitCode" in state else ""
            reason = f"{SETTING} failed{code}"
            said = said or " ".join(str((pod.get("status") or {}).get("message") or "") for pod in pods)
        warn(said, lines=True)
        reason = f"not rolled out: {reason}"
        told = quoted(said, LONGEST - len(reason) - len(": "))
        self._outcome.say(f"{reason}: {told}" if told else reason)
        raise SystemExit(1)

    def _path(self, job: Object) -> str:
        return kubernetes.jobs(self._namespace, job["metadata"]["name"])


def _is(job: Object, kind: str, reason: str = "") -> bool:
    """Return whether a Job has ended in a way."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(
        each["type"] == kind and each["status"] == "True" and reason in ("", each.get("reason")) for each in conditions
    )


def _has_ended(job: Object) -> bool:
    return _is(job, "Complete") or _is(job, "Failed")


def _keeps_its_log(job: Object) -> bool:
    """Return whether the stack has the end of a failed one's log in its status, where it may be told (`quoteLogs`)."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return bool(container.get("terminationMessagePolicy") == LOGS)


def _image(job: Object) -> str:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def _failed(pod: Object) -> Iterator[Object]:
    """Yield how containers of a pod ended that failed."""
    for container in containers.statuses(pod):
        ended = (container.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            yield ended


def _runs(pod: Object) -> bool:
    found = (pod.get("status") or {}).get("containerStatuses") or []
    return any("running" in (container.get("state") or {}) for container in found)


def _waiting(pod: Object) -> tuple[str, str] | None:
    """Return what keeps a pod from running, in a word and at length; None if nothing does, or it has only begun."""
    condition = containers.unscheduled(pod)
    if condition:
        return str(condition.get("reason") or "not scheduled"), str(condition.get("message") or "")
    found = map(containers.waits, containers.statuses(pod))
    return next((waits for waits in found if waits[0] not in ("", "ContainerCreating", "PodInitializing")), None)
