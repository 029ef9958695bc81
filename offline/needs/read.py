"""From a stack's configuration to what it needs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from components.listener.webhook_secret import accepted_secrets
from components.plan.forge import APPS_USER
from components.plan.stack import StackPlan
from components.settings.forge import App as Installed
from components.settings.settings import Settings
from components.settings.sources import SecretKey
from components.settings.stack import Stack
from components.settings.types import Source
from components.tasks.forge import app_rights
from offline.needs.registries import Reader, images, rights
from offline.needs.values import UNREAD, App, Existing, Forge, Listener, Manifest, Named, Needs, Repository
from offline.render import objects, program
from offline.run import revealed, run


def needs(
    stack: str,
    config: Mapping[str, str],
    secrets: Iterable[str] = (),
    read: Callable[[str], str] | None = None,
    passwords: Mapping[str, str] | None = None,
) -> Needs:
    """Return what a stack needs. Raises SettingsError with every mistake in its configuration.

    `read` returns a file's text by its path, or UNREAD; without it all have to be there, and of the right form.
    `passwords` are the values of random passwords that are known, by the resource's name.
    """
    loaded: list[tuple[Stack, StackPlan]] = []

    def main() -> None:
        given = Stack.load(read=read)
        # Secrets are outputs, which are made where the program runs.
        loaded.append((given, StackPlan(given)))
        program()(given)

    recording = run(main, stack=stack, config=config, secrets=tuple(secrets), passwords=passwords)
    declared = tuple(revealed(resource) | header for resource, header in objects(recording))
    ((given, plan),) = loaded
    made = _needs(stack, given, plan, declared)
    return replace(made, named=tuple(_named(given)), configuration=config, secret=tuple(secrets))


def _needs(name: str, stack: Stack, plan: StackPlan, declared: tuple[Manifest, ...]) -> Needs:
    settings = stack.settings
    build = settings.build if any(each.deliver_on == "pull-request" for each in settings.environments) else None
    home, rotation = settings.environments[0], settings.listener.webhook_secret
    destinations = {
        "forge-git": settings.forge.git_url,
        "forge-api": settings.forge.api_url,
        "registry": settings.registry.url,
        **({"quarantine": build.quarantine.url} if build else {}),
        **({"source": settings.source_registry.url} if settings.source_registry else {}),
        **({"proxy": build.proxy.url} if build and build.proxy else {}),
    }
    reader = Reader(stack)
    bundle = settings.ca_bundle
    return Needs(
        stack=name,
        kubeconfig=plan.provider.get("kubeconfig"),
        context=settings.cluster.context,
        cluster=settings.cluster,
        objects=declared,
        builds=build is not None,
        process_sandbox=build is not None and build.process_sandbox,
        tools_image=stack.tools_image,
        ca_bundle=(reader.text(bundle) or "") if isinstance(bundle, Source) else bundle or "",
        rights=tuple(rights(reader, settings)),
        images=tuple(images(stack, reader)),
        destinations=destinations,
        forge=_forge(reader, settings),
        listener=Listener(
            name=settings.listener.name,
            namespace=home.delivery_namespace,
            address=plan.listener_address,
            exposed=settings.listener.exposure is not None,
            comments=build is not None and settings.forge.ok_to_test is not None,
            pushes=build is not None,
            secret=accepted_secrets(rotation)[0].secret,
        ),
        existing=tuple(_existing(settings)),
    )


def _forge(reader: Reader, settings: Settings) -> Forge:
    forge = settings.forge
    branches: dict[str, list[str]] = {}
    for application in settings.applications:
        branches.setdefault(application.repository, []).append(application.base_branch)
    ids = settings.repository_ids
    ssh, https = forge.ssh, forge.https
    own = {name: (f"forge.ssh.deployKeys.{name}", source) for name, source in (ssh.deploy_keys if ssh else {}).items()} | {
        name: (f"forge.https.tokens.{name}", source) for name, source in (https.tokens if https else {}).items()
    }
    told = {
        "forge.token": forge.token,
        "forge.app.privateKey": forge.app.private_key if forge.app else None,
        "forge.okToTest.token": forge.ok_to_test.token if forge.ok_to_test else None,
        "forge.ssh.privateKey": forge.ssh.private_key if forge.ssh else None,
        "forge.ssh.knownHosts": forge.ssh.known_hosts if forge.ssh else None,
        "forge.https.token": forge.https.token if forge.https else None,
        **dict(own.values()),
    }
    values = {setting: reader.text(source) for setting, source in told.items()}
    reads_comments = forge.ok_to_test is not None and settings.build is not None
    asked = app_rights(
        comments=forge.comment,
        deployments=forge.deployments,
        asks_who_may=reads_comments and told["forge.okToTest.token"] is None,
        fetches=forge.fetches_by_app,
    )
    return Forge(
        kind=forge.kind,
        api_url=forge.api_url,
        git_url=forge.git_url,
        repositories=tuple(Repository(name, ids.get(name), tuple(dict.fromkeys(bases))) for name, bases in branches.items()),
        token=values["forge.token"],
        app=_app(forge.app, values["forge.app.privateKey"], asked) if forge.app else None,
        reads_comments=reads_comments,
        reader=values["forge.okToTest.token"],
        key=values["forge.ssh.privateKey"],
        known_hosts=values["forge.ssh.knownHosts"],
        git_user=forge.https.username if forge.https else APPS_USER if forge.fetches_by_app else "",
        git_token=values["forge.https.token"],
        fetches_by_app=forge.fetches_by_app,
        own={name: (setting, values[setting]) for name, (setting, _) in own.items()},
        unread=tuple(setting for setting, source in told.items() if source and values[setting] is None),
    )


def _app(app: Installed, key: str | None, rights: Mapping[str, str]) -> App:
    others = {owner.lower(): str(number) for owner, number in app.installations.items()}
    return App(app.id, str(app.installation_id), key, rights, others)


def _existing(settings: Settings) -> Iterable[Existing]:
    for environment in settings.environments:
        spaces, builds = environment.namespaces, environment.deliver_on == "pull-request" and settings.build is not None
        if spaces.workload and spaces.workload.existing:
            yield Existing(environment.workload_namespace, ("restricted",))
        if spaces.delivery and spaces.delivery.existing:
            yield Existing(environment.delivery_namespace, ("baseline",) if builds else ("restricted", "baseline"))


def _named(stack: Stack) -> Iterable[Named]:
    settings = stack.settings
    hosts: dict[tuple[str | int, ...], str] = {("registry",): settings.registry.host}
    if settings.source_registry:
        hosts["sourceRegistry",] = settings.source_registry.host
    if settings.build:
        hosts["build", "quarantine"] = settings.build.quarantine.host
        hosts |= {("build", "baseImages", name): there.host for name, there in settings.build.base_images.items()}
        for index, _ in enumerate(settings.applications):
            hosts["applications", index] = settings.build.quarantine.host
    for (*place, _), held in stack.named():
        if isinstance(held, SecretKey):
            yield Named(tuple(place), held.name, held.key)
        else:
            yield Named(tuple(place), held.name, host=hosts[tuple(place[:-1])])


def read_file(path: str) -> str:
    """Return a file's text, or UNREAD for one that cannot be read."""
    try:
        return Path(path).expanduser().read_text() or UNREAD
    except (OSError, UnicodeError):
        return UNREAD
