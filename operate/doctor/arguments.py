"""What `doctor` is told. It imports nothing of Pulumi: all verbs read it."""

import argparse
from typing import Any

AREAS = (
    "settings", "cluster", "rights", "objects", "tekton", "pods", "network", "registry", "forge", "git",
    "secrets", "webhook",
)  # fmt: skip


def add(verbs: Any) -> None:
    """Add the verb to the command line."""
    text = "whether cluster, registries and forge are as a stack needs them, and what mends what is not"
    command = verbs.add_parser("doctor", help=text, description=text)
    command.add_argument("stack", metavar="STACK")
    command.add_argument("--json", action="store_true", help="as data")
    command.add_argument("--config-file", metavar="FILE", help="default Pulumi.STACK.yaml")
    command.add_argument(
        "--only",
        action="append",
        choices=AREAS,
        metavar="AREA",
        help=f"look at this alone, several times for several: {', '.join(AREAS)}",
    )
    command.add_argument("--no-probes", action="store_true", help="run no pods: nothing is made on the cluster")
    command.add_argument(
        "--resolve", type=_resolved, action="append", default=[], metavar="HOST=ADDRESS",
        help="where a host is from here whose name the cluster alone knows",
    )  # fmt: skip


def _resolved(text: str) -> tuple[str, str]:
    host, equals, address = text.partition("=")
    if not (host and equals and address):
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST=ADDRESS")
    return host, address
