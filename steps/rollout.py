"""One change of what runs an image at a time, which is refused if anything else changed it since it was read.

A rollout is two changes. The first one brings the image and notes beside it what served before (`rolling-out`); all else
that is noted is about what served before until the image is ready, and the second change says so. A step that ends in
between, cancelled or not, takes the first one back; one that was killed leaves a note by which the next one knows better.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from steps import kubernetes, lease, notes, pods, signals
from steps.followers import Followers
from steps.inputs import StepError, given
from steps.kubernetes import ApiError, ConflictError, Kubernetes
from steps.notes import ROLLING_OUT, Noted, Object
from steps.readiness import GRACE, PATIENCE, WATCHED, Asking
from steps.result import Outcome, log, warn
from steps.text import compact
from steps.workloads import Workload, workloads


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which Deployments to change, and as whom."""

    namespace: str = given("NAMESPACE")
    deployments: tuple[str, ...] = given("PARAM_DEPLOYMENT")
    """Those that run one image. The first one leads: all is noted on it, and the Lease is its."""
    container: str = given("PARAM_CONTAINER")
    """Which container of a Deployment that is named alone runs it."""
    pull_request: str = given("PARAM_PULL_REQUEST")
    run: str = given("RUN")
    timeout: str = given("PARAM_TIMEOUT")
    """How long a rollout may take, for people to read."""
    seconds: int = given("ROLLOUT_SECONDS")
    """The same in seconds."""
    outcome: Outcome

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """All of them."""
        return workloads(self.namespace, self.deployments, self.container)

    @property
    def leads(self) -> Workload:
        """The one that leads."""
        return self.workloads[0]

    @property
    def deployment(self) -> str:
        """Its name."""
        return self.leads.name


