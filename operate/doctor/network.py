"""Whether NetworkPolicies hold, and let through what they open: tried from pods under copies of the stack's own."""

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from components.conventions import Manifest, limits, restricted
from components.network import closed, port
from offline.needs.values import Needs
from operate.doctor.api import RefusedError
from operate.doctor.namespace import Throwaway
from operate.doctor.rows import Row, fine, unknown, wrong

_PORT = 8080
_ASKS = {"tekton-delivery/doctor": "asks"}
_ANSWER = """import socket
both = socket.has_dualstack_ipv6()
server = socket.create_server(("", 8080), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both)
while True:
    server.accept()[0].close()
"""
# Asks until each has answered, or for so long as a network plugin may take to know of a new pod. What has to be closed is
# asked until it is: a plugin may open first and close a moment later.
_ASK = """import json, os, socket, time
end = time.monotonic() + 15
found = {}
def ask(host, port):
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        return {"error": "no address: %s" % error}
    try:
        socket.create_connection((address, port), 3).close()
    except OSError as error:
        return {"address": address, "error": str(error)}
    return {"address": address, "error": ""}
wanted = json.loads(os.environ["ASKED"])
while True:
    for name, (host, port, opens) in wanted.items():
        if name not in found or bool(found[name]["error"]) == opens:
            found[name] = ask(host, port)
    if all(bool(found[name]["error"]) != wanted[name][2] for name in wanted) or time.monotonic() > end:
        break
    time.sleep(1)
# Once more: nobody is reached before a pod's network is up, whatever policies say.
for name, (host, port, opens) in wanted.items():
    if not opens and found[name]["error"]:
        found[name] = ask(host, port)
print(json.dumps(found))
"""
# The way to the API server, by which nothing is reached but that.
_API_SERVER = ("kubernetes.default.svc", 443)


def rows(needs: Needs, namespace: Throwaway) -> Iterator[Row]:
    """Yield what pods reach: a neighbour once a policy opens it and not before, the DNS, and what runs talk to."""
    api, base = namespace.api, f"/apis/networking.k8s.io/v1/namespaces/{namespace.name}/networkpolicies"
    openings = _openings(needs)
    try:
        for name, policy in (closed(needs.cluster, {"matchLabels": _ASKS}) | openings).items():
            api.create(base, {"metadata": {"name": name}, "spec": policy | {"podSelector": {"matchLabels": _ASKS}}})
        namespace.start("answers", _pod(needs, _ANSWER))
        answers, kept = namespace.ended("answers", ready=True)
    except RefusedError as error:
        yield unknown("NetworkPolicies hold", str(error))
        return
    if kept:
        yield unknown("NetworkPolicies hold", f"a pod to ask does not start: {kept}")
        return
    address = answers["status"]["podIP"]
    asked: dict[str, tuple[str, int, bool]] = {"neighbour": (address, _PORT, False)}
    for target, url in needs.destinations.items():
        if f"runs-to-{target}" in openings:
            asked[target] = (urlsplit(url).hostname or "", port(url), True)
    asked["api-server"] = (*_API_SERVER, True)
    namespace.start("free", _pod(needs, _ASK, {"neighbour": (address, _PORT, True)}))
    # Only then: a neighbour that does not listen yet would look as one that nobody reaches.
    free = _answers(namespace, "free")
    namespace.start("closed", _pod(needs, _ASK, asked), _ASKS)
    held = _answers(namespace, "closed")
    if isinstance(free, str) or isinstance(held, str):
        yield unknown("NetworkPolicies hold", free if isinstance(free, str) else str(held))
        return
    yield _enforced(free["neighbour"], held["neighbour"])
    yield from _reached(needs, asked, held, openings)


def _openings(needs: Needs) -> dict[str, Manifest]:
    """Return the policies of runs that lead out of the cluster, and to its API server, each once."""
    found: dict[str, Manifest] = {}
    for each in needs.of_kind("NetworkPolicy"):
        name = each["metadata"]["name"]
        if name.startswith("runs-to-"):
            found.setdefault(name, each["spec"])
    return found


