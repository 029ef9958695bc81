"""The `pulumi` of the embedded default: runs the real CLI, with a policy pack as that one can start it, and keeps its
bookkeeping out of the tracked stack files.

With the passphrase secrets provider the CLI writes `encryptionsalt` into `Pulumi.<stack>.yaml` on every operation, and
lays the file out anew. The salt belongs to one checkout's generated passphrase, so it must not be committed, and it need
not be there: the CLI also takes it from the state (PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER). No option makes it leave
the file alone.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

_SALT = "encryptionsalt"
_PACK = "--policy-pack"


def install(folder: Path, cli: Path, backend: Path, packs: Mapping[Path, Path] = MappingProxyType({})) -> Path:
    """Write the `pulumi` launcher into a folder that goes before everything else on PATH.

    `packs` are folders of policy packs, with what the CLI is given in their place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / "pulumi"
    instead = json.dumps({str(pack.resolve()): str(other) for pack, other in packs.items()})
    command = shlex.join([sys.executable, str(Path(__file__).resolve()), str(cli), str(backend), instead])
    launcher.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    launcher.chmod(0o755)
    return launcher


def bundle(folder: Path, *sources: Path) -> Path:
    """Put the CLI and its language host into one folder: the CLI warns about a host that it finds on PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        for path in source.iterdir():
            target = folder / path.name
            target.unlink(missing_ok=True)
            try:
                # A symbolic link would not do: the CLI looks beside the file that it really is.
                target.hardlink_to(path)
            except OSError:
                shutil.copy2(path, target)
    return folder


def run(cli: Path, backend: Path, arguments: list[str]) -> int:
    """Run the CLI in the current directory and then take this backend's salts out of the stack files again."""
    before = _stack_files()
    salts = _salts(backend)
    # Ctrl-C goes to the CLI, which ends in its own time; this process has to outlive it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environment = {**os.environ, "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true"}
    with subprocess.Popen(
        [cli, *arguments], env=environment, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    ) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        status = process.wait()
    salts |= _salts(backend)
    for path, content in _stack_files().items():
        restored = _without_salt(before.get(path), content, salts)
        if restored is not None:
            # In one step: a command for another stack may be reading its file.
            scratch = path.with_name(f".{path.name}.{os.getpid()}")
            scratch.write_bytes(restored)
            scratch.chmod(path.stat().st_mode)
            scratch.replace(path)
    return status if status >= 0 else 128 - status


def with_packs(arguments: Sequence[str], packs: Mapping[str, str]) -> list[str]:
    """Return the CLI's arguments with other folders of policy packs."""
    given, before = [], ""
    for argument in arguments:
        flag, equals, value = argument.partition("=") if argument.startswith(f"{_PACK}=") else ("", "", argument)
        is_pack = bool(flag) or before == _PACK
        given.append(f"{flag}{equals}{packs.get(str(Path(value).resolve()), value)}" if is_pack else argument)
        before = argument
    return given


def _without_salt(before: bytes | None, after: bytes, salts: set[str]) -> bytes | None:
    """The content to write back, or None when there is nothing to take out. Another backend's salt is the user's."""
    try:
        document = yaml.safe_load(after)
        if not isinstance(document, dict) or document.get(_SALT) not in salts:
            return None
        del document[_SALT]
        if before is not None and _plain(yaml.safe_load(before)) == _plain(document):
            return before
    except yaml.YAMLError:
        return None
    return re.sub(rb"(?m)^encryptionsalt:.*\n?", b"", after)


def _plain(value: Any) -> Any:
    """A configuration as the CLI understands it: all scalars are text, and a salt says nothing."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if key != _SALT}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _stack_files() -> dict[Path, bytes]:
    """What is in the stack files of the project that the CLI finds: the nearest Pulumi.yaml upwards."""
    here = Path.cwd()
    found = {}
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").exists():
            for path in sorted(folder.glob("Pulumi.*.yaml")):
                # A command for another stack may be removing its file.
                with contextlib.suppress(FileNotFoundError):
                    found[path] = path.read_bytes()
            break
    return found


def _salts(backend: Path) -> set[str]:
    found = set()
    for path in backend.glob(".pulumi/stacks/**/*.json"):
        try:
            provider = json.loads(path.read_text())["checkpoint"]["latest"]["secrets_providers"]
            found.add(provider["state"]["salt"])
        except (OSError, ValueError, KeyError, TypeError):
            # A stack without secrets, or one that another command is writing: nothing to take from it.
            continue
    return found


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), Path(sys.argv[2]), with_packs(sys.argv[4:], json.loads(sys.argv[3]))))
