"""From the command line and answers to what a new stack file says. Everything is read and checked; nothing is written."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from kubernetes.config import list_kube_config_contexts
from kubernetes.config.config_exception import ConfigException

from operate.errors import OperateError
from operate.init.questions import Ask, Question, answers
from operate.init.registered import Repository
from operate.init.stack_file import Existing, Wanted

GITHUB = "https://api.github.com"
# Where the documents have `python -m images` print to.
IMAGES = Path("images.txt")
_APPLICATION = re.compile(r"applications\[([0-9]+)\]")
_IMAGE = r"\S+/{}@sha256:[0-9a-f]{{64}}"


ADMINISTRATOR = Question("$FORGE_TOKEN", "token that administers the repositories; it is not kept")


def by_itself(given: argparse.Namespace, *, app: bool = False) -> bool:
    """Return whether an App registers by itself: where there is one, and no administrator's token that could do more."""
    return bool(given.app_id or app) and not given.branch_rules and not os.environ.get(ADMINISTRATOR.by[1:])


def flag(name: str) -> str:
    """Return a flag as it is written."""
    return f"--{name.replace('_', '-')}"


def questions(given: argparse.Namespace, kubeconfig: Path) -> list[Question]:
    """Return what has to be known for a new stack file and is no secret."""
    found = [
        Question("--repository", "repository, owner/name", ",".join(given.repository or [])),
        Question("--context", "context of the kubeconfig", given.context, current_context(kubeconfig)),
        Question("--registry", "where images are, host/path", given.registry, beside(given.images or IMAGES)),
        Question("--registry-user", "user that pulls and pushes there", given.registry_user),
        Question(
            "--quarantine-user",
            "another user, who pulls and pushes to quarantine alone: pull-request code can take its password",
            given.quarantine_user,
        ),
        Question(
            "--images",
            "file with what `python -m images` printed",
            str(given.images) if given.images else None,
            str(IMAGES) if IMAGES.exists() else None,
        ),
    ]
    if given.forge == "gitea":
        found.insert(0, Question("--api-url", "base URL of the forge's REST API, …/api/v1", given.api_url))
    return found


def contradictions(given: argparse.Namespace) -> None:
    """Raise OperateError for flags that cannot go together."""
    app = [name for name in ("app_id", "app_installation", "app_key") if getattr(given, name)]
    if app and (lacking := sorted({"app_id", "app_key"} - set(app))):
        raise OperateError(f"{flag(app[0])} needs {' and '.join(map(flag, lacking))} beside it")
    if app and given.forge == "gitea":
        raise OperateError("--app-id: Apps are GitHub's; leave it out, or say --forge github")
    if given.app_installation and not re.fullmatch("[1-9][0-9]{0,15}", given.app_installation):
        raise OperateError("--app-installation is the number at the end of the installation's address")
    if given.branch_rules and not app:
        raise OperateError("--branch-rules pins the check to its App: it needs --app-id, and GitHub (docs/init.md)")
    if bool(given.listener_host) != bool(given.ingress_class):
        raise OperateError("--listener-host and --ingress-class go together")


def named(stack: str) -> None:
    """Raise OperateError for what is no name of a stack that commands can be given."""
    if not re.fullmatch("[A-Za-z0-9_][A-Za-z0-9_-]{0,49}", stack):
        form = "at most 50 letters, digits, `_` and `-`, and no `-` first"
        raise OperateError(f"{stack[:60]!r} is no name of a stack: {form}")


def reachable(url: str | None) -> None:
    """Raise OperateError for what is no URL of a listener; a query of its own would end in the stack's mark."""
    if url and not re.fullmatch(r"https?://[^/@\s$?#]+(/[^\s$?#]*)?", url):
        raise OperateError("--listener-url must be an http(s) URL without a user, a query and a fragment")


def same(given: argparse.Namespace, existing: Existing) -> None:
    """Raise OperateError for a flag that says otherwise than the stack file, which is its owner's by now."""
    registry, quarantine = (existing.place(*where) for where in (("registry",), ("build", "quarantine")))
    exposure = (existing.settings.get("listener") or {}).get("exposure") or {}
    there: dict[str, object] = {
        "forge": existing.kind,
        "api_url": existing.api_url,
        "ssh_url": existing.ssh_url,
        "app_id": str((existing.forge.get("app") or {}).get("id", "")),
        "context": (existing.settings.get("cluster") or {}).get("context", ""),
        "registry": registry[0],
        "registry_user": registry[1],
        "quarantine": quarantine[0],
        "quarantine_user": quarantine[1],
        "environments": ",".join(each["name"] for each in existing.settings["environments"]),
        "app_installation": str((existing.forge.get("app") or {}).get("installationId", "")),
        "kubeconfig": (existing.settings.get("cluster") or {}).get("kubeconfig", ""),
        "base_branch": ",".join(sorted({str(each.get("baseBranch", "main")) for each in existing.applications})),
        "insecure_registry": bool((existing.settings.get("registry") or {}).get("insecure")),
        "listener_host": exposure.get("host", ""),
        "ingress_class": (exposure.get("ingress") or {}).get("className", ""),
    }
    said = [(name, value, there[name]) for name in there if (value := getattr(given, name)) and value != there[name]]
    tools = existing.settings.get("toolsImage")
    if given.images and isinstance(tools, str) and image(given.images, "tools") != tools:
        said.append(("images", given.images, tools))
    kinds = {kind for _, source in existing.sources() for kind in source}
    if given.secrets and {"pulumi": "config", "files": "file"}[given.secrets] not in kinds:
        said.append(("secrets", given.secrets, f"sources of the kind {' and '.join(sorted(kinds))}"))
    known = {name.lower() for name in existing.repositories}
    others = [each for each in given.repository or [] if each.lower() not in known]
    said += [("repository", each, ", ".join(existing.repositories)) for each in others]
    for name, value, now in said:
        file = f"Pulumi.{existing.stack}.yaml"
        shown = flag(name) if value is True else f"{flag(name)} {value}"
        raise OperateError(f"{shown}: {file} has {now or 'none'}; change it there, it is yours")


