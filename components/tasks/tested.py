"""How the step `test` differs between applications: its image, its user, and the step after it that reads its reports."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.conventions import NONROOT, Manifest, restricted
from components.tasks import python
from components.tasks.step import SCRATCH, mount

# Where the tests run, on a copy of the checkout.
WORK = "/test"
# What an image of somebody else's may lack, or not let its user write to.
_TMP = "test-tmp"

_RESULTS = {"tests": "what the tests say of themselves: counts, and names of the first that failed"}


@dataclass(frozen=True, kw_only=True)
class Tested:
    """How an application's tests run."""

    image: str | None = None
    """By digest; None for the tools image."""
    user: int = NONROOT
    stage: str = ""
    """A stage of the Dockerfile that the image step builds first; then there is no step of the tests' own."""
    reports: tuple[str, ...] = ()
    """Where they leave reports, as patterns of paths."""


def params(declared: Mapping[str, str], tested: Tested) -> dict[str, str]:
    """Return a Task's params without what a stage has no use for."""
    return {name: text for name, text in declared.items() if name != "test-command" or not tested.stage}


def results(tested: Tested) -> dict[str, str]:
    """Return the results that the tests add."""
    return _RESULTS if tested.reports else {}


def volumes(tested: Tested) -> list[str]:
    """Return the names of the volumes that the tests write to."""
    return [] if tested.stage else ["test", _TMP] if tested.image else ["test"]


def mounts(tested: Tested) -> list[Manifest]:
    """Return the mounts of these volumes."""
    return [mount("test", WORK), *([mount(_TMP, SCRATCH)] if tested.image else [])]


def env(tested: Tested) -> dict[str, str]:
    """Return what programs want that ask who runs them: the user may have no line in the image's /etc/passwd."""
    return {"USER": "tests", "LOGNAME": "tests", "TMPDIR": SCRATCH} if tested.image else {}


def runs_in(tested: Tested) -> Manifest:
    """Return what the step says of its image, and whether the one after it reads its reports though it has failed."""
    return ({"image": tested.image} if tested.image else {}) | ({"onError": "continue"} if tested.reports else {})


def reports(tested: Tested) -> list[Manifest]:
    """Return the step that reads the reports, and ends as the tests did. It holds nothing, like the tests themselves."""
    if not tested.reports:
        return []
    made = python.step(
        "reports",
        env={
            "WORK": WORK,
            "REPORTS": "\n".join(tested.reports),
            "TEST_EXIT_CODE": "$(steps.step-test.exitCode.path)",
            "RESULT_TESTS_PATH": "$(results.tests.path)",
        },
        mounts=[mount("test", WORK, read_only=True)],
        memory="512Mi",
    )
    # Files may be readable for their owner alone.
    return [made | {"securityContext": restricted(tested.user) | {"readOnlyRootFilesystem": True}}]
