"""What a node changes on the host, because its programs do so unasked or because it could not run, and the way back."""

import contextlib
import json
from pathlib import Path

from local.cluster import mounts
from local.cluster.names import RUNTIME_FOLDERS, Layout

# inotify instances of one user. A cluster takes about twenty, the kernel's default is 128, and the kubelet does not start
# without: two clusters and a desktop are enough to run out.
_INOTIFY = "fs/inotify/max_user_instances"
_INOTIFY_NEEDED = 1024
# All of these belong to the whole machine, not to a namespace; the kubelet sets the others.
_SETTINGS = (
    _INOTIFY,
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_SYSCTL = Path("/proc/sys")
_BEFORE = RUNTIME_FOLDERS / "tekton-delivery-host.json"

# Made by the kubelet, containerd's shim and ip, whatever their configuration says; outer folders last.
_LOGS = Path("/var/log/containers")
_NAMESPACES = Path("/run/netns")
_FOLDERS = (
    _LOGS,
    Path("/var/lib/kubelet/device-plugins"),
    Path("/var/lib/kubelet"),
    Path("/run/containerd/fifo"),
    Path("/run/containerd/runc/k8s.io"),
    Path("/run/containerd/runc"),
    Path("/run/containerd"),
    _NAMESPACES,
)


def record() -> None:
    """Remember the machine's settings before the first cluster changes them, and make room for clusters."""
    known: dict[str, str] = json.loads(_BEFORE.read_text()) if _BEFORE.exists() else {}
    now = {name: (_SYSCTL / name).read_text().strip() for name in _SETTINGS if (_SYSCTL / name).exists()}
    if now.keys() - known.keys():
        _BEFORE.write_text(json.dumps(now | known))
    if int(now.get(_INOTIFY, _INOTIFY_NEEDED)) < _INOTIFY_NEEDED:
        (_SYSCTL / _INOTIFY).write_text(str(_INOTIFY_NEEDED))


def restore(layout: Layout) -> None:
    """Undo this cluster's traces, and with the last cluster the settings and the folders that all of them share."""
    if _LOGS.is_dir():
        for link in _LOGS.iterdir():
            if link.is_symlink() and {layout.pods, layout.state} & {*link.readlink().parents}:
                link.unlink()
    if any(RUNTIME_FOLDERS.glob("td-????????")):
        return
    if _BEFORE.exists():
        for name, value in json.loads(_BEFORE.read_text()).items():
            (_SYSCTL / name).write_text(value)
        _BEFORE.unlink()
    if _NAMESPACES.is_mount() and not any(_NAMESPACES.iterdir()):
        mounts.unmount(_NAMESPACES)
    for folder in _FOLDERS:
        # Not empty: another container runtime lives here.
        with contextlib.suppress(OSError):
            folder.rmdir()
