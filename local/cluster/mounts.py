"""What containers leave mounted, and the removal of folders that may hold mounts."""

import ctypes
import os
import re
import shutil
from pathlib import Path

from local.errors import UserError

_MNT_DETACH = 2


def below(folder: Path) -> list[Path]:
    """What is mounted at or under a folder, deepest first."""
    points = [_unescape(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    inside = [point for point in points if point == folder or folder in point.parents]
    return sorted(inside, key=lambda point: len(point.parts), reverse=True)


def remove(folder: Path) -> None:
    """Delete a folder with everything in it, but nothing that is merely mounted there."""
    for point in below(folder):
        unmount(point)
    left = below(folder)
    if left:
        raise UserError(f"Still mounted: {', '.join(map(str, left))}. Unmount it by hand and run `down` again.")
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)


def unmount(point: Path) -> None:
    """umount2(2), detaching what is busy: nothing of the cluster runs any more, so nothing keeps it for long."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(point), _MNT_DETACH) != 0:
        error = ctypes.get_errno()
        raise UserError(f"{point} cannot be unmounted: {os.strerror(error)}.")


def _unescape(field: str) -> Path:
    """The kernel writes spaces and the like as octal numbers."""
    return Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field))
