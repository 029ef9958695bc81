"""etcd, the API server, the controller manager and the scheduler."""

from local.cluster.health import answers
from local.cluster.names import Machine
from local.cluster.network import Namespace
from local.cluster.processes import Component

ETCD_DATA = "etcd"


def _flags(**values: object) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def etcd(machine: Machine, namespace: Namespace) -> Component:
    """The cluster's memory."""
    pki = machine.layout.pki / "etcd"
    flags = _flags(
        name=machine.node,
        data_dir=machine.layout.state / ETCD_DATA,
        listen_client_urls="https://127.0.0.1:2379",
        advertise_client_urls="https://127.0.0.1:2379",
        listen_peer_urls="https://127.0.0.1:2380",
        initial_advertise_peer_urls="https://127.0.0.1:2380",
        initial_cluster=f"{machine.node}=https://127.0.0.1:2380",
        listen_metrics_urls="http://127.0.0.1:2381",
        cert_file=pki / "server.crt",
        key_file=pki / "server.key",
        trusted_ca_file=pki / "ca.crt",
        client_cert_auth="true",
        peer_cert_file=pki / "peer.crt",
        peer_key_file=pki / "peer.key",
        peer_trusted_ca_file=pki / "ca.crt",
        peer_client_cert_auth="true",
        # Only a power cut can lose what was not synced, and a slow disk makes every write wait.
        unsafe_no_fsync="true",
        log_level="warn",
    )
    argv = (machine.binary("etcd", "server"), *flags)
    return Component("etcd", argv, answers(namespace, "http://127.0.0.1:2381/readyz"))


def apiserver(machine: Machine, namespace: Namespace) -> Component:
    pki = machine.layout.pki
    flags = _flags(
        advertise_address=machine.node_ip,
        secure_port=machine.shape.api_port,
        service_cluster_ip_range=machine.shape.service_network,
        etcd_servers="https://127.0.0.1:2379",
        etcd_cafile=pki / "etcd/ca.crt",
        etcd_certfile=pki / "apiserver-etcd-client.crt",
        etcd_keyfile=pki / "apiserver-etcd-client.key",
        tls_cert_file=pki / "apiserver.crt",
        tls_private_key_file=pki / "apiserver.key",
        client_ca_file=pki / "ca.crt",
        authorization_mode="Node,RBAC",
        enable_admission_plugins="NodeRestriction",
        service_account_issuer="https://kubernetes.default.svc.cluster.local",
        service_account_key_file=pki / "sa.pub",
        service_account_signing_key_file=pki / "sa.key",
        kubelet_client_certificate=pki / "apiserver-kubelet-client.crt",
        kubelet_client_key=pki / "apiserver-kubelet-client.key",
        # The node's name is no name that anything resolves.
        kubelet_preferred_address_types="InternalIP",
        proxy_client_cert_file=pki / "front-proxy-client.crt",
        proxy_client_key_file=pki / "front-proxy-client.key",
        requestheader_client_ca_file=pki / "front-proxy-ca.crt",
        requestheader_allowed_names="front-proxy-client",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        requestheader_group_headers="X-Remote-Group",
        requestheader_username_headers="X-Remote-User",
        # Not asked for, but its default lies in /var/run.
        cert_dir=pki,
    )
    argv = (machine.binary("kubernetes", "kube-apiserver"), *flags)
    return Component("kube-apiserver", argv, answers(namespace, f"{machine.api}/readyz", authority=pki / "ca.crt"))


def controller_manager(machine: Machine, namespace: Namespace) -> Component:
    pki, kubeconfig = machine.layout.pki, machine.layout.kubeconfigs / "controller-manager.conf"
    flags = _flags(
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        leader_elect="false",
        cluster_cidr=machine.shape.pod_network,
        client_ca_file=pki / "ca.crt",
        requestheader_client_ca_file=pki / "front-proxy-ca.crt",
        root_ca_file=pki / "ca.crt",
        cluster_signing_cert_file=pki / "ca.crt",
        cluster_signing_key_file=pki / "ca.key",
        service_account_private_key_file=pki / "sa.key",
        use_service_account_credentials="true",
        # A quota that was made before its kind was known is counted at the next turn only, by default five minutes later,
        # and until then the API server refuses every object of that kind.
        resource_quota_sync_period="5s",
    )
    argv = (machine.binary("kubernetes", "kube-controller-manager"), *flags)
    return Component("kube-controller-manager", argv, answers(namespace, "https://127.0.0.1:10257/healthz"))


def scheduler(machine: Machine, namespace: Namespace) -> Component:
    kubeconfig = machine.layout.kubeconfigs / "scheduler.conf"
    flags = _flags(
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        bind_address="127.0.0.1",
        leader_elect="false",
    )
    argv = (machine.binary("kubernetes", "kube-scheduler"), *flags)
    return Component("kube-scheduler", argv, answers(namespace, "https://127.0.0.1:10259/healthz"))
