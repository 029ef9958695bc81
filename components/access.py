"""Who may do what: an environment's service accounts and their least rights.

No service account's token is mounted by default. The one step that talks to the API server mounts a projected token of
its own (see `components/tasks/step.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.conventions import DEPLOYER, FREEZE, REPORTER, SUPERVISOR, UNTRUSTED, labels, token
from components.settings.environment import Approval

Rule = dict[str, Any]
Subject = dict[str, str]


def before_rollout_rules(templates: Sequence[str]) -> list[Rule]:
    """Return the rights of a deployer to run Jobs by these PodTemplates before rollouts, and to see what came of them.

    Names of Jobs have digests. An admission policy holds those that it creates and deletes.
    """
    if not templates:
        return []
    return [
        {"apiGroups": [""], "resources": ["podtemplates"], "resourceNames": list(templates), "verbs": ["get"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch", "create", "delete"]},
    ]


def deployer_rules(
    deployments: Sequence[str], stateful_sets: Sequence[str] = (), leases: Sequence[str] | None = None
) -> list[Rule]:
    """Return the rights of a deployer: read, watch and patch the named workloads, hold the named Leases, of Deployments'
    names if they are not told, and see whether the environment is frozen.

    A watch has a field selector on the name, which RBAC matches by resourceNames. A run of the last release lists as well.
    """
    return [
        *(
            {
                "apiGroups": ["apps"],
                "resources": [kind],
                "resourceNames": list(names),
                "verbs": ["get", "list", "watch", "patch"],
            }
            for kind, names in (("deployments", deployments), ("statefulsets", stateful_sets))
            if names
        ),
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": list(deployments if leases is None else leases),
            "verbs": ["get", "watch", "update"],
        },
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [FREEZE], "verbs": ["get"]},
        # Why a rollout does not get ready. What a probe was answered is in events alone.
        {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list"]},
    ]


# Approvals are ConfigMaps of the delivery namespace. Which ones count is for an admission policy to say.
APPROVAL_READER_RULES: list[Rule] = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}]
# What waits for them is noted on the Deployments, and is what the run says that waits.
APPROVER_RULES: list[Rule] = [
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
    {"apiGroups": ["tekton.dev"], "resources": ["taskruns"], "verbs": ["get"]},
]
APPROVER_WORKLOAD_RULES: list[Rule] = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}]
# Those that are somebody else's are found by their Leases.
APPROVER_EXISTING_RULES: list[Rule] = [
    {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["list"]},
]

# Cancelling a run is a patch of its spec.status, which kubectl begins with a get. Tekton's webhook refuses every other
# change of a started run.
SUPERVISOR_RULES: list[Rule] = [
    {"apiGroups": ["tekton.dev"], "resources": ["pipelineruns"], "verbs": ["get", "list", "patch"]}
]

REPORTER_RULES: list[Rule] = [{"apiGroups": ["tekton.dev"], "resources": ["taskruns"], "verbs": ["list"]}]

# What a failed step printed last. Names of pods are made for each run.
LOG_READER_RULES: list[Rule] = [{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}]


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """Whose rights are declared."""

    environment: str
    workload_namespace: pulumi.Input[str]
    delivery_namespace: pulumi.Input[str]
    deployments: tuple[str, ...]
    """Names of the Deployments that the deployer may patch."""
    stateful_sets: tuple[str, ...] = ()
    """Names of the StatefulSets."""
    leases: tuple[str, ...] | None = None
    """Names of the Leases that its deploys hold; None for those of the Deployments."""
    before_rollouts: tuple[str, ...] = ()
    """Names of the PodTemplates by which it runs Jobs."""
    pull_secret: str | None
    """Secret by which images of steps are pulled; None for a registry that needs none."""
    runs_untrusted_code: bool
    quotes_logs: bool = False
    """Whether the reporter may read what the pods of the delivery namespace print."""
    existing: bool = False
    """Whether workloads are somebody else's."""
    approval: Approval | None = None
    """Who approves what is rolled out; None where it takes no approval."""


