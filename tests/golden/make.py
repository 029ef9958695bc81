"""Writes every shipped stack file's URNs beside this file: python -m tests.golden.make

A URN is how Pulumi knows a resource again. One that changes means: delete and create anew. So a change of these files is
a change that needs an alias, or a good reason.
"""

from pathlib import Path

from tests.support import ALL_STACKS, Declared, record_stack

HERE = Path(__file__).resolve().parent


def urns(stack: Declared) -> str:
    """The stack's URNs, one a line, sorted."""
    return "".join(f"{urn}\n" for urn in sorted(resource.urn for resource in stack.resources))


def main() -> None:
    for name in ALL_STACKS:
        (HERE / f"{name}.urns").write_text(urns(record_stack(name)))


if __name__ == "__main__":
    main()
