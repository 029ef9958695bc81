"""Who has a GitHub App make the tokens that commits are fetched by: where the App's key is, no code of a pull request is.

A Deployment and no job: `pulumi up` waits until the first tokens are there, or says why they are not, and what failed is
tried again at once. It may change one Secret, and holds nothing else of the cluster.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.access import Rule, bind, service_account
from components.conventions import MINTER, Manifest, key, labels, pod_of, token
from components.credential import BASIC_AUTH
from components.network import MINTER_LABELS
from components.tasks.mint import READY
from components.tasks.step import with_volumes

# A patch answers with what is there then, so that it needs no other right.
RULES: list[Rule] = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [BASIC_AUTH.secret], "verbs": ["patch"]}]
# For how long `pulumi up` waits: an image is pulled, and a forge that does not answer is asked for a minute.
_SECONDS = 180
_KEY = key("app-key")


@dataclass(frozen=True, kw_only=True)
class MintingArgs:
    """What is minted, and by which App."""

    environment: str
    namespace: pulumi.Input[str]
    """The delivery namespace."""
    tools_image: str
    pull_secret: str | None
    """Secret by which the image is pulled; None for a registry that needs none."""
    minter: Manifest
    """Its step and volumes, as `components/tasks/mint.py` has them."""
    key_version: pulumi.Input[str] = ""
    """Another one for each key of the App, no secret: a new key is tried by `pulumi up`. Empty where it is not known."""


class Minting(pulumi.ComponentResource):
    """A Deployment with its identity. The Secret that it fills belongs to `Credentials`."""

    def __init__(
        self,
        name: str,
        args: MintingArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """`after` is what it needs to get through beside its own rights: the Secrets, the openings of the network, and what
        it runs."""
        super().__init__(token("Minting"), name, None, opts)
        common = labels(environment=args.environment)
        child = pulumi.ResourceOptions(parent=self)
        metadata = {"name": MINTER, "namespace": args.namespace, "labels": common | MINTER_LABELS}
        account = service_account(f"{name}-{MINTER}", metadata, args.pull_secret, child)
        rights = bind(name, MINTER, args.namespace, args.namespace, RULES, common, child)
        k8s.apps.v1.Deployment(
            f"{name}-{MINTER}",
            metadata=metadata,
            spec=deployment(args, common | MINTER_LABELS),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*after, account, *rights],
                custom_timeouts=pulumi.CustomTimeouts(create=f"{_SECONDS + 30}s", update=f"{_SECONDS + 30}s"),
            ),
        )
        self.register_outputs({})


def deployment(args: MintingArgs, labels: dict[str, str]) -> Manifest:
    """Return the Deployment's spec."""
    spec = with_volumes(args.minter)
    (step,) = spec["steps"]
    step = dict(step) | {"image": args.tools_image, "resources": step["computeResources"]}
    del step["computeResources"]
    probe = {"exec": {"command": ["test", "-e", READY]}, "periodSeconds": 2, "timeoutSeconds": 5}
    # What the container said last is what `pulumi up` tells of it.
    container = step | {"readinessProbe": probe, "terminationMessagePolicy": "FallbackToLogsOnError"}
    pod = pod_of(MINTER, container, spec["volumes"])
    return {
        "replicas": 1,
        "progressDeadlineSeconds": _SECONDS,
        "revisionHistoryLimit": 2,
        "selector": {"matchLabels": MINTER_LABELS},
        "template": {"metadata": {"labels": labels, "annotations": {_KEY: args.key_version}}, "spec": pod},
    }
