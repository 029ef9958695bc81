"""The cluster's control groups: the kubelet's root for pods, and the one that marks every other process as ours."""

from functools import cache
from pathlib import Path

from local.errors import UserError

_SYSTEM = "system"


@cache
def hierarchies() -> dict[Path, bool]:
    """Where control groups are mounted → whether that is version 2."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return {Path(mount[1]): mount[2] == "cgroup2" for mount in mounts if mount[2] in {"cgroup", "cgroup2"}}


def unified_only() -> bool:
    """Whether this machine has version 2 alone."""
    return all(hierarchies().values())


def create(identity: str) -> None:
    """Make the cluster's group in every hierarchy: the kubelet wants its root to be there."""
    for mount, unified in hierarchies().items():
        group = mount / identity
        if unified:
            _delegate(mount)
        group.mkdir(exist_ok=True)
        if unified:
            _delegate(group)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            # Version 1 lets no process in before these are written.
            if not unified and (group / setting).exists() and not (group / setting).read_text().strip():
                (group / setting).write_text((mount / setting).read_text())
    (_tracking(identity) / _SYSTEM).mkdir(exist_ok=True)


def adopt(identity: str, pid: int) -> None:
    """Put a process, and all it will ever start, into the cluster's group."""
    (_tracking(identity) / _SYSTEM / "cgroup.procs").write_text(str(pid))


def pids(identity: str) -> set[int]:
    """Every process in any of the cluster's groups: components, shims, pods."""
    found: set[int] = set()
    for mount in hierarchies():
        for procs in (mount / identity).rglob("cgroup.procs"):
            try:
                found.update(int(pid) for pid in procs.read_text().split())
            except FileNotFoundError:
                continue
    return found - {0}


def remove(identity: str) -> None:
    """Remove the cluster's groups, which hold no process any more."""
    for mount in hierarchies():
        group = mount / identity
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        if group.exists():
            group.rmdir()


def _tracking(identity: str) -> Path:
    """The hierarchy that tells whose a process is: version 2 if possible, which runc leaves alone beside version 1."""
    unified = [mount for mount, is_unified in hierarchies().items() if is_unified]
    others = [mount for mount in hierarchies() if mount.name != "cpuset"]
    if not unified and not others:
        raise UserError("No control groups are mounted under /sys/fs/cgroup, and containers cannot run without them.")
    return (unified or others)[0] / identity


def _delegate(group: Path) -> None:
    """Let a version 2 group's children use all of its controllers."""
    for controller in (group / "cgroup.controllers").read_text().split():
        try:
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError as error:
            raise UserError(
                f"The control group controller {controller} cannot be handed down from {group} ({error.strerror}). "
                "Run on the machine itself, not inside a container."
            ) from error