def service_account(
    name: str, metadata: Mapping[str, pulumi.Input[object]], pull_secret: str | None, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """Declare a service account whose token no pod gets unasked, and whose pods pull images with `pull_secret`, if any."""
    declared: pulumi.Resource = k8s.core.v1.ServiceAccount(
        name,
        metadata=metadata,
        automount_service_account_token=False,
        image_pull_secrets=[{"name": pull_secret}] if pull_secret else [],
        opts=opts,
    )
    return declared


class Access(pulumi.ComponentResource):
    """The identities of an environment's runs."""

    def __init__(
        self,
        name: str,
        args: AccessArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """Declare it; rights are given after the policies that hold whoever has them."""
        super().__init__(token("Access"), name, None, opts)
        common = labels(environment=args.environment)
        child, rights = pulumi.ResourceOptions(parent=self), pulumi.ResourceOptions(parent=self, depends_on=after)

        def account(role: str) -> None:
            """Declare a service account of the delivery namespace."""
            metadata = {"name": role, "namespace": args.delivery_namespace, "labels": common}
            service_account(f"{name}-{role}", metadata, args.pull_secret, child)

        account(DEPLOYER)
        account(REPORTER)
        if args.runs_untrusted_code:
            account(UNTRUSTED)
            account(SUPERVISOR)
        bind(
            name,
            DEPLOYER,
            args.workload_namespace,
            args.delivery_namespace,
            deployer_rules(args.deployments, args.stateful_sets, args.leases) + before_rollout_rules(args.before_rollouts),
            common,
            rights,
        )
        reporter = REPORTER_RULES + (LOG_READER_RULES if args.quotes_logs else [])
        bind(name, REPORTER, args.delivery_namespace, args.delivery_namespace, reporter, common, rights)
        if args.runs_untrusted_code:
            bind(name, SUPERVISOR, args.delivery_namespace, args.delivery_namespace, SUPERVISOR_RULES, common, rights)
        if args.approval:
            approvers = people(args.approval.users, args.approval.groups)
            delivery, workload = args.delivery_namespace, args.workload_namespace
            bind(name, "approval-reader", delivery, delivery, APPROVAL_READER_RULES, common, rights, DEPLOYER)
            grant(f"{name}-approver", "approver", delivery, APPROVER_RULES, approvers, common, rights)
            rules = APPROVER_WORKLOAD_RULES + (APPROVER_EXISTING_RULES if args.existing else [])
            grant(f"{name}-workload-approver", "approver", workload, rules, approvers, common, rights)
        self.register_outputs({})


def bind(
    prefix: str,
    role: str,
    namespace: pulumi.Input[str],
    account_namespace: pulumi.Input[str],
    rules: list[Rule],
    common: dict[str, str],
    opts: pulumi.ResourceOptions,
    account: str | None = None,
) -> list[pulumi.Resource]:
    """Declare a Role in `namespace` and bind it to the service account of the same name in `account_namespace`."""
    subject = {"kind": "ServiceAccount", "name": account or role, "namespace": account_namespace}
    return grant(f"{prefix}-{role}", role, namespace, rules, [subject], common, opts)


def grant(
    resource: str,
    role: str,
    namespace: pulumi.Input[str],
    rules: list[Rule],
    subjects: Sequence[Mapping[str, pulumi.Input[str]]],
    common: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Declare a Role in `namespace` and bind it to subjects."""
    metadata = {"name": role, "namespace": namespace, "labels": common}
    declared = k8s.rbac.v1.Role(resource, metadata=metadata, rules=rules, opts=opts)
    bound = k8s.rbac.v1.RoleBinding(
        resource,
        metadata=metadata,
        role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        subjects=list(subjects),
        opts=opts,
    )
    return [declared, bound]


def people(users: Sequence[str], groups: Sequence[str]) -> tuple[Subject, ...]:
    """Return people as the subjects of a binding."""
    kinds = [("User", name) for name in users] + [("Group", name) for name in groups]
    return tuple({"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"} for kind, name in kinds)
