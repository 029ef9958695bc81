"""The other workloads of an application's image. Nothing is noted on them: they follow the Deployment that leads.

They are changed after that one has its note, and taken back before it loses it: who finds the note brings all of them along.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from steps import kubernetes, notes
from steps.kubernetes import ApiError, Kubernetes, NotFoundError
from steps.notes import Object
from steps.readiness import Asking
from steps.result import warn


@dataclass
class Follower:
    """A Deployment that runs what the leading one runs."""

    path: str
    live: Object
    """As it was seen last."""
    before: str = ""
    """What it ran before this step changed it."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.path.rpartition("/")[2]


class Followers:
    """All that follow one Deployment."""

    def __init__(self, api: Kubernetes, namespace: str, names: Sequence[str], container: str) -> None:
        self._api, self._container = api, container
        self._paths = [kubernetes.deployment(namespace, name) for name in names]
        self._asking = Asking(api)
        self.changed: list[Follower] = []
        """Those that this step has changed, as they were then."""

    def read(self) -> list[Object]:
        """Return them. Raises ApiError with the name of one that is missing."""
        return [self._asking.now(path) for path in self._paths]

    def bring(self, image: str) -> None:
        """Have them run an image."""
        self.changed = []
        for path, live in zip(self._paths, self.read(), strict=True):
            follower = Follower(path, live, notes.image(live, self._container))
            self.changed.append(follower)
            follower.live = self._patched(path, image)

    def take_back(self, proposed: str, former: str) -> bool:
        """Have them run what served before, and return whether that was let through. One that is gone needs no way back.

        One that had not been delivered yet returns to what stood for the image: the former one may be from before it was.
        """
        known = {follower.path: follower.before for follower in self.changed}
        self.changed, all_back = [], True
        for path in self._paths:
            before = known.get(path, "")
            to = before if _stands_in(before, proposed) else former
            try:
                self.changed.append(Follower(path, self._patched(path, to)))
            except NotFoundError as error:
                warn(str(error))
            except ApiError as error:
                warn(str(error))
                all_back = False
        return all_back

    def _patched(self, path: str, image: str) -> Object:
        return self._api.patch(path, notes.with_image(self._container, image))


def _stands_in(image: str, proposed: str) -> bool:
    repository, found, _ = image.partition("@")
    return bool(found) and repository != proposed.partition("@")[0]
