"""What a cluster leaves on the host, by kind: asked before it is made, while it runs and after it is gone."""

import re
import subprocess
from pathlib import Path

from local.cluster import cgroups
from local.cluster.names import POD_FOLDERS, RUNTIME_FOLDERS, Layout
from local.cluster.processes import started

_CLUSTER = re.compile(r"td-[0-9a-f]{8}")
_SYSCTLS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")


def traces(layout: Layout) -> dict[str, set[str]]:
    """Everything on the host that a cluster could have made, less what other clusters have: they run meanwhile."""
    found = {
        "processes": _processes(layout),
        "mounts": set(Path("/proc/self/mounts").read_text().splitlines()),
        "routes": _lines("ip", "route", "show", "table", "all"),
        "rules": _lines("ip", "rule"),
        "network namespaces": _names(Path("/run/netns")),
        "links": {line.split(":")[1] for line in _lines("ip", "-oneline", "link")},
        "control groups": {str(path) for mount in cgroups.hierarchies() for path in mount.iterdir() if path.is_dir()},
        "iptables": _lines("iptables-save") | _lines("ip6tables-save"),
        "runtime folders": {name for name in _names(RUNTIME_FOLDERS) if _CLUSTER.fullmatch(name)},
        "pods' folders": _names(POD_FOLDERS),
        "log links": {str(path.readlink()) for path in Path("/var/log/containers").glob("*")},
        "kernel settings": {f"{name}={Path('/proc/sys', name).read_text().strip()}" for name in _SYSCTLS},
    }
    return {kind: {line for line in lines if not _of_another(line, layout)} for kind, lines in found.items()}


def _processes(layout: Layout) -> set[str]:
    """Those in the cluster's control groups or with one of its paths as an argument."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().replace("\0", " ").strip()
            groups = (folder / "cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # A dead process keeps its groups until its parent has asked how it ended.
        if started(int(folder.name)) is None:
            continue
        if layout.id in groups or layout.id in command or f"{layout.state}/" in command:
            found.add(f"{folder.name} {command}")
    return found


def _of_another(line: str, layout: Layout) -> bool:
    if layout.id in line or f"{layout.state}/" in line:
        return False
    # Images may be built meanwhile.
    return _CLUSTER.search(line) is not None or "/.local/cluster/" in line or "tekton-delivery-images-" in line


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _lines(*command: str) -> set[str]:
    """A command's output; the counters and times of iptables-save are not part of the rules."""
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {re.sub(r"\[\d+:\d+\]", "", line) for line in output.splitlines() if not line.startswith("#")}
