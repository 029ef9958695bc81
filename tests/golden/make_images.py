"""Writes what is in the images beside this file, path by path: python -m tests.golden.make_images

No content, which changes with each of Debian's updates. A line that goes is a file that a step or an application may use.
"""

from pathlib import Path

from images import build
from images.publish import PUBLISHED
from local import tools
from local.progress import Progress
from tests.images.archives import Archive

HERE = Path(__file__).resolve().parent / "images"


def main() -> None:
    progress = Progress()
    folders = tools.ensure(build.tools_of(PUBLISHED), progress)
    for name, image in build.ensure(folders, progress, PUBLISHED).items():
        (HERE / f"{name}.txt").write_text("".join(f"{line}\n" for line in Archive(image.archive).listing()))


if __name__ == "__main__":
    main()
