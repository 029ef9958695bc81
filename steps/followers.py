"""The other workloads of an application's image. They follow the one that leads, on which all is noted.

They are changed after that one has its note, and taken back before it loses it: who finds the note brings all of them along.
Until the one that leads is settled, each has a note of its own of what it ran before (`rolling-out`), which need not be
what the leading one ran: the placeholder, or what somebody has put there. One that is somebody else's keeps a note of what
it ran before the first delivery (`before`), for when all of that comes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steps import notes
from steps.kubernetes import ApiError, Kubernetes, NotFoundError
from steps.notes import ROLLING_OUT, Object
from steps.readiness import Asking
from steps.result import warn
from steps.text import compact
from steps.workloads import Workload


@dataclass(frozen=True)
class Changed:
    """One of them as it was when this step had changed it."""

    workload: Workload
    live: Object


class Followers:
    """All that follow one workload."""

    def __init__(self, api: Kubernetes, run: str, followers: Sequence[Workload]) -> None:
        self._api, self._run, self._followers = api, run, followers
        self._asking = Asking(api)
        self._left = False
        self.changed: list[Changed] = []
        """Those that this step has changed."""

    def read(self) -> list[Object]:
        """Return them. Raises an error with the name of one that is missing, or that nothing can be rolled out to."""
        found = []
        for follower in self._followers:
            live = self._asking.now(follower.path)
            follower.check(live)
            found.append(live)
        return found

    def bring(self, image: str, *, left: bool) -> None:
        """Have them run an image. `left` tells that a rollout before this one was neither settled nor taken back."""
        self.changed, self._left = [], left
        for follower, live in zip(self._followers, self.read(), strict=True):
            former = notes.served(live, follower) if left else follower.image(live)
            if not left and notes.note(live, "rolling-out"):
                self._patch(follower, None)
            to, more = image, {}
            if follower.existing and _repository(image) != _repository(follower.image(live)):
                first = [entry["image"] for entry in notes.remembered(notes.before(live))]
                if "@" in follower.image(live) and first:
                    to = first[-1]
                else:
                    more = {notes.BEFORE: compact([{"image": follower.image(live)}])}
            note = compact({"image": to, "former": former, "run": self._run})
            self.changed.append(Changed(follower, self._patch(follower, note, to, more)))

    def take_back(self) -> bool:
        """Have them run what they ran before, and return whether that was let through. What is gone needs no way back."""
        self.changed, all_back = [], True
        for follower in self._followers:
            try:
                live = self._api.get(follower.path)
                rolling = notes.rolling(live, follower) or {}
                if isinstance(rolling.get("former"), str) and (self._left or rolling.get("run") == self._run):
                    self.changed.append(Changed(follower, self._patch(follower, None, rolling["former"])))
            except NotFoundError as error:
                warn(str(error))
            except ApiError as error:
                warn(str(error))
                all_back = False
        return all_back

    def settle(self) -> None:
        """Take their notes away. One that stays tells nothing any more, once the leading one is settled."""
        for each in self.changed:
            try:
                self._patch(each.workload, None)
            except ApiError as error:
                warn(str(error))

    def _patch(
        self, follower: Workload, note: str | None, image: str | None = None, more: Mapping[str, str] | None = None
    ) -> Object:
        change: Object = {"metadata": {"annotations": {ROLLING_OUT: note, **(more or {})}}}
        return self._api.patch(follower.path, change | (follower.with_image(image) if image else {}))


def _repository(image: str) -> str:
    """Return what stands before the digest: of an image by tag, all of it."""
    return image.partition("@")[0]
