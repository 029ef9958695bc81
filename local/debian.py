"""The Debian packages the embedded default needs, each with its reason, and how a missing one is installed."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from local.errors import UserError
from local.progress import Progress


@dataclass(frozen=True)
class Package:
    """A Debian package, why it is needed, and the file or program that tells that it is there."""

    reason: str
    witness: str

    def installed(self) -> bool:
        if self.witness.startswith("/"):
            return any(Path("/").glob(self.witness.removeprefix("/")))
        return shutil.which(self.witness) is not None


PACKAGES = {
    "golang-go": Package("any Go fetches the pinned one, by which the cluster's tools are compiled", "go"),
    "gcc": Package("runc and Gitea's SQLite contain C", "gcc"),
    "libc6-dev": Package("the C library's headers for the same", "/usr/include/stdlib.h"),
    "pkg-config": Package("how runc's build finds libseccomp", "pkg-config"),
    "libseccomp-dev": Package("runc filters system calls with libseccomp", "/usr/include/seccomp.h"),
    "mmdebstrap": Package("the images' root file system comes from Debian packages", "mmdebstrap"),
    "npm": Package("Node comes from npm's registry, for the sample application on it", "npm"),
    "iproute2": Package("the cluster's network namespace", "ip"),
    "iptables": Package("Services (kube-proxy) inside that namespace", "iptables"),
    "nftables": Package("network policies inside that namespace", "nft"),
    "openssh-client": Package("ssh-keygen makes the deploy key", "ssh-keygen"),
    "jq": Package("the tests run the steps' scripts, which use it", "jq"),
    "openssl": Package("the same, of a GitHub App", "openssl"),
    "busybox-static": Package("the tests run the steps' scripts in the tools image's shell", "busybox"),
    "util-linux": Package("nsenter and setpriv start the cluster's and the forge's processes", "nsenter"),
}


def missing(names: Iterable[str]) -> list[str]:
    """Those of the named packages that are not installed."""
    return [name for name in names if not PACKAGES[name].installed()]


def ensure(names: Iterable[str], progress: Progress) -> None:
    """Install what is missing of the named packages, or say what to install where that cannot be done."""
    wanted = missing(names)
    if not wanted:
        return
    reasons = "\n".join(f"  {name}: {PACKAGES[name].reason}" for name in wanted)
    by_hand = f"Install them and try again:\n  apt-get install {' '.join(wanted)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise UserError(f"Missing on this machine:\n{reasons}\n{by_hand}")
    with progress.step(f"Install {', '.join(wanted)}"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "--yes", "--no-install-recommends", *wanted]
        for command in (["apt-get", "update"], install):
            result = subprocess.run(command, env=environment, capture_output=True, text=True)
        if result.returncode != 0:
            raise UserError(f"apt-get could not install\n{reasons}\n{result.stderr.strip()}\n{by_hand}")