def read(given: argparse.Namespace, ask: Ask | None, ask_secretly: Ask) -> tuple[Wanted, dict[str, str]]:
    """Return what a new stack file says, but for base branches, and the secrets that only people know.

    Raises OperateError with all that is missing.
    """
    contradictions(given)
    kubeconfig = Path(given.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")
    if os.pathsep in str(kubeconfig):
        raise OperateError("--kubeconfig: $KUBECONFIG names several files, and a stack file one; say which")
    contexts = contexts_of(kubeconfig.expanduser())
    secrets = [] if by_itself(given) else [ADMINISTRATOR]
    if not given.app_id:
        secrets.append(Question("$STATUS_TOKEN", "token that sets commit statuses; the stack keeps it"))
    secrets += [
        Question("$REGISTRY_PASSWORD", "password of --registry-user"),
        Question("$QUARANTINE_PASSWORD", "password of --quarantine-user"),
    ]
    found = answers([*questions(given, kubeconfig.expanduser()), *secrets], ask, ask_secretly)
    if found["--context"] not in contexts:
        raise OperateError(f"--context {found['--context']}: {kubeconfig} has {', '.join(contexts) or 'none'}")
    repositories = [each.strip() for each in found["--repository"].split(",") if each.strip()]
    if wrong := [each for each in repositories if not re.fullmatch(r"[\w.-]+/[\w.-]+", each)]:
        raise OperateError(f"--repository {wrong[0]}: must be owner/name")
    environments = tuple((given.environments or "staging").split(","))
    if len(environments) > 2:
        raise OperateError("--environments: a longer chain takes more keys; add the others by hand (docs/chains.md)")
    api_url = (found.get("--api-url") or given.api_url or GITHUB).rstrip("/")
    registry = found["--registry"].strip("/")
    wanted = Wanted(
        stack=given.stack,
        kind=given.forge or "github",
        api_url=api_url,
        ssh_url=given.ssh_url or ssh_url(api_url),
        repositories=dict.fromkeys(repositories, given.base_branch or ""),
        app=given.app_id,
        key_each=(given.forge or "github") == "github",
        kubeconfig=str(kubeconfig),
        context=found["--context"],
        registry=registry,
        registry_user=found["--registry-user"],
        quarantine=(given.quarantine or f"{registry}/quarantine").strip("/"),
        quarantine_user=found["--quarantine-user"],
        insecure=bool(given.insecure_registry),
        tools_image=image(Path(found["--images"]), "tools"),
        builder_image=image(Path(found["--images"]), "builder"),
        environments=environments,
        exposure=(given.listener_host, given.ingress_class) if given.listener_host else None,
    )
    return wanted, found


def explained(plan: Wanted, error: OperateError) -> OperateError:
    """Return why settings cannot be used with the flags that lead there: the file is not written yet."""
    reason, names = str(error), list(plan.repositories)
    wrong = [names[number] for number in dict.fromkeys(map(int, _APPLICATION.findall(reason))) if number < len(names)]
    found = f"{reason}\nthe file is not written"
    if wrong:
        found += f"; this comes of {', '.join(wrong)}: name with --repository the others that are wanted"
    if "forge.ssh.url" in reason:
        found += f"; {plan.ssh_url} was made of --api-url {plan.api_url}: say --ssh-url"
    return OperateError(found)


def with_branches(wanted: Wanted, repositories: Sequence[Repository]) -> dict[str, str]:
    """Return each repository as the forge writes it, with the branch that pull requests are merged to."""
    named = dict(zip(wanted.repositories.items(), repositories, strict=True))
    return {there.name: branch or there.default_branch for (_, branch), there in named.items()}


def ssh_url(api_url: str) -> str:
    """Return where a forge answers git, unless somebody says otherwise."""
    host = str(urlsplit(api_url).hostname)
    return f"ssh://git@{'github.com' if api_url == GITHUB else host}"


def image(file: Path, name: str) -> str:
    """Return the reference of an image in what `python -m images` printed."""
    try:
        found = re.search(_IMAGE.format(name), file.read_text())
    except OSError as error:
        raise OperateError(f"--images {file}: {error.strerror}; `python -m images REGISTRY/PATH >{file}`") from None
    if not found:
        raise OperateError(f"--images {file}: names no {name}@sha256:…; it has to hold what `python -m images` printed")
    return found[0]


def beside(file: Path) -> str | None:
    """Return where applications' images can be: one above the project's own, which the same user pulls."""
    try:
        place = image(file, "tools").rpartition("/")[0]
    except OperateError:
        return None
    return place.rpartition("/")[0] or place


def contexts_of(kubeconfig: Path) -> list[str]:
    """Return the contexts of a kubeconfig; it is read, nothing is asked of a cluster."""
    try:
        contexts, _ = list_kube_config_contexts(str(kubeconfig))  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise OperateError(f"--kubeconfig {kubeconfig}: {error}") from None
    return [each["name"] for each in contexts]


def current_context(kubeconfig: Path) -> str | None:
    """Return a kubeconfig's current context, if it has one."""
    try:
        _, current = list_kube_config_contexts(str(kubeconfig))  # type: ignore[no-untyped-call]
        return str(current["name"])
    except (ConfigException, TypeError, KeyError):
        return None
