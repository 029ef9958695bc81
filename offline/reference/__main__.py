"""The command line: see the package."""

from offline.reference import page, schema
from offline.run import ROOT

FILES = {"docs/settings.md": page.text, "docs/settings.schema.json": schema.text}


def main() -> None:
    """Write the files beside the other documents."""
    for name, text in FILES.items():
        (ROOT / name).write_text(text())


if __name__ == "__main__":
    main()
