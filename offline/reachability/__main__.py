"""The command line: see the package."""

import argparse
import json
import sys

from components.conventions import Manifest
from components.settings.errors import SettingsError
from offline.reachability.objects import ReachabilityError
from offline.reachability.rows import rows
from offline.reachability.table import data, difference, difference_text, text
from offline.revision import RevisionError, declared_here, declared_in


def main(arguments: list[str]) -> int:
    """Print the table, or its difference to another version of the program. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m offline.reachability",
        description="What the pods that an event can start reach, from the declared objects alone. "
        "Several stacks are taken as if they shared a cluster.",
    )
    parser.add_argument("stacks", nargs="*", metavar="STACK", help="default: every stack file")
    parser.add_argument("--against", metavar="REVISION", help="print what changed since this git revision")
    parser.add_argument("--json", action="store_true", help="as data")
    options = parser.parse_args(arguments)
    try:
        new = rows(_together(declared_here(options.stacks)))
        if options.against is None:
            shown = json.dumps(data(new), indent=2) + "\n" if options.json else text(new)
        else:
            added, removed = difference(rows(_together(declared_in(options.against, options.stacks))), new)
            changes = {"added": data(added), "removed": data(removed)}
            shown = json.dumps(changes, indent=2) + "\n" if options.json else difference_text(added, removed)
    except (ReachabilityError, RevisionError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    sys.stdout.write(shown)
    return 0


def _together(stacks: dict[str, list[Manifest]]) -> list[Manifest]:
    return [item for objects in stacks.values() for item in objects]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
