"""Build the tools and base images and push them, for clusters other than the embedded one.

    python -m images REPOSITORY

REPOSITORY is the prefix of the images' names, such as ghcr.io/acme/platform. The login is Docker's (`docker login`).
"""

import sys

from images.build import ensure, tools_of
from images.publish import PUBLISHED, Registry, publish
from local import tools
from local.errors import UserError
from local.progress import Progress


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(f"{__doc__}")
        return 2
    progress = Progress(sys.stderr.write)
    try:
        folders = tools.ensure([*tools_of(PUBLISHED), "crane"], progress)
        images = ensure(folders, progress, PUBLISHED)
        references = publish(images, folders["crane"] / "crane", Registry(arguments[0]), progress)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.writelines(f"{reference}\n" for reference in references.values())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
