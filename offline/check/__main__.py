"""The command line: see the package."""

import argparse
import sys
from pathlib import Path

from components.conventions import Manifest
from components.settings.errors import SettingsError
from offline.check import rendered
from offline.check.manifests import changes
from offline.check.report import Findings, comment
from offline.policy import violations
from offline.reachability.objects import ReachabilityError
from offline.reachability.rows import rows
from offline.reachability.table import difference, difference_text
from offline.render import manifests, record
from offline.revision import RevisionError, declared_here, declared_in, stack_files
from offline.run import ROOT, Recording

BY_THE_BRANCH = (
    "Rendered and compared by this branch's own code, with the files and credentials of whoever ran it: "
    "it is what the branch says of itself."
)
BY_THE_BASE = (
    "Compared by the base's code. What is compared was rendered by the branch's own program, in a job without a credential: "
    "a program can declare something else where it is deployed. Previews wait for a reviewer, in the workflow `preview`."
)
NOT_RENDERED = "The branch's program left nothing to compare: {}."


def main(arguments: list[str]) -> int:
    """Print the comment. Returns 1 where a policy is broken or nothing can be compared, else 0."""
    parser = argparse.ArgumentParser(prog="python -m offline.check", description="What a pull request changes.")
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="default: every stack file")
    parser.add_argument("--against", metavar="REVISION", required=True, help="the git revision to compare with")
    parser.add_argument(
        "--rendered",
        metavar="FILE",
        type=Path,
        help="what a branch declares, from offline.check.rendered; this tree is the base, and no code of the branch runs",
    )
    parser.add_argument(
        "--preview", metavar="STACK=FILE", action="append", default=[], help="what `pulumi preview` printed for a stack"
    )
    options = parser.parse_args(arguments)
    previews = {stack: Path(file).read_text() for stack, _, file in (item.partition("=") for item in options.preview)}
    if options.rendered:
        return _of_a_branch(options.rendered, options.stacks, options.against)
    try:
        found = findings(options.stacks, options.against, previews)
    except (ReachabilityError, RevisionError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    sys.stdout.write(comment(found, options.against, BY_THE_BRANCH))
    return 1 if any(each.violations for each in found.values()) else 0


def findings(stacks: list[str], against: str, previews: dict[str, str]) -> dict[str, Findings]:
    """Compare the named stacks, or all, with another revision."""
    before = declared_in(against, stacks)
    recordings = {name: record(path) for name, path in stack_files(ROOT, stacks).items()}
    found = {name: _compared(before.get(name, []), new, previews.get(name)) for name, new in recordings.items()}
    return found | {name: _compared(old, Recording(name), None) for name, old in before.items() if name not in recordings}


def _compared(old: list[Manifest], recording: Recording, preview: str | None) -> Findings:
    new = manifests(recording)
    added, removed = difference(rows(old), rows(new))
    return Findings(
        changes=list(changes(old, new)),
        reach=difference_text(added, removed) if added or removed else "",
        violations=list(violations(recording)),
        preview=preview,
    )


def _of_a_branch(file: Path, stacks: list[str], against: str) -> int:
    """Print the comment about what a branch declares, whatever it declares. Returns 0: the comment tells what is wrong."""
    before = declared_here(stacks)
    try:
        recordings = {name: each for name, each in rendered.read(file).items() if not stacks or name in stacks}
    except rendered.RenderedError as error:
        sys.stdout.write(comment({}, against, f"{BY_THE_BASE}\n\n**{NOT_RENDERED.format(error)}**"))
        return 0
    found = {}
    for name in sorted(before.keys() | recordings.keys()):
        try:
            found[name] = _compared(before.get(name, []), recordings.get(name, Recording(name)), None)
        # What stands there is the branch's choice.
        except Exception as error:
            found[name] = Findings([], "", [], None, fault=f"{type(error).__name__}: {error}")
    sys.stdout.write(comment(found, against, BY_THE_BASE))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
