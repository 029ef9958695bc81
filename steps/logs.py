"""The end of a container's log, by the API server: bounded, whoever writes it and however fast."""

import ssl
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPException
from urllib.parse import urlencode, urlsplit

from steps import kubernetes
from steps.deadline import connection, within
from steps.kubernetes import Access

# How many of the last lines are asked for. A kubelet that is asked for so many bytes as well counts these from the first of
# the lines on: where lines are so long that the last ones fall off, fewer are asked for.
LINES, LARGEST = (200, 40, 8, 2), 64 * 1024
# Runtimes write longer lines in pieces, and the kubelet counts these: 16 KiB are containerd's, 8 KiB CRI-O's.
_PIECE = 4 * 1024
# For each question.
_SECONDS = 5.0


def end(access: Access, namespace: str, pod: str, container: str) -> str:
    """Return the last lines of a container's log, each of them whole; nothing where they cannot be had."""
    return last(lambda lines: _read(access, namespace, pod, container, lines))


def last(read: Callable[[int], bytes | None]) -> str:
    """Return the last lines of a log, each of them whole. `read` asks for so many, of at most LARGEST bytes; None: no log.

    In the rest of a line that was cut there may be the rest of a secret, which nobody knows to hide.
    """
    for lines in LINES:
        found = read(lines)
        if found is None:
            return ""
        if len(found) < LARGEST:
            return whole(found.decode(errors="replace"), lines)
    return ""


def whole(text: str, lines: int) -> str:
    """Return the end of a log that was asked for so many lines, without a first one that may be the rest of one."""
    pieces = sum(len(line) // _PIECE + 1 for line in text.removesuffix("\n").split("\n"))
    return text.partition("\n")[2] if pieces >= lines else text


def _read(access: Access, namespace: str, pod: str, container: str, lines: int) -> bytes | None:
    path = f"{kubernetes.core(namespace, 'pods', pod)}/log"
    query = urlencode({"container": container, "tailLines": lines, "limitBytes": LARGEST})
    try:
        tls = ssl.create_default_context(cafile=str(access.folder / "ca.crt"))
        token = (access.folder / "token").read_text().strip()
        with closing(connection(urlsplit(f"https://{access.host}:{access.port}"), tls)) as made, within(made, _SECONDS, tls):
            made.request("GET", f"{path}?{query}", headers={"Authorization": f"Bearer {token}"})
            response = made.getresponse()
            answer = b""
            while len(answer) < LARGEST and (part := response.read1(LARGEST - len(answer))):
                answer += part
            return answer if response.status == 200 else None
    except (OSError, HTTPException, ValueError):
        return None
