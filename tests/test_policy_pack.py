"""The policy pack: each policy with objects that break it and with objects that keep it, as a program would declare them."""

import pulumi_kubernetes as k8s
import pytest
from pulumi_policy.policy import _NotApplicableError

from components.addresses import public
from offline import policy
from offline.policy import violations
from policy.pack import POLICIES, MarkedSecrets
from tests.policy_programs import (
    DIGEST,
    IMAGE_PATH,
    RESTRICTED,
    Program,
    binding,
    block,
    bound_in,
    config_map,
    custom,
    deployed,
    group,
    listener,
    namespace,
    opening,
    pod,
    role,
    secret_in,
    step,
    unmarked_secret,
)
from tests.support import Declared, both_environments, declare, secret, several_applications

GITHUB = {"ref": {"name": "github"}, "params": [{"name": "secretRef", "value": {"secretName": "w", "secretKey": "s"}}]}
CEL = {"ref": {"name": "cel"}, "params": [{"name": "filter", "value": "true"}]}

KUBECONFIG = "apiVersion: v1\nkind: Config\nclusters: []\n"
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"
TOKEN = "ghp_" + "a1B2" * 9

DNS = [{"protocol": "UDP", "port": 53}]

BROKEN: list[tuple[str, Program, str]] = [
    ("named-openings", opening(), "NetworkPolicy o: spec.egress[0].to: empty, which is everywhere"),
    ("named-openings", opening(block("0.0.0.0/0")), "ipBlock: 0.0.0.0/0 has 10.0.0.0/8, 100.64.0.0/10,"),
    ("named-openings", opening(block("0.0.0.0/0", "10.0.0.0/8", "169.254.0.0/16")), "has 100.64.0.0/10, 172.16.0.0/12"),
    ("named-openings", opening(block("::/0")), "spec.egress[0].to[0].ipBlock: ::/0 has fc00::/7"),
    ("named-openings", opening(block("10.1.0.0/16"), block("169.254.169.254/32")), "to[1].ipBlock: 169.254.169.254/32 has"),
    ("named-openings", opening(block("169.254.20.0/24"), ports=DNS), "to[0].ipBlock: 169.254.20.0/24 has"),
    ("named-openings", opening(block("127.0.0.1/32"), ports=DNS), "to[0].ipBlock: 127.0.0.1/32 has"),
    (
        "named-openings",
        opening(block("169.254.169.254/32"), ports=[*DNS, {"port": 80}]),
        "to[0].ipBlock: 169.254.169.254/32",
    ),
    ("named-openings", opening(block("169.254.169.254/32"), ports=[{"port": 53, "endPort": 80}]), "to[0].ipBlock: 169.254"),
    ("named-openings", opening(block("fd00::/8")), "fd00::/8 has fd00:ec2::254/128, fd20:ce::254/128 in it"),
    ("named-rights", role(verbs=["*"]), "Role r: rules[0].verbs: '*' also grants"),
    ("named-rights", role(resources=["*"]), "rules[0].resources: '*' also grants"),
    ("named-rights", role(resources=["*/exec"]), "rules[0].resources: '*/exec' also grants"),
    ("named-rights", role("ClusterRole", apiGroups=["*"]), "ClusterRole r: rules[0].apiGroups: '*' also grants"),
    ("named-rights", role(resources=["serviceaccounts"], verbs=["impersonate"]), "'impersonate' ends at everybody's"),
    ("named-rights", role(verbs=["escalate"]), "'escalate' ends at everybody's"),
    ("named-rights", role(verbs=["bind"]), "'bind' ends at everybody's"),
    ("named-rights", role("ClusterRole", resources=["secrets"], resourceNames=["s"]), "Secrets of every namespace"),
    ("named-rights", role(resources=["secrets"]), "every Secret of the namespace; add resourceNames"),
    ("named-rights", role("RolePatch", verbs=["*"]), "Role r: rules[0].verbs"),
    ("named-rights", binding("cluster-admin"), "roleRef: cluster-admin includes every Secret"),
    ("named-rights", binding(kind="Group", subject="system:authenticated"), "system:authenticated is everybody"),
    ("named-rights", binding(kind="Group", subject="system:serviceaccounts:staging"), "system:serviceaccounts:staging is"),
    (
        "named-rights",
        lambda: k8s.rbac.v1.ClusterRole(
            "r", metadata={"name": "r"}, aggregation_rule={"clusterRoleSelectors": []}, rules=[]
        ),
        "aggregationRule: the role would grow",
    ),
    ("pinned-images", pod(image="nginx:1.29"), "Job j: spec.template.spec.containers[c].image: 'nginx:1.29' can change"),
    ("pinned-images", pod({"initContainers": [{"name": "i", "image": "a"}]}), "initContainers[i].image: 'a' can change"),
    ("pinned-images", step(image="ghcr.io/acme/tools"), "Task staging-ci/x: spec.steps[s].image: 'ghcr.io/acme/tools'"),
    ("pinned-images", step(image="$(params.image)"), "'$(params.image)' can change"),
    (
        "pinned-images",
        custom("Task", {"sidecars": [{"name": "db", "image": "pg"}], "steps": []}),
        "sidecars[db].image: 'pg'",
    ),
    ("pinned-images", custom("Task", {"stepTemplate": {"image": "a:1"}, "steps": []}), "stepTemplate.image: 'a:1'"),
    ("pinned-images", custom("StepAction", {"image": "a:1"}), "StepAction staging-ci/x: spec.image: 'a:1' can change"),
    (
        "pinned-images",
        custom("Pipeline", {"tasks": [{"name": "t", "taskSpec": {"steps": [{"name": "s", "image": "a:1"}]}}]}),
        "spec.tasks[t].taskSpec.steps[s].image: 'a:1'",
    ),
    (
        "pinned-images",
        custom("TriggerTemplate", {"resourcetemplates": [{"spec": {"taskSpec": {"steps": [{"image": "a:1"}]}}}]}),
        "spec.resourcetemplates[0].spec.taskSpec.steps[0].image: 'a:1'",
    ),
    ("pod-security-levels", namespace(None), "Namespace n: metadata.labels: pod-security.kubernetes.io/enforce is absent"),
    ("pod-security-levels", namespace("privileged"), "is privileged; set it to restricted or baseline"),
    ("security-contexts", pod(securityContext={}), "containers[c].securityContext: set allowPrivilegeEscalation: false"),
    ("security-contexts", pod(securityContext={}), "set capabilities: {drop: [ALL]}"),
    ("security-contexts", pod(securityContext={}), "set seccompProfile: {type: RuntimeDefault}"),
    ("security-contexts", pod(securityContext={}), "set runAsNonRoot: true"),
    ("security-contexts", pod(securityContext=RESTRICTED | {"runAsUser": 0}), "and no runAsUser: 0"),
    ("security-contexts", pod(securityContext=RESTRICTED | {"privileged": True}), "privileged is the node's root"),
    ("security-contexts", pod({"hostNetwork": True}), "spec.template.spec.hostNetwork: the pod would share the node's"),
    (
        "security-contexts",
        pod({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
        "volumes[v]: hostPath is the node's",
    ),
    (
        "security-contexts",
        step(securityContext=RESTRICTED | {"capabilities": {"drop": ["ALL"], "add": ["SETUID"]}}),
        "Task staging-ci/x: spec.steps[s].securityContext: capabilities.add: SETUID; add none",
    ),
    (
        "security-contexts",
        custom("Task", {"steps": [{"name": "image", "securityContext": RESTRICTED | {"runAsUser": 0}}]}, name="builds"),
        "and no runAsUser: 0",
    ),
    ("security-contexts", custom("Task", {"sidecars": [{"name": "db"}], "steps": []}), "spec.sidecars[db].securityContext"),
    ("security-contexts", custom("StepAction", {"image": DIGEST}), "StepAction staging-ci/x: spec.securityContext: set"),
    ("no-plain-text", config_map({"a": PRIVATE_KEY}), "ConfigMap m: data.a: looks like a secret (Private Key)"),
    ("no-plain-text", config_map({"a": "x " + TOKEN}), "data.a: looks like a secret (GitHub Token)"),
    (
        "no-plain-text",
        config_map({"url": "https://bot:hunter2@git.example"}),
        "looks like a secret (Basic Auth Credentials)",
    ),
    ("no-plain-text", config_map({"db-password": "hunter2"}), "data.db-password: a secret by its name, in a ConfigMap"),
    (
        "no-plain-text",
        pod(env=[{"name": "DB_PASSWORD", "value": "hunter2"}]),
        "env[DB_PASSWORD].value: a secret by its name",
    ),
    ("no-plain-text", step(env=[{"name": "X", "value": TOKEN}]), "env[X].value: looks like a secret (GitHub Token)"),
    ("no-plain-text", step(script=f"curl -H 'Authorization: {TOKEN}'"), "steps[s].script: looks like a secret"),
    (
        "no-plain-text",
        custom("Task", {"params": [{"name": "api-key", "default": "hunter2"}], "steps": []}),
        "spec.params[api-key].default: a secret by its name",
    ),
    ("marked-secrets", unmarked_secret("hunter2"), "Secret s: stringData.password: it would be readable in the stack's"),
    ("marked-secrets", lambda: config_map({"a": secret("x")})(), "ConfigMap m: data"),
    ("marked-secrets", lambda: pod(env=[{"name": "X", "value": secret("x")}])(), "env[0].value: a Pulumi secret"),
    (
        "pull-request-credentials",
        secret_in("staging-ci", "production"),
        "Secret staging-ci/s: staging-ci runs pull requests of ",
    ),
    ("pull-request-credentials", secret_in("staging", None), "this Secret is of no environment; label it"),
    (
        "pull-request-credentials",
        secret_in("staging-ci", "staging", string_data={"config": KUBECONFIG}),
        "a kubeconfig is in their reach",
    ),
    (
        "pull-request-credentials",
        secret_in("staging-ci", "staging", type="kubernetes.io/service-account-token"),
        "a token that never expires",
    ),
    (
        "pull-request-credentials",
        bound_in("production-ci", "staging-ci/deployer", "pipelineruns", "patch"),
        "RoleBinding production-ci/right: staging-ci/deployer is of staging, where pull requests run",
    ),
    ("image-ownership", deployed([]), "Deployment staging/shop: a pipeline deploys it and the next `pulumi up` would roll"),
    ("image-ownership", deployed(["spec.template.spec.containers"]), "the next `pulumi up` would roll"),
    ("image-ownership", deployed([IMAGE_PATH, "spec"]), "ignore_changes=spec hides changes of more than the image"),
    (
        "signed-webhooks",
        listener(group(CEL, GITHUB)),
        "EventListener staging-ci/x: spec.triggerGroups[g].interceptors: the first",
    ),
    ("signed-webhooks", listener(group()), "spec.triggerGroups[g].interceptors: the first must check"),
    ("signed-webhooks", listener(group({"ref": {"name": "github"}})), "interceptors[0]: without params secretRef"),
    ("signed-webhooks", listener({"triggers": [{"interceptors": [CEL]}]}), "spec.triggers[0].interceptors: the first must"),
    ("signed-webhooks", listener({"triggers": [{"triggerRef": "t"}]}), "spec.triggers[0]: a Trigger by reference brings"),
    ("signed-webhooks", listener(group(GITHUB) | {"labelSelector": {"matchLabels": {"a": "b"}}}), "spec.labelSelector: it"),
]

KEPT: list[tuple[str, Program]] = [
    ("named-openings", opening(block("10.1.0.0/16"), block("140.82.112.0/20"), block("2606:50c0::/32"))),
    ("named-openings", opening(block("10.0.0.0/8"), block("fd00::/8", "fd00:ec2::/32", "fd20:ce::/32"))),
    ("named-openings", opening({"podSelector": {}}, *public())),
    ("named-openings", opening(block("169.254.20.10/32"), ports=DNS)),
    ("named-rights", role()),
    ("named-rights", role(resources=["secrets"], resourceNames=["mine"])),
    ("named-rights", binding()),
    ("pinned-images", pod()),
    ("pinned-images", step()),
    ("pinned-images", custom("Task", {"stepTemplate": {"image": DIGEST}, "steps": [{"name": "s"}]})),
    ("pod-security-levels", namespace("baseline")),
    ("security-contexts", pod()),
    ("security-contexts", step()),
    ("security-contexts", custom("Task", {"stepTemplate": {"securityContext": RESTRICTED}, "steps": [{"name": "s"}]})),
    ("security-contexts", custom("Task", {"steps": [{"name": "s", "ref": {"name": "action"}}]})),
    ("no-plain-text", config_map({"password-file": "/run/password", "url": "https://git.example"})),
    (
        "no-plain-text",
        step(env=[{"name": "TOKEN", "value": "/credentials/token"}, {"name": "API_KEY", "value": "$(params.k)"}]),
    ),
    ("marked-secrets", lambda: unmarked_secret(secret("hunter2"))()),
    ("marked-secrets", config_map({"a": "b"})),
    ("pull-request-credentials", secret_in("staging-ci", "staging")),
    ("pull-request-credentials", secret_in("production-ci", "production", string_data={"config": KUBECONFIG})),
    ("pull-request-credentials", bound_in("production-ci", "staging-ci/listener", "pipelineruns", "create")),
    ("pull-request-credentials", bound_in("production-ci", "production-ci/deployer", "pipelineruns", "patch")),
    ("image-ownership", deployed([IMAGE_PATH])),
    ("image-ownership", deployed(["spec.template.spec.containers[*].image", "spec.replicas"])),
    ("image-ownership", deployed([], verbs=("get",))),
    ("signed-webhooks", listener(group(GITHUB, CEL))),
    ("signed-webhooks", listener({"triggers": [{"interceptors": [GITHUB]}]})),
]


def found(program: Program, name: str) -> list[str]:
    return [each.message for each in violations(declare(program).recording) if each.policy == name]


@pytest.mark.parametrize(("name", "program", "expected"), BROKEN, ids=[f"{name}: {text}" for name, _, text in BROKEN])
def test_what_breaks_a_policy_is_reported_by_it(name: str, program: Program, expected: str) -> None:
    assert [message for message in found(program, name) if expected in message], found(program, name)


@pytest.mark.parametrize(("name", "program"), KEPT)
def test_what_keeps_a_policy_is_not_reported_by_it(name: str, program: Program) -> None:
    assert found(program, name) == []


def test_each_policy_has_examples_of_both() -> None:
    names = {each.name for each in POLICIES}
    assert names == {name for name, _, _ in BROKEN} == {name for name, _ in KEPT}


def test_a_message_never_repeats_the_secret() -> None:
    for _, program, _ in BROKEN:
        for each in violations(declare(program).recording):
            assert "hunter2" not in each.message
            assert TOKEN not in each.message


def test_the_shipped_stacks_keep_every_policy(stack: Declared) -> None:
    assert list(violations(stack.recording)) == []


def test_other_shapes_of_a_stack_keep_every_policy() -> None:
    for declared in (both_environments(), several_applications()):
        assert list(violations(declared.recording)) == []


def test_whoever_switches_the_marks_policy_to_another_level_is_told_that_it_sees_nothing() -> None:
    (resource,) = declare(unmarked_secret("hunter2")).recording.resources[1:]
    with pytest.raises(_NotApplicableError) as raised:
        MarkedSecrets().validate(policy._resource(resource, marked=False), lambda *_: None)
    assert raised.value.reason == "it sees which values are secret at the enforcement level `remediate` only"


def test_the_command_prints_what_is_found_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert policy.main(["staging"]) == 0
    assert capsys.readouterr().out == f"{len(POLICIES)} policies, 0 violations\n"
    monkeypatch.setattr(policy, "record", lambda path: declare(namespace(None)).recording)
    assert policy.main(["staging"]) == 1
    assert capsys.readouterr().out.startswith("test: pod-security-levels: Namespace n: metadata.labels: ")
