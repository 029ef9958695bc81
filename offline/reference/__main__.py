"""The command line: see the package."""

from collections.abc import Callable

from offline.reference import page, schema
from offline.run import ROOT

FILES: dict[str, Callable[[], str]] = {
    "docs/settings.md": page.text,
    "docs/settings.schema.json": lambda: schema.text(schema.document()),
    "docs/applications.schema.json": lambda: schema.text(schema.of_applications()),
}


def main() -> None:
    """Write the files beside the other documents."""
    for name, text in FILES.items():
        (ROOT / name).write_text(text())


if __name__ == "__main__":
    main()