class Rollout:
    """A change of what an application's Deployments run."""

    def __init__(self, api: Kubernetes, target: Target, *, smoke_seconds: int = 0) -> None:
        self._api, self._target, self._outcome = api, target, target.outcome
        self._leads, *followers = target.workloads
        self._path = self._leads.path
        self._lease = kubernetes.lease(target.namespace, target.deployment)
        self._seconds = lease.seconds(target.seconds, smoke_seconds)
        self._asking = Asking(api)
        self._followers = Followers(api, target.run, followers)
        self._proposed: str | None = None
        self.former = ""
        """What served before, and serves again if this fails."""
        self.why = ""
        """Why what was waited for is not ready."""

    def live(self) -> Object:
        """Return the Deployment that leads."""
        return self._asking.now(self._path)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the Lease. What is not settled at the end is taken back; then the Lease is given back."""
        ended: BaseException | None = None
        try:
            try:
                self._acquire()
                yield
            except (signals.Cancelled, StepError) as error:
                ended = error
                raise
            finally:
                signals.shield()
        finally:
            signals.shield()
            with self._api.within(GRACE):
                try:
                    self._end(ended)
                finally:
                    self._release()
        signals.unshield()

    def respect_people(self, live: Object, pull_request: str) -> None:
        """End the step if people want one of the Deployments left alone, but for this pull request.

        `python -m operate lift` and `unfreeze` start what was queued anew.
        """
        self._leads.check(live)
        freeze = self._asking.now(kubernetes.core(self._target.namespace, "configmaps", notes.FREEZE))
        of_each = (notes.queued(each, freeze, pull_request) for each in (live, *self._followers.read()))
        queued = next(filter(None, of_each), None)
        if queued:
            self._outcome.say(f"{notes.QUEUED}{self._target.namespace} {queued}")
            raise SystemExit(1)

    def propose(self, live: Object, image: str) -> Object | None:
        """Make the first change of a rollout, and return the leading Deployment; None if it was another one by now."""
        left = notes.rolling(live, self._leads) is not None
        self.former = notes.served(live, self._leads)
        note = compact({"image": image, "former": self.former, "run": self._target.run})
        self._proposed = image
        changed = self.change(live, {ROLLING_OUT: note}, image)
        if changed:
            with self._api.within(PATIENCE):
                self._followers.bring(image, left=left)
        return changed

    def change(self, live: Object, annotations: Mapping[str, str | None], image: str | None = None) -> Object | None:
        """Make a change of the Deployment that was read, and return it; None if it was another one by now."""
        metadata = {"resourceVersion": live["metadata"]["resourceVersion"], "annotations": dict(annotations)}
        try:
            with self._api.within(PATIENCE):
                return self._api.patch(self._path, {"metadata": metadata} | self._with(image))
        except ConflictError:
            return None

    def settle(self, noted: Noted) -> None:
        """Make the second change: `noted` returns the notes for the Deployment that it is given.

        One whose answer was lost conflicts with its repetition.
        """
        tried: Mapping[str, str | None] = {}
        while True:
            live = self.live()
            if tried and self._is_settled(live, tried):
                self._settled()
                return
            if not self.is_ours(live):
                self._outcome.say(f"{_digest(self._proposed)} got ready; something else has been rolled out meanwhile")
                raise SystemExit(1)
            tried = {**noted(live), ROLLING_OUT: None}
            if self.change(live, tried):
                self._settled()
                return

    def _settled(self) -> None:
        self._proposed = None
        with self._api.within(PATIENCE):
            self._followers.settle()

    def is_ours(self, live: Object) -> bool:
        """Return whether a Deployment is to run what this step proposed."""
        rolling = notes.rolling(live, self._leads) or {}
        return self._proposed is not None and (rolling.get("image"), rolling.get("run")) == (
            self._proposed,
            self._target.run,
        )

    def _is_settled(self, live: Object, tried: Mapping[str, str | None]) -> bool:
        there = notes.all_of(live)
        served = self._leads.image(live)
        return served == self._proposed and all(there.get(name) == value for name, value in tried.items())

    def go_back(self) -> Object | None:
        """Take the first change back, and return the leading Deployment; None if that is refused."""
        try:
            with self._api.within(PATIENCE):
                followed = self._followers.take_back()
                change = {"metadata": {"annotations": {ROLLING_OUT: None}}} | self._with(self.former)
                changed = self._api.patch(self._path, change)
                return changed if followed else None
        except ApiError as error:
            warn(str(error))
            return None

    def ready(self, live: Object) -> bool:
        """Wait until all serve what they are to run, and return whether they do in time."""
        end = time.monotonic() + self._target.seconds
        waited_for = [(self._leads, live), *((each.workload, each.live) for each in self._followers.changed)]
        for workload, known in waited_for:
            look = pods.Look(self._api, workload, workload.image(known), self._target.timeout)
            self.why = self._asking.ready(workload, known, end, look)
            if self.why:
                self.why = f"{workload.name}: {self.why}" if len(waited_for) > 1 else self.why
                return False
        return True

    def _acquire(self) -> None:
        found = self._asking.now(self._lease)
        held = lease.longest(found, self._seconds)
        patience = lease.PATIENCE * held
        end = time.monotonic() + patience
        while True:
            free_in = lease.free_in(found, self._target.run, self._seconds)
            if free_in == 0:
                try:
                    with self._api.within(PATIENCE):
                        self._api.replace(self._lease, lease.taken(found, self._target.run, held))
                    return
                except ConflictError:
                    found = self._asking.now(self._lease)
                    continue
            left = end - time.monotonic()
            if left <= 0:
                self._outcome.say(
                    f"not rolled out: the Lease {self._target.deployment} was not free within {patience} s, "
                    f"it is held by {lease.holder(found)[:40]}"
                )
                raise SystemExit(1)
            log(f"waiting for another deploy of {self._target.deployment} to end")
            seconds = min(left, free_in + 0.1, WATCHED)
            for changed in self._api.watch(self._lease, found["metadata"]["resourceVersion"], seconds):
                found = changed
                break
            else:
                found = self._asking.anew(self._lease, found)

    def _end(self, ended: BaseException | None) -> None:
        """Take back what is not settled, and write the reason of what ended the step if that did not."""
        proposed, restored, failed = self._proposed, False, False
        if proposed is not None:
            try:
                with self._api.within(PATIENCE):
                    ours = self.is_ours(self.live())
                    restored = ours and self.go_back() is not None
                failed = ours and not restored
            except Exception as error:  # whatever it is: the Lease is given back, and what ended the step is told
                warn(f"error: {error or type(error).__name__}")
                failed = True
        if ended is None or (isinstance(ended, signals.Cancelled) and not (restored or failed)):
            return
        if isinstance(ended, signals.Cancelled):
            text = f"cancelled before {_digest(proposed)} was ready"
        else:
            text = str(ended)[:200] if proposed else f"not rolled out: {str(ended)[:200]}"
        if restored:
            text += f"; restored {_digest(self.former)}"
        elif failed:
            text += f", and taking {_digest(proposed)} back failed"
        self._outcome.give(text)
        if isinstance(ended, signals.Cancelled):
            log(text)

    def _release(self) -> None:
        """Give the Lease back, if it is this step's: it may have run out."""
        try:
            while lease.holder(found := self._api.get(self._lease)) == self._target.run:
                try:
                    self._api.replace(self._lease, lease.given_back(found))
                    return
                except ConflictError:
                    continue
        except ApiError as error:  # it will run out
            warn(str(error))

    def _with(self, image: str | None) -> Object:
        return self._leads.with_image(image) if image else {}


def _digest(image: str | None) -> str:
    return (image or "").rpartition("@")[2]
