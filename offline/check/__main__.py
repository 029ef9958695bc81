"""The command line: see the package."""

import argparse
import sys
from pathlib import Path

from components.settings.errors import SettingsError
from offline.check.manifests import changes
from offline.check.report import Findings, comment
from offline.policy import violations
from offline.reachability.objects import ReachabilityError
from offline.reachability.rows import rows
from offline.reachability.table import difference, difference_text
from offline.render import manifests, record
from offline.revision import RevisionError, declared_in, stack_files
from offline.run import ROOT


def main(arguments: list[str]) -> int:
    """Print the comment. Returns 1 where a policy is broken or nothing can be compared, else 0."""
    parser = argparse.ArgumentParser(prog="python -m offline.check", description="What a pull request changes.")
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="default: every stack file")
    parser.add_argument("--against", metavar="REVISION", required=True, help="the git revision to compare with")
    parser.add_argument(
        "--preview", metavar="STACK=FILE", action="append", default=[], help="what `pulumi preview` printed for a stack"
    )
    options = parser.parse_args(arguments)
    previews = {stack: Path(file).read_text() for stack, _, file in (item.partition("=") for item in options.preview)}
    try:
        found = findings(options.stacks, options.against, previews)
    except (ReachabilityError, RevisionError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    sys.stdout.write(comment(found, options.against))
    return 1 if any(each.violations for each in found.values()) else 0


def findings(stacks: list[str], against: str, previews: dict[str, str]) -> dict[str, Findings]:
    """Compare the named stacks, or all, with another revision."""
    before = declared_in(against, stacks)
    found = {}
    for name, path in stack_files(ROOT, stacks).items():
        recording = record(path)
        old, new = before.pop(name, []), manifests(recording)
        added, removed = difference(rows(old), rows(new))
        found[name] = Findings(
            changes=list(changes(old, new)),
            reach=difference_text(added, removed) if added or removed else "",
            violations=list(violations(recording)),
            preview=previews.get(name),
        )
    for name, old in before.items():
        _, removed = difference(rows(old), [])
        found[name] = Findings(list(changes(old, [])), difference_text([], removed) if removed else "", [], None)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
