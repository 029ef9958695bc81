"""What settings say of where base images are read. Each mistake is one line, as in `checks`."""

from collections.abc import Iterator

from components.settings.build import Build
from components.settings.errors import Location, contradiction
from components.settings.registry import ReadRegistry
from components.settings.settings import Settings
from components.settings.user_checks import told


def base_image_inconsistencies(settings: Settings, build: Build) -> Iterator[str]:
    """Yield a line for each registry of base images that contradicts another one, or what pull-request code may hold."""
    first: dict[str, tuple[str, ReadRegistry]] = {}
    for name, there in build.base_images.items():
        place: Location = ("build", "baseImages", name)
        if name == there.host and there.path:
            problem = f"is for another host that has copies, and {name} is asked itself; remove it"
            yield contradiction((*place, "path"), there.path, problem)
        yield from _of_quarantine(place, name, there, build.quarantine)
        other, same = first.setdefault(there.host, (name, there))
        if there.insecure != same.insecure:
            problem = f"is {str(same.insecure).lower()} for {other}, which is read from the same host; name the same"
            yield contradiction((*place, "insecure"), there.insecure, problem)


def _of_quarantine(place: Location, name: str, there: ReadRegistry, quarantine: ReadRegistry) -> Iterator[str]:
    """What is said of the quarantine registry holds for base images that lie there, too."""
    if name == quarantine.host:
        yield contradiction(
            (*place, "host"), there.host, "is for images of `build.quarantine`, which builds read anyway; remove the key"
        )
    elif there.host == quarantine.host:
        if there.read:
            problem = "is for `build.quarantine`, where builds log in as its `write`; remove `read`"
            where, shown, _ = told((*place, "read"), there.read)
            yield contradiction(where, shown, problem)
        if there.addresses:
            problem = "belongs to `build.quarantine`, which is the same host; name it there alone"
            yield contradiction((*place, "addresses"), there.addresses[0], problem)
        if there.insecure != quarantine.insecure:
            problem = f"is {str(quarantine.insecure).lower()} for `build.quarantine`, which is the same host; name the same"
            yield contradiction((*place, "insecure"), there.insecure, problem)
