"""People with rights of their own on the embedded cluster, and the commands that they run."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from kubernetes import client, config

from local.kubernetes_api import Kubernetes, Object
from local.paths import ROOT
from operate import __main__ as operate
from tests.e2e.world import World

HOME = "e2e-people"


@dataclass(frozen=True)
class Person:
    """A user of the cluster: a service account, since the embedded cluster knows no other people."""

    name: str
    kubeconfig: Path
    world: World

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{HOME}:{self.name}"

    @property
    def api(self) -> client.ApiClient:
        return config.new_client_from_config(str(self.kubeconfig))

    def operate(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
        """Run `python -m operate` as this person: its exit code, and all that it says."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(self.kubeconfig))
            capsys.readouterr()
            code = operate.main(arguments)
        said = capsys.readouterr()
        return code, said.out + said.err


def roles() -> list[Object]:
    """The roles for operators that docs/operating.md shows."""
    document = (ROOT / "docs" / "operating.md").read_text()
    blocks = [block for block in re.findall(r"^```yaml\n(.*?)^```", document, re.M | re.S) if "kind: ClusterRole" in block]
    return [role for block in blocks for role in yaml.safe_load_all(block)]


@contextmanager
def people(world: World, folder: Path, operators: Sequence[str], others: Sequence[str]) -> Iterator[dict[str, Person]]:
    """Make people; operators get the documented roles in the namespaces of both environments."""
    core, rbac = world.kubernetes.core, client.RbacAuthorizationV1Api(world.kubernetes.api)
    core.create_namespace({"metadata": {"name": HOME}})
    made = {}
    for name in (*operators, *others):
        core.create_namespaced_service_account(HOME, {"metadata": {"name": name}})
        made[name] = Person(name, folder / f"{name}.kubeconfig", world)
        made[name].kubeconfig.write_text(yaml.safe_dump(_kubeconfig(world.kubernetes, name)))
    workload, runs = roles()
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": HOME} for name in operators]
    bindings = [
        (role, f"{name}{end}") for role, end in ((workload, ""), (runs, "-ci")) for name in ("staging", "production")
    ]
    for role in (workload, runs):
        rbac.create_cluster_role(role)
    for role, namespace in bindings:
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]}
        rbac.create_namespaced_role_binding(
            namespace, {"metadata": {"name": HOME}, "roleRef": reference, "subjects": subjects}
        )
    try:
        yield made
    finally:
        for _, namespace in bindings:
            rbac.delete_namespaced_role_binding(HOME, namespace)
        for role in (workload, runs):
            rbac.delete_cluster_role(role["metadata"]["name"])
        core.delete_namespace(HOME)


def _kubeconfig(kubernetes: Kubernetes, account: str) -> Object:
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=3600))
    issued = kubernetes.core.create_namespaced_service_account_token(account, HOME, request)
    mine = kubernetes.api.configuration
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "a", "cluster": {"server": mine.host, "certificate-authority": mine.ssl_ca_cert}}],
        "users": [{"name": "a", "user": {"token": issued.status.token}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
