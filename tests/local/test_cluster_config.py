"""The configuration that the cluster's programs are given."""

import hashlib
import io
import json
import tarfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.cluster import addons, archives, certificates, controlplane, mounts, node, preflight, registry
from local.cluster.names import IMAGES, PLAIN, QUARANTINE, REGISTRY, Layout, Machine
from local.cluster.network import Namespace
from local.cluster.wire import Neighbour, rules
from local.errors import UserError
from local.tools import TOOLS

NODE_IP = "10.199.0.2"
NAMED = ("coredns", "kube-dns")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    names = ("runc", "cni", "etcd", "containerd", "kubernetes", "registry")
    return Machine(Layout("one", tmp_path), NODE_IP, {name: tmp_path / "tools" / name for name in names})


def test_containerd_writes_nowhere_but_in_the_clusters_folders(machine: Machine) -> None:
    config = tomllib.loads(node.containerd_config(machine, "registry.internal:5000/platform/pause@sha256:0"))
    layout = machine.layout
    shims = config["plugins"]["io.containerd.shim.v1.manager"]["socket_dir"]
    runc = config["plugins"]["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]["runc"]["options"]
    for place in (config["root"], config["state"], config["grpc"]["address"], shims, runc["Root"]):
        assert {layout.pods, layout.runtime} & set(Path(place).parents)
    # containerd's own limit.
    assert len(shims) <= 42


def test_containerd_seldom_asks_every_container_for_statistics(machine: Machine) -> None:
    """Its defaults are ten seconds for images and one second for containers; the former is a number, the latter a text."""
    plugins = tomllib.loads(node.containerd_config(machine, "pause"))["plugins"]
    periods = [plugins[f"io.containerd.cri.v1.{part}"]["stats_collect_period"] for part in ("images", "runtime")]
    assert periods == [600, "600s"]


def test_no_pull_leaves_the_machine() -> None:
    hosts = tomllib.loads(node.registry_hosts(NODE_IP, 5001))
    assert hosts["server"] == f"http://{NODE_IP}:5001"
    assert list(hosts["host"]) == [hosts["server"]]
    assert "push" not in hosts["host"][hosts["server"]]["capabilities"]


def test_the_plugins_that_pods_get_their_network_from_are_compiled(machine: Machine) -> None:
    plugins: Any = node.cni_config(machine)["plugins"]
    named = {plugin["type"] for plugin in plugins} | {plugin["ipam"]["type"] for plugin in plugins if "ipam" in plugin}
    assert named == {"ptp", "portmap", "host-local"}
    assert named <= {package.rpartition("/")[2] for package in TOOLS["cni"].packages}


def test_two_kubelets_have_different_control_groups(machine: Machine, tmp_path: Path) -> None:
    other = Machine(Layout("two", tmp_path), NODE_IP, machine.tools)
    assert node.kubelet_config(machine)["cgroupRoot"] != node.kubelet_config(other)["cgroupRoot"]


def test_kubeadm_is_given_the_pinned_version_and_the_nodes_address(machine: Machine) -> None:
    init, cluster = yaml.safe_load_all(certificates.kubeadm_config(machine))
    assert init["localAPIEndpoint"]["advertiseAddress"] == NODE_IP
    assert cluster["kubernetesVersion"].startswith("v1.")
    assert cluster["controlPlaneEndpoint"] == f"{NODE_IP}:6443"


def test_the_kubeconfig_for_people_can_be_merged_with_others() -> None:
    original = {
        "clusters": [{"name": "c", "cluster": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
        "users": [{"name": "u", "user": {}}],
    }
    config = yaml.safe_load(certificates.rename_context(yaml.safe_dump(original), "tekton-delivery-one"))
    assert config["current-context"] == config["contexts"][0]["name"] == "tekton-delivery-one"
    assert config["contexts"][0]["context"] == {"cluster": "c", "user": config["users"][0]["name"]}


def test_the_addons_run_the_given_images_and_nothing_else(machine: Machine) -> None:
    references = {name: f"{REGISTRY}/platform/{name}@sha256:0" for name in IMAGES}
    text = addons.render(machine, references)
    objects = list(yaml.safe_load_all(text))
    used = {
        container["image"]
        for item in objects
        if item["kind"] == "Deployment"
        for container in item["spec"]["template"]["spec"]["containers"]
    }
    assert used == {references["coredns"], references["local-path-provisioner"]}
    corefile = next(item for item in objects if item["metadata"]["name"] == "coredns" and item["kind"] == "ConfigMap")
    assert f"{NODE_IP} registry.internal quarantine.internal forge.internal" in corefile["data"]["Corefile"]
    assert "forward" not in corefile["data"]["Corefile"]
    storage = next(item for item in objects if item["metadata"]["name"] == "local-path-config")
    assert json.loads(storage["data"]["config.json"])["nodePathMap"][0]["paths"] == [f"{machine.layout.pods}/volumes"]
    assert '"$VOL_DIR"' in storage["data"]["setup"]
    assert yaml.safe_load(storage["data"]["helperPod.yaml"])["spec"]["containers"][0]["image"] == references["base"]


def test_a_cluster_of_another_shape_has_nothing_where_the_embedded_one_has_it(machine: Machine) -> None:
    plain = replace(machine, shape=PLAIN)
    references = {name: f"{REGISTRY}/platform/{name}@sha256:0" for name in IMAGES}
    objects = [item for item in yaml.safe_load_all(addons.render(plain, references)) if item["metadata"]["name"] in NAMED]
    assert {item["metadata"]["namespace"] for item in objects} == {"openshift-dns"}
    service = next(item for item in objects if item["kind"] == "Service")["spec"]
    assert service["clusterIP"] == "172.20.0.53"
    assert {(port["port"], port["targetPort"]) for port in service["ports"]} == {(53, 5353)}
    space = Namespace("td-0")
    flags = " ".join(
        word
        for component in (controlplane.apiserver(plain, space), controlplane.controller_manager(plain, space))
        for word in component.argv
    )
    text = flags + certificates.kubeadm_config(plain) + json.dumps([node.kubelet_config(plain), node.cni_config(plain)])
    assert "--secure-port=8443" in flags
    for of_the_embedded in ("6443", "10.244.", "10.96."):
        assert of_the_embedded in certificates.kubeadm_config(machine), "the control"
        assert of_the_embedded not in text


def test_only_the_embedded_cluster_has_the_profile_for_builds(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POD_FOLDERS", "RUNTIME_FOLDERS"):
        monkeypatch.setattr(f"local.cluster.names.{name}", machine.layout.clusters / name)
    monkeypatch.setattr(node, "POD_FOLDERS", machine.layout.clusters / "POD_FOLDERS")
    monkeypatch.setattr(node.cgroups, "create", lambda name: None)
    (machine.layout.clusters / "RUNTIME_FOLDERS").mkdir()
    profile = machine.layout.pods / "kubelet/seccomp/tekton-delivery/image-build.json"
    node.prepare(replace(machine, shape=PLAIN))
    assert not profile.exists()
    node.prepare(machine)
    assert profile.exists()


def test_a_name_that_a_neighbour_has_leads_there(machine: Machine) -> None:
    neighbour = Neighbour(Namespace("td-0"), "10.199.0.6", ("forge.internal", "other.internal"), (3000,), (30090,))
    assert addons.hosts(NODE_IP, neighbour).split("\n            ") == [
        f"{NODE_IP} registry.internal quarantine.internal",
        "10.199.0.6 forge.internal other.internal",
    ]


def test_a_wire_without_ports_lets_nothing_begin() -> None:
    new = ("-m", "conntrack", "--ctstate", "NEW")
    found = [rule for _, _, rule in rules(NODE_IP, Neighbour(Namespace("td-0"), "10.199.0.6", (), (), ()))]
    for protocol in (("!", "-p", "tcp"), ("-p", "tcp")):
        assert ("-i", "wire", *new, *protocol, "-j", "DROP") in found
        assert found.count(("-o", "wire", *new, *protocol, "-j", "REJECT")) == 2, "of pods and of the node itself"


def test_clusters_have_registry_passwords_of_their_own() -> None:
    assert Layout("one").secrets != Layout("two").secrets
    assert Layout("local").secrets in Layout("one").secrets.parents


def test_registry_passwords_are_made_once(tmp_path: Path) -> None:
    first = registry.passwords(tmp_path)
    assert first == registry.passwords(tmp_path)
    assert {host: set(users) for host, users in first.items()} == {
        REGISTRY: {"platform", "deployer", "cleaner", "puller"},
        QUARANTINE: {"platform", "untrusted", "deployer", "cleaner"},
    }
    # Who reads one registry's password has nothing of the other's.
    assert first[REGISTRY]["deployer"] != first[QUARANTINE]["deployer"]
    assert (tmp_path / "registry.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "registry.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        registry.passwords(tmp_path)


def test_a_registry_is_told_its_users_rights_and_no_password() -> None:
    (quarantine,) = (entry for entry in registry.REGISTRIES if entry.host == QUARANTINE)
    told = registry.rights(quarantine, {"platform": "p", "untrusted": "u", "deployer": "d", "cleaner": "c"})
    assert told["untrusted"] == {
        "sha256": hashlib.sha256(b"u").hexdigest(),
        "rules": [
            {"prefix": "platform/", "actions": ["pull"]},
            {"prefix": "released/", "actions": []},
            {"prefix": "", "actions": ["pull", "push"]},
        ],
    }
    assert set(told) == {"platform", "untrusted", "deployer", "cleaner"}


def test_an_archive_says_what_its_image_is_called(tmp_path: Path) -> None:
    archive = tmp_path / "pause.tar"
    image = {"digest": "sha256:1", "annotations": {"io.containerd.image.name": "example:5000/pause:7"}}
    index = {"manifests": [image]}
    content = json.dumps(index).encode()
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo("index.json")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    assert archives.reference(archive) == "example:5000/pause@sha256:1"
    archive.write_bytes(b"no archive at all")
    with pytest.raises(UserError, match=r"pause\.tar is no OCI archive"):
        archives.reference(archive)


def test_mounts_are_undone_from_the_deepest(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(
        f"{number} 1 0:1 / {point} rw - tmpfs none rw\n"
        for number, point in enumerate(["/", "/s", "/s/a", r"/s/a/with\040space/x", "/state", "/s/b"])
    )
    monkeypatch.setattr(Path, "read_text", lambda self: lines)
    found = mounts.below(Path("/s"))
    assert found[0] == Path("/s/a/with space/x")
    assert found[-1] == Path("/s")
    assert set(found) == {Path("/s"), Path("/s/a"), Path("/s/b"), Path("/s/a/with space/x")}


def test_what_the_kernel_lacks_is_named_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "filesystems").write_text("nodev\ttmpfs\n\text4\n")
    faults = "\n".join(preflight.kernel_faults(tmp_path))
    assert "modprobe overlay" in faults


def test_pods_reach_their_files_whatever_folder_the_checkout_is_in(machine: Machine, tmp_path: Path) -> None:
    """They may not be root, and a user's home, root's on Debian for one, is closed to others."""
    home = tmp_path / "a home"
    home.mkdir(mode=0o700)
    closed = replace(machine, layout=Layout("one", home / ("long" * 40) / "checkout"))
    containerd = tomllib.loads(node.containerd_config(closed, "pause"))
    kubelet = node.kubelet(closed, Namespace("td-0")).argv
    (root,) = (argument.removeprefix("--root-dir=") for argument in kubelet if argument.startswith("--root-dir="))
    references = {name: name for name in IMAGES}
    manifests = list(yaml.safe_load_all(addons.render(closed, references)))
    storage = next(item for item in manifests if item["metadata"]["name"] == "local-path-config")
    (volumes,) = json.loads(storage["data"]["config.json"])["nodePathMap"][0]["paths"]
    logs = node.kubelet_config(closed)["podLogsDir"]
    for place in (containerd["root"], root, volumes, str(logs)):
        assert preflight.folder_faults(Path(place)) == [], place
    assert preflight.folder_faults(closed.layout.state) != [], "the control: the checkout's folder is closed"
    # The kubelet's sockets are there; the kernel takes 107 characters.
    assert len(f"{root}/device-plugins/kubelet.sock") < 107


def test_checkouts_and_clusters_do_not_share_their_pods_files(tmp_path: Path) -> None:
    layouts = [Layout(name, tmp_path / checkout) for name in ("one", "two") for checkout in ("a", "b")]
    assert len({layout.pods for layout in layouts}) == 4


def test_a_folder_of_pods_files_that_is_closed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir(mode=0o700)
    faults = preflight.folder_faults(tmp_path / "lib" / "tekton-delivery" / "td-0")
    assert any(fault.startswith(f"{tmp_path / 'lib'} is closed") for fault in faults)
