"""What the machine must offer before anything is made on it."""

import os
import shutil
import sys
from pathlib import Path

from local import debian
from local.cluster import cgroups
from local.cluster.names import POD_FOLDERS, Layout
from local.errors import UserError
from local.progress import Progress

PACKAGES = ("iproute2", "iptables", "nftables", "util-linux")
STATE_ROOM = 4 * 10**9


def check(layout: Layout, progress: Progress) -> None:
    """Install what packages can mend; refuse, naming everything else that is wrong, before anything is half-made."""
    if not sys.platform.startswith("linux"):
        raise UserError("The embedded cluster runs on Linux only. Point the stacks at a cluster of your own instead.")
    if os.geteuid() != 0:
        raise UserError("The embedded cluster has to be started as root: it makes a network namespace and mounts.")
    faults = [*kernel_faults(), *folder_faults(layout.pods), *room_faults(layout)]
    if faults:
        raise UserError("The embedded cluster cannot run here:\n" + "\n".join(f"  {fault}" for fault in faults))
    debian.ensure(PACKAGES, progress)
    # What is made from here on, images and tools included, is also for users who are not root.
    os.umask(0o022)


def kernel_faults(proc: Path = Path("/proc")) -> list[str]:
    """What this kernel lacks."""
    faults = []
    filesystems = {line.split()[-1] for line in (proc / "filesystems").read_text().splitlines()}
    if "overlay" not in filesystems:
        faults.append("the kernel has no overlay file system; load it: modprobe overlay")
    if not (proc / "self/ns/net").exists():
        faults.append("the kernel has no network namespaces")
    mounted = {path.name for path in cgroups.hierarchies()}
    if not cgroups.unified_only() and not {"cpuset", "memory", "pids"} <= {
        part for name in mounted for part in name.split(",")
    }:
        faults.append("the control groups cpuset, memory and pids are not all mounted under /sys/fs/cgroup")
    if not mounted:
        faults.append("no control groups are mounted under /sys/fs/cgroup")
    return faults


def folder_faults(pods: Path) -> list[str]:
    """Pods in a user namespace of their own have to reach their files as somebody who is not root."""
    closed = [folder for folder in pods.parents if folder.exists() and not folder.stat().st_mode & 0o001]
    return [
        f"{folder} is closed to other users, and pods have their files below it; open it: chmod o+x {folder}"
        for folder in closed
    ]


def room_faults(layout: Layout) -> list[str]:
    """Whether the disks of its folders have room for a new cluster."""
    if layout.state.exists():
        return []
    disks = {folder.stat().st_dev: folder for folder in map(_existing, (POD_FOLDERS, layout.clusters))}
    free = {folder: shutil.disk_usage(folder).free for folder in disks.values()}
    return [
        f"{room / 10**9:.1f} GB are free under {folder}, and a cluster needs {STATE_ROOM // 10**9} GB"
        for folder, room in free.items()
        if room < STATE_ROOM
    ]


def _existing(folder: Path) -> Path:
    """The folder, or the one that it will be made in."""
    while not folder.exists():
        folder = folder.parent
    return folder
