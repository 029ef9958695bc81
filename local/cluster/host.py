"""What the node's programs change on the host although nobody asks them to, and the way back."""

import contextlib
import json
from pathlib import Path

from local.cluster import mounts
from local.cluster.names import RUNTIME_FOLDERS, Layout

# The kubelet sets these; they belong to the whole machine, not to a namespace.
_SETTINGS = (
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
    """Remember the machine's settings before the first cluster changes them."""
    if not _BEFORE.exists():
        values = {name: (_SYSCTL / name).read_text().strip() for name in _SETTINGS if (_SYSCTL / name).exists()}
        _BEFORE.write_text(json.dumps(values))


def restore(layout: Layout) -> None:
    """Undo this cluster's traces, and with the last cluster the settings and the folders that all of them share."""
    if _LOGS.is_dir():
        for link in _LOGS.iterdir():
            if link.is_symlink() and layout.state in link.readlink().parents:
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
