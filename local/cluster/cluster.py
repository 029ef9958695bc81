"""The one-node cluster as a whole: up, down, status."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path

from local import tools
from local.cluster import (
    addons,
    archives,
    certificates,
    cgroups,
    controlplane,
    host,
    mounts,
    node,
    policies,
    preflight,
    registry,
    wire,
)
from local.cluster.names import DEFAULT_NAME, EMBEDDED, IMAGES, PAUSE, POD_FOLDERS, SHAPES, Layout, Machine, Shape
from local.cluster.network import Link, Namespace, choose, routed
from local.cluster.processes import Component, Processes, StoppedError, stop
from local.errors import UserError
from local.locks import locked
from local.progress import Progress

TOOLS = ("runc", "cni", "etcd", "containerd", "kubernetes", "registry")
READY_WITHIN = 120.0


class Cluster:
    """One cluster of this checkout, running or not."""

    def __init__(self, name: str = DEFAULT_NAME, shape: Shape | None = None) -> None:
        """A cluster keeps the `shape` that it was made in; by default that of the embedded one."""
        self.layout = Layout(name)
        made = self._shape_file.read_text().strip() if self._shape_file.exists() else None
        self.shape = SHAPES[made] if made else shape or EMBEDDED
        if shape and shape != self.shape:
            raise UserError(f"The cluster {name} is there in another form, {made}. Remove it first: make down")
        self._namespace = Namespace(self.layout.id)
        self._processes = Processes(self.layout, self._namespace)

    @property
    def state(self) -> Path:
        return self.layout.state

    @property
    def kubeconfig(self) -> Path:
        """For people and for Pulumi: the administrator's."""
        return self.layout.kubeconfig

    @property
    def node_ip(self) -> str:
        """Where the API server, the registries, the forge and NodePorts answer, also from the host."""
        return self._link().node

    @property
    def host_ip(self) -> str:
        """The machine's own address on the wire to the cluster: no pod may begin a connection there."""
        return self._link().host

    @property
    def incarnation(self) -> str | None:
        """Changes whenever a cluster begins with nothing in it: state kept elsewhere about an earlier one is void."""
        path = self._incarnation_file
        return path.read_text().strip() if path.exists() else None

    def registry_credentials(self, host: str) -> dict[str, str]:
        """User → password of one of the two registries."""
        return registry.passwords(self.layout.secrets)[host]

    def neighbour(self, hosts: tuple[str, ...], opens: tuple[int, ...], admitted: tuple[int, ...]) -> wire.Neighbour:
        """This cluster as another one's neighbour: under which names, with which ports, and what it may open there."""
        return wire.Neighbour(self._namespace, self.node_ip, hosts, opens, admitted)

    def check(self, progress: Progress) -> None:
        """Make sure that the cluster can run here. Ask before compiling anything for it."""
        preflight.check(self.layout, progress)

    def up(self, progress: Progress, images: Mapping[str, Path], neighbour: wire.Neighbour | None = None) -> None:
        """Start whatever does not run yet. `images` holds the archives of at least `names.IMAGES`."""
        absent = [name for name in IMAGES if name not in images]
        if absent:
            raise UserError(f"The cluster needs archives of the images {', '.join(absent)} as well.")
        self.check(progress)
        folders = tools.ensure(TOOLS, progress)
        with self._alone():
            self._recover(progress)
            chosen = {name: images[name] for name in IMAGES}
            existed = (self.layout.state / controlplane.ETCD_DATA).exists()
            try:
                self._raise(folders, chosen, progress, neighbour)
            except StoppedError as stopped:
                # Over data that it cannot read etcd panics; whatever else stops it is no reason to give the data up.
                if not (existed and stopped.component == "etcd" and stopped.panicked):
                    raise
                progress.line(
                    f"The cluster's data cannot be read any more. A new cluster {self.layout.name} replaces it, with "
                    f"nothing in it. {stopped}"
                )
                self._remove()
                self._raise(folders, chosen, progress, neighbour)

    def down(self, progress: Progress) -> None:
        """Stop everything and remove every trace, from whatever state. Passwords in `.local/secrets` stay."""
        with self._alone(), progress.step(f"Stop and remove the cluster {self.layout.name}"):
            self._remove()

    def status(self) -> dict[str, str]:
        """Component → what it does."""
        states = {}
        for name in self._processes.known():
            process = self._processes.find(name)
            states[name] = f"running (pid {process.pid})" if process else "stopped"
        return states

    def running(self) -> bool:
        """Whether the cluster was started and everything in it lives."""
        known = self._processes.known()
        return bool(known) and self._namespace.exists() and all(map(self._processes.find, known))

    def spawn(
        self,
        component: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool],
        files: Iterable[Path] = (),
    ) -> None:
        """Run one more program in the cluster's namespace, with the cluster's life, and wait until it is ready.

        It is started anew when an argument, its environment or one of its configuration `files` has changed.
        """
        if not self._namespace.exists():
            raise UserError(f"{component} needs the cluster {self.layout.name}, which does not run. Start it: make up")
        self._processes.ensure(Component(component, tuple(argv), ready, tuple(files), dict(env or {})))

    def stop(self, component: str) -> None:
        """End one component."""
        self._processes.stop(component)

    def import_images(self, paths: Iterable[Path]) -> None:
        """Give pods the images of these OCI archives, under the names that the archives give them."""
        archives.load(self._machine(tools.ensure(["containerd"], Progress())), paths)

    def _machine(self, folders: Mapping[str, Path]) -> Machine:
        return Machine(self.layout, self.node_ip, folders, self.shape)

    @property
    def _shape_file(self) -> Path:
        return self.layout.state / "shape"

    @property
    def _link_file(self) -> Path:
        return self.layout.state / "network"

    @property
    def _incarnation_file(self) -> Path:
        return self.layout.state / "incarnation"

    def _link(self) -> Link:
        if not self._link_file.exists():
            raise UserError(f"The cluster {self.layout.name} was not created yet. Create it: make up")
        return Link(IPv4Network(self._link_file.read_text().strip()))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up` or `down` at a time in this checkout."""
        self.layout.clusters.mkdir(parents=True, exist_ok=True)
        with locked(self.layout.clusters):
            yield

    def _recover(self, progress: Progress) -> None:
        """After a reboot, or whatever else took the namespace, what is left of the old run must go first.

        So must what an older version made otherwise; the data stay.
        """
        # Where pods' files were before they had a folder of their own; volumes stay there, by the paths that etcd knows.
        former = [path for name in ("containerd/root", "kubelet/pods", "pod-logs") if (path := self.state / name).exists()]
        outdated = bool(former) or self._namespace.outdated()
        if not outdated and (self._namespace.exists() or not self._processes.known()):
            return
        with progress.step("Clear away what an earlier run left"):
            self._halt()
            for folder in former:
                mounts.remove(folder)

    def _remove(self) -> None:
        self._halt()
        for folder in (self.layout.state, self.layout.pods):
            mounts.remove(folder)
        # Another checkout's cluster has its files there too.
        with suppress(OSError):
            POD_FOLDERS.rmdir()

    def _halt(self) -> None:
        """Stop everything and undo what is not state."""
        deadline = time.monotonic() + 60
        while pids := self._pids():
            # Pods may start processes while others end.
            stop(pids, grace=1.0)
            if time.monotonic() > deadline:
                raise UserError(f"These processes of the cluster do not end: {sorted(pids)}.")
        for folder in (self.layout.state, self.layout.pods):
            for point in mounts.below(folder):
                mounts.unmount(point)
        mounts.remove(self.layout.runtime)
        self._namespace.delete()
        cgroups.remove(self.layout.id)
        for name in self._processes.known():
            self._processes.stop(name)
        host.restore(self.layout)

    def _pids(self) -> set[int]:
        recorded = {process.pid for name in self._processes.known() if (process := self._processes.find(name))}
        return recorded | self._namespace.pids() | cgroups.pids(self.layout.id)

    def _raise(
        self,
        folders: Mapping[str, Path],
        images: Mapping[str, Path],
        progress: Progress,
        neighbour: wire.Neighbour | None,
    ) -> None:
        """Create what a machine would have, then start what does not run."""
        # Keys and tokens are in it, and nothing that a pod needs.
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._link_file.exists():
            self._link_file.write_text(str(choose(self.layout.id, routed()).network))
        self._shape_file.write_text(self.shape.name + "\n")
        machine = self._machine(folders)
        if not self._namespace.exists():
            with progress.step(f"Create the network namespace {self.layout.id}"):
                self._namespace.create(self._link(), self.shape)
        if neighbour:
            wire.connect(self._namespace, self.node_ip, neighbour)
        host.record()
        node.prepare(machine)
        if not self.kubeconfig.exists():
            with progress.step("Make keys and certificates"):
                certificates.make(machine)
        references = {name: archives.reference(archive) for name, archive in images.items()}
        self._start(machine, progress, images, addons.render(machine, references, neighbour))

    def _start(self, machine: Machine, progress: Progress, images: Mapping[str, Path], manifests: str) -> None:
        space = self._namespace
        stores = [registry.component(entry, machine, space) for entry in registry.REGISTRIES]
        runtime = node.containerd(machine, archives.reference(images[PAUSE]))
        self._begin_etcd()
        self._together(progress, [controlplane.etcd(machine, space), runtime, *stores])
        self._together(progress, [controlplane.apiserver(machine, space)])
        # Before there are pods.
        self._together(progress, [policies.engine(machine, space)])
        archives.load(machine, images.values())
        workers = (controlplane.controller_manager, controlplane.scheduler, node.kubelet, node.kube_proxy)
        self._together(progress, [worker(machine, space) for worker in workers])
        if not addons.applied(machine, manifests):
            with progress.step("Apply the add-ons"):
                addons.apply(machine, manifests)
        if addons.pending(machine, self._namespace):
            with progress.step("Wait for the node and its name service"):
                self._await_addons(machine)

    def _begin_etcd(self) -> None:
        """A cluster's life begins with its etcd."""
        if not (self.layout.state / controlplane.ETCD_DATA).exists():
            self._incarnation_file.write_text(uuid.uuid4().hex + "\n")

    def _together(self, progress: Progress, components: list[Component]) -> None:
        """Start those that do not run as they should, all at once."""
        wanted = [component for component in components if not self._processes.current(component)]
        if not wanted:
            return
        with progress.step(f"Start {', '.join(component.name for component in wanted)}"):
            with ThreadPoolExecutor() as pool:
                starts = [pool.submit(self._processes.ensure, component) for component in wanted]
            for start in starts:
                start.result()

    def _await_addons(self, machine: Machine) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while pending := addons.pending(machine, self._namespace):
            if time.monotonic() > deadline:
                raise UserError(
                    f"Not ready after {READY_WITHIN:.0f} s: {', '.join(pending)}.\n{addons.describe_pods(machine)}\n"
                    f"kubelet: {self._processes.tail('kubelet')}"
                )
            time.sleep(0.2)
