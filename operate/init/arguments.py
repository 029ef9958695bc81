"""The command line of `init`; what it does is imported when it is asked for."""

import argparse
from pathlib import Path

# Secrets come by the environment or are asked for: what stands on a command line, every process of the machine can read.
ADMINISTRATOR, STATUSES, REGISTRY, QUARANTINE = "FORGE_TOKEN", "STATUS_TOKEN", "REGISTRY_PASSWORD", "QUARANTINE_PASSWORD"
ROTATED = ("deploy-key", "webhook", "mark")


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    text = "write a stack file with keys of its own, and register them and the webhook at the forge"
    secrets = f"Secrets are asked for, or taken from ${ADMINISTRATOR}, ${STATUSES}, ${REGISTRY} and ${QUARANTINE}."
    command = verbs.add_parser("init", help=text, description=f"{text}. {secrets}")
    command.add_argument("stack", metavar="STACK", help="a name of your own: the file is Pulumi.STACK.yaml")
    forge = command.add_argument_group("the forge")
    forge.add_argument("--forge", choices=("github", "gitea"), help="default: github")
    forge.add_argument("--api-url", help="base URL of its REST API; default https://api.github.com")
    forge.add_argument("--ssh-url", help="where it answers git; default ssh://git@<its host>")
    forge.add_argument(
        "--repository",
        action="append",
        metavar="OWNER/NAME",
        help="may be given several times; default: those that the App is installed for",
    )
    forge.add_argument("--base-branch", metavar="BRANCH", help="default: the repository's default branch")
    forge.add_argument("--app-id", metavar="ID", help="a GitHub App in place of both tokens: its client ID or App ID")
    forge.add_argument("--app-installation", metavar="NUMBER", help="where that App is installed; default: what GitHub says")
    forge.add_argument("--app-key", type=Path, metavar="FILE", help="a private key of that App, as GitHub gives it")
    keys = forge.add_mutually_exclusive_group()
    keys.add_argument("--host-keys", type=Path, metavar="FILE", help="the forge's SSH host keys, in known_hosts form")
    keys.add_argument("--host-key", metavar="SHA256:…", help="fingerprint that one of the forge's SSH host keys must have")
    cluster = command.add_argument_group("the cluster and its registries")
    cluster.add_argument("--kubeconfig", metavar="FILE", help="default: $KUBECONFIG, or ~/.kube/config")
    cluster.add_argument("--context", help="a context of it")
    cluster.add_argument("--registry", metavar="HOST/PATH", help="where images are")
    cluster.add_argument("--registry-user", metavar="NAME", help="who pulls and pushes there")
    cluster.add_argument("--quarantine", metavar="HOST/PATH", help="where pull requests push; default <registry>/quarantine")
    cluster.add_argument("--quarantine-user", metavar="NAME", help="who pulls and pushes there, and nowhere else")
    cluster.add_argument("--insecure-registry", action="store_true", default=None, help="registries without TLS")
    cluster.add_argument("--images", type=Path, metavar="FILE", help="what `python -m images` printed; default images.txt")
    cluster.add_argument(
        "--environments", metavar="NAME[,NAME]", help="the first gets pull requests, the second merges; default: staging"
    )
    command.add_argument("--listener-host", metavar="HOST", help="host name of the listener's Ingress")
    command.add_argument("--ingress-class", metavar="NAME", help="its IngressClass; the certificate is its controller's")
    command.add_argument(
        "--listener-url", metavar="URL", help="where the forge reaches the listener, where the stack does not say it"
    )
    command.add_argument("--secrets", choices=("pulumi", "files"), help="default: pulumi, if its CLI is there")
    command.add_argument(
        "--branch-rules", action="store_true", help="require tekton-delivery/promotable of the App, on GitHub"
    )
    other = command.add_mutually_exclusive_group()
    other.add_argument("--remove", action="store_true", help="take from the forge what was registered for the stack")
    other.add_argument("--rotate", choices=ROTATED, help="put a new one in its place")
