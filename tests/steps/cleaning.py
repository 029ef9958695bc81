"""The step clean beside a registry in a folder, an API server and the forge."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.steps.conftest import Sandbox
from tests.steps.server import TOKEN, Api, Forge
from tests.tasks.scripts.conftest import Result

IMAGE, QUARANTINE = "registry.internal:5000/shop", "quarantine.internal:5001/shop"
A, B, C = ("sha256:" + letter * 64 for letter in "abc")
ONE, TWO = "1" * 40, "2" * 40

# A registry in a folder: `tags` has lines of tag and digest, the rest is named after digests.
CRANE = r"""
cd '{root}/registry'
verb=$1
shift
[ "$1" != --insecure ] || shift
set -- "$verb" "$@"
here() { [ -e "$1" ] && cat "$1" || { echo "MANIFEST_UNKNOWN: $1" >&2; exit 1; }; }
case $1 in
ls) [ ! -e broken ] || { echo "UNAUTHORIZED: who is it?" >&2; exit 1; }
    cut -d ' ' -f 1 tags ;;
digest) grep -q "^${2##*:} " tags || { echo "MANIFEST_UNKNOWN: $2" >&2; exit 1; }
    sed -n "s/^${2##*:} //p" tags ;;
manifest | blob) here "$1-${2##*:}" ;;
delete) [ ! -e "refused-${2##*:}" ] || { echo "UNSUPPORTED: no deletes" >&2; exit 1; } ;;
esac
"""
ORAS = r"""
for image; do :; done
cat '{root}/registry/'referrers-"${image##*:}" 2>/dev/null || echo '{"referrers": []}'
"""


class Registry:
    """What is in it, as steps see it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.folder: Path = sandbox.root / "registry"
        self.folder.mkdir()
        (self.folder / "tags").touch()
        for name, body in (("crane", CRANE), ("oras", ORAS)):
            sandbox.stub(name, body.replace("{root}", str(sandbox.root)))

    def tag(self, tag: str, digest: str) -> None:
        with (self.folder / "tags").open("a") as tags:
            tags.write(f"{tag} {digest}\n")

    def copy(self, commit: str, pull_request: str, digest: str) -> None:
        """As the step that copies tags an image."""
        self.tag(f"{commit}-{pull_request}-{digest[7:19]}", digest)

    def sign(self, digest: str, *pull_requests: str | None, bundle: bool = True) -> list[str]:
        """Marks about an image; the digests of what refers to it."""
        made = []
        for number, pull_request in enumerate(pull_requests):
            mark = f"sha256:{number:060d}{digest[7:11]}"
            predicate = {"pullRequest": pull_request} if pull_request else {}
            envelope = {"payload": base64.b64encode(json.dumps({"predicate": predicate}).encode()).decode()}
            self.file("blob", mark, {"dsseEnvelope": envelope} if bundle else envelope)
            self.file("manifest", mark, {"layers": [{"digest": mark}]})
            made.append(mark)
        self.file("referrers", digest, {"referrers": [{"digest": mark} for mark in made]})
        return made

    def file(self, kind: str, digest: str, content: Any) -> None:
        (self.folder / f"{kind}-{digest[7:]}").write_text(json.dumps(content))

    @property
    def calls(self) -> list[list[str]]:
        """What was asked of it by either client."""
        return self.sandbox.calls

    @property
    def deleted(self) -> list[str]:
        return [call[-1] for call in self.sandbox.called("crane") if call[0] == "delete"]


@dataclass
class Cleaner:
    """Cleans up after the pull request 7, which the forge calls rejected; the environment runs what the test says."""

    sandbox: Sandbox
    lists: Api
    forge: Forge

    def needs(self, *digests: str) -> None:
        containers = [{"name": "app", "image": f"{IMAGE}@{digest}"} for digest in digests]
        pod = {"containers": containers or [{"name": "app", "image": "by-tag:1"}]}
        self.lists.says("/deployments/shop-pod", {"metadata": {}, "spec": {"template": {"spec": pod}}})

    def env(self, **changed: str) -> dict[str, str]:
        return {
            "PARAM_REPOSITORY": "acme/shop",
            "PARAM_PULL_REQUEST": "7",
            "PARAM_DEPLOYMENT": "shop-pod",
            "NAMESPACE": "staging",
            "PARAM_IMAGE": IMAGE,
            "PARAM_QUARANTINE_IMAGE": "",
            "INSECURE": "false",
            "QUARANTINE_INSECURE": "false",
            "DOCKER_CONFIG": "/credentials/registry",
            "API_URL": self.forge.api,
            "TOKEN_FILE": str(self.sandbox.file("token", TOKEN)),
            **self.lists.env,
            **changed,
        }

    def clean(self, **changed: str) -> Result:
        result = self.sandbox.step("clean", **self.env(**changed))
        assert result.code == 0, f"the way back is done: {result.err}"
        return result