def _pod(needs: Needs, program: str, asked: Mapping[str, Any] | None = None) -> Manifest:
    """Return a pod that Pod Security `restricted` admits."""
    container = {
        "name": "main",
        "image": needs.tools_image,
        "command": ["python3", "-I", "-c", program],
        "env": [
            {"name": "ASKED", "value": json.dumps(asked or {})},
            # A question to a DNS that does not answer costs a second and not ten.
            {"name": "RES_OPTIONS", "value": "timeout:1 attempts:2"},
        ],
        "securityContext": restricted() | {"readOnlyRootFilesystem": True},
        "resources": limits("500m", "128Mi"),
    }
    return {"automountServiceAccountToken": False, "enableServiceLinks": False, "containers": [container]}


def _answers(namespace: Throwaway, name: str) -> dict[str, Any] | str:
    """Return what a pod found out, or why it did not."""
    _, kept = namespace.ended(name)
    printed = namespace.printed(name, "main")
    try:
        found: dict[str, Any] = json.loads(printed[-1])
    except (IndexError, ValueError):
        return kept or "; ".join(printed[-2:]) or "a pod that asks printed nothing"
    return found


def _enforced(free: Manifest, held: Manifest) -> Row:
    what = "NetworkPolicies hold"
    if free["error"]:
        return unknown(what, f"a pod without any does not reach its neighbour either: {free['error']}")
    if held["error"]:
        return fine(what, "a pod under default-deny does not reach its neighbour, and one without does")
    mend = "a network plugin that enforces NetworkPolicies (Calico, Cilium); until then pull-request code reaches everything"
    return wrong(what, "a pod under default-deny reaches its neighbour", mend)


def _reached(
    needs: Needs, asked: Mapping[str, tuple[str, int, bool]], held: Mapping[str, Any], openings: Mapping[str, Manifest]
) -> Iterator[Row]:
    """Yield whether names have addresses, and what is opened is reached."""
    named = {target: host for target, (host, _, _) in asked.items() if target != "neighbour" and not _literal(host)}
    nameless = {target: host for target, host in named.items() if "address" not in held[target]}
    if nameless and nameless.keys() == named.keys():
        said = held[next(iter(nameless))]["error"]
        mend = "cluster.dns says where the name service answers, which is what `all-to-dns` opens"
        yield wrong("pods find names under default-deny", said, mend)
        return
    yield fine("pods find names under default-deny", ", ".join(sorted(set(named.values()) - set(nameless.values()))))
    for target, (host, number, opens) in asked.items():
        if not opens:
            continue
        what, answer = f"runs reach {target} at {host}:{number}", held[target]
        setting = _SETTINGS.get(target, "addresses")
        if "address" not in answer:
            yield wrong(what, answer["error"], "the name, in the settings or in the cluster's DNS")
        elif not answer["error"]:
            yield fine(what, answer["address"])
        elif target == "api-server":
            mend = "`cluster.apiServerAddresses`: `kubectl get service,endpointslices kubernetes` has them"
            yield wrong(what, f"{answer['address']}: {answer['error']}", mend)
        elif not _opens(openings[f"runs-to-{target}"], answer["address"]):
            yield wrong(
                what, f"it is at {answer['address']}, which no policy opens", f"`{setting}: [{answer['address']}/32]`"
            )
        else:
            yield wrong(
                what,
                f"{answer['address']}: {answer['error']}",
                "it does not answer pods there, or something between drops it",
            )


_SETTINGS = {
    "forge-git": "forge.addresses",
    "forge-api": "forge.addresses",
    "registry": "registry.addresses",
    "quarantine": "build.quarantine.addresses",
    "source": "sourceRegistry.addresses",
    "proxy": "build.proxy.addresses",
}


def _literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _opens(policy: Manifest, address: str) -> bool:
    """Whether a policy's egress has an address."""
    there = ip_address(address)
    blocks = [to["ipBlock"] for rule in policy["egress"] for to in rule["to"] if "ipBlock" in to]
    return any(
        there in ip_network(block["cidr"]) and not any(there in ip_network(other) for other in block.get("except", []))
        for block in blocks
    )
