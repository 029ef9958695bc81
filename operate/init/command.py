"""`python -m operate init STACK`: all is read and checked first, then written in an order that can be taken up again."""

import argparse
import json
from dataclasses import dataclass, field, replace

from components.tasks.forge import app_rights
from offline.run import ROOT
from operate.errors import OperateError
from operate.init import keys, rotation, values, wanted
from operate.init import stack_file as names
from operate.init.app import AppForge
from operate.init.gitea import Gitea
from operate.init.github import GitHubForge
from operate.init.questions import Ask, answers, terminal
from operate.init.register import Registration, Tell
from operate.init.registered import Forge, Rule, title
from operate.init.sources import Sources, pulumi_there
from operate.init.stack_file import Existing, Wanted

# A listener's address that only its cluster knows.
INSIDE = ".svc.cluster.local"


@dataclass
class Init:
    """One run of the command."""

    given: argparse.Namespace
    sources: Sources
    ask: tuple[Ask | None, Ask]
    say: Tell
    done: list[str] = field(default_factory=list)
    """What was written, for the error of a run that ends in the middle."""
    left: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Tell what is, or was done."""
        self.say(text)
        if not text.endswith("unchanged"):
            self.done.append(text)

    def run(self) -> None:
        """Do what was asked. Raises OperateError, with what was made before it if anything was."""
        stack = self.sources.stack
        wanted.named(stack)
        wanted.reachable(self.given.listener_url)
        existing = names.read(self.sources.root, stack)
        if existing is None and (self.given.remove or self.given.rotate):
            raise OperateError(f"there is no Pulumi.{stack}.yaml")
        try:
            if existing is None:
                self.begin()
            else:
                self.go_on(existing)
        except OperateError as error:
            if not self.done:
                raise
            made = "\n".join(f"  {line}" for line in self.done)
            raise OperateError(f"{error}\ndone before that:\n{made}\nthe same command goes on from there") from error
        for number, line in enumerate(self.left, 1):
            self.say(f"left {number}. {line}")

    def begin(self) -> None:
        """Make a stack that is not there."""
        self.look()
        plan, said = wanted.read(self.given, *self.ask)
        in_files = self.given.secrets == "files" or (not self.given.secrets and not pulumi_there())
        if not in_files:
            self.sources.exists()  # says what is wrong with the CLI or its login
        if plan.app and wanted.by_itself(self.given):
            forge: Forge = connect_app(plan.api_url, plan.app, values.app_key(self.given.app_key))
        else:
            forge = connect(plan.kind, plan.api_url, said[wanted.ADMINISTRATOR.by])
        registration = self.registration(forge)
        repositories = registration.may(list(plan.repositories), rules=self.given.branch_rules)
        plan = replace(plan, repositories=wanted.with_branches(plan, list(repositories.values())))
        plan = self.installed(plan, registration.forge)
        existing = names.of(plan.stack, plan.settings(lambda name: self.sources.source(name, in_files=in_files)))
        where = dict(existing.sources())
        made = values.missing(where.keys(), self.given, registration.forge, plan.ssh_url, self.ask, said)
        try:
            plan.check({name: value for name, value in made.items() if name in where})
        except OperateError as error:
            raise wanted.explained(plan, error) from None
        app = self.app(existing, registration.forge, made.get(names.APP_KEY))
        file = self.sources.root / f"Pulumi.{plan.stack}.yaml"
        file.write_text(names.kept(file) + plan.text(lambda name: self.sources.source(name, in_files=in_files)))
        self.tell(f"{file.name}: written")
        self.fill(existing, made)
        self.register(existing, registration, app)

    def look(self) -> None:
        """Take the repositories that the App is installed for, where none is named."""
        wanted.contradictions(self.given)
        if not self.given.repository and self.given.app_id and wanted.by_itself(self.given):
            api_url = (self.given.api_url or wanted.GITHUB).rstrip("/")
            forge = connect_app(api_url, self.given.app_id, values.app_key(self.given.app_key))
            if isinstance(forge, AppForge):
                try:
                    self.given.repository = forge.installed_for()
                except OperateError as error:
                    if self.ask[0] is None:
                        raise
                    self.say(str(error))

    def installed(self, plan: Wanted, forge: Forge) -> Wanted:
        """Return it with the installations of its App, as GitHub tells them."""
        if not plan.app or not isinstance(forge, GitHubForge):
            return plan
        found = forge.installations(plan.app, values.app_key(self.given.app_key), list(plan.repositories))
        said = self.given.app_installation
        if said and int(said) not in found.values():
            name, number = next(iter(found.items()))
            raise OperateError(f"the App {plan.app} is installed for {name} as {number}, not as {said}")
        return replace(plan, installations=found)

    def go_on(self, existing: Existing) -> None:
        """Have a stack that is there as it should be, or do with it what was asked."""
        wanted.same(self.given, existing)
        if self.given.rotate in rotation.AT_HOME:  # the forge's token would be asked for nothing
            self.sources.check(encrypted=existing.encrypted)
            rotation.at_home(self.given.rotate, existing, self.sources, self.tell, self.left)
            return
        registration = self.registration(self.forge(existing))
        if self.given.remove:
            self.remove(existing, registration)
            return
        self.sources.check(encrypted=existing.encrypted)
        registration.may(existing.repositories, rules=self.given.branch_rules)
        if self.given.rotate:
            rotation.deploy_keys(existing, self.sources, registration, self.left)
            return
        self.tell(f"Pulumi.{existing.stack}.yaml: unchanged")
        lacking = {name for name, source in existing.sources() if self.sources.read(source) is None}
        if gone := sorted(set(values.MARK) & lacking):
            self.renewable(existing, gone)
            lacking |= {name for name, _ in existing.sources() if name in values.MARK}
        made = values.missing(lacking, self.given, registration.forge, existing.ssh_url, self.ask, {})
        app = self.app(existing, registration.forge, made.get(names.APP_KEY))
        self.fill(existing, made)
        self.register(existing, registration, app)

    def forge(self, existing: Existing) -> Forge:
        """Return the forge of a stack that is there, as its App, or as an administrator."""
        app = existing.forge.get("app") or {}
        # Deploy keys beside an App take an administrator.
        if app and not existing.deploy_keys and wanted.by_itself(self.given, app=True):
            key = values.app_key(self.given.app_key) if self.given.app_key else self.sources.read(app["privateKey"])
            if key:
                return connect_app(existing.api_url, str(app["id"]), key)
        token = answers([wanted.ADMINISTRATOR], *self.ask)[wanted.ADMINISTRATOR.by]
        return connect(existing.kind, existing.api_url, token)

    def renewable(self, existing: Existing, gone: list[str]) -> None:
        """Raise OperateError where a new mark, in the place of what is not there, would be another one than what counts."""
        where = dict(existing.sources())
        places = ", ".join(json.dumps(where[name]) for name in gone)
        if not {names.MARK_KEY, names.MARK_PASSWORD} <= where.keys():
            raise OperateError(f"{places}: is not there; store the public key of the stack that signs (docs/chains.md)")
        if self.sources.outputs():
            raise OperateError(
                f"{places}: is not there, and the stack runs with it; put it back there. A new pair would believe nothing "
                "that was signed before: `--rotate mark` makes one"
            )

    def remove(self, existing: Existing, registration: Registration) -> None:
        """Take back what was registered, in each repository that is still there. Raises OperateError for the others."""
        refused = []
        for repository in existing.repositories:
            try:
                registration.may([repository])
                registration.remove(repository, rules="app" in existing.forge)
            except OperateError as error:
                refused.append(str(error))
        if refused:
            raise OperateError("\n".join(refused))
        if isinstance(registration.forge, AppForge):
            self.left.append("if $FORGE_TOKEN registered anything for the stack: the same with it")
        self.left.append(f"`pulumi destroy --stack {existing.stack}`, if it is to end; its file and secrets are left")

    def registration(self, forge: Forge) -> Registration:
        """Return what registers at a forge."""
        return Registration(self.sources.stack, forge, self.tell)

    def app(self, existing: Existing, forge: Forge, key: str | None) -> int | None:
        """Return the App's number, if the stack has one and it may do what is needed."""
        app = existing.forge.get("app")
        if not app or not isinstance(forge, GitHubForge):
            if self.given.branch_rules:
                raise OperateError(
                    "--branch-rules pins the check to the stack's App, and it has no `forge.app` (docs/init.md)"
                )
            return None
        key = key or self.sources.read(app["privateKey"])
        if not key:
            if self.given.branch_rules:
                raise OperateError("--branch-rules asks GitHub for the App's number, and its key is not to be read here")
            return None
        others, own = app.get("installations") or {}, int(app["installationId"])
        return forge.app(
            str(app["id"]),
            key,
            {name: others.get(name.split("/")[0], own) for name in existing.repositories},
            _rights(existing),
        )

    def fill(self, existing: Existing, made: dict[str, str]) -> None:
        """Put values where the stack file says."""
        where = dict(existing.sources())
        if any("config" in where[name] for name in made if name in where) and self.sources.ensure_stack():
            self.tell(f"stack {existing.stack}: made")
        for name, value in made.items():
            if name in where:
                stored = "the stack file" if name in names.PUBLIC else "the stack file, encrypted"
                self.sources.write(where[name], value, secret=name not in names.PUBLIC)
                self.tell(f"{name}: stored in {where[name].get('file') or stored}")

    def register(self, existing: Existing, registration: Registration, app: int | None) -> None:
        """Have the forge know what it should, as far as `pulumi up` has come."""
        for repository, source in existing.deploy_keys.items():
            private = self.sources.read(source)
            if private is None:
                raise OperateError(f"{json.dumps(source)}: the deploy key of {repository} is not there")
            others = not self.sources.applied(private)
            if registration.ensure_key(repository, keys.public_line(private), others=others):
                self.left.append(f"{repository}: the former deploy key goes with the next run after `pulumi up`")
        if self.given.branch_rules and app is not None:
            for repository in existing.repositories:
                registration.ensure_rule(repository, rule(existing, repository, app))
        self.hear(existing, registration)

    def hear(self, existing: Existing, registration: Registration) -> None:
        """Have the forge tell the listener, once that is there."""
        outputs = self.sources.outputs()
        again = f"`python -m operate init {existing.stack}`"
        if not outputs.get("webhookSecret"):
            self.left += [f"`pulumi up --stack {existing.stack}`", f"{again} once more, which registers the webhook"]
            return
        for repository in existing.repositories:
            listener = self.given.listener_url or self.listener(repository, registration, outputs["listener"])
            if listener is None:
                self.left.append(
                    f"{again} --listener-url URL, or `listener.exposure` in the stack file and `pulumi up`: "
                    f"{outputs['listener']} is known in the cluster alone"
                )
                return
            comments = bool(existing.forge.get("okToTest"))
            registration.ensure_webhook(
                repository, listener, outputs["webhookSecret"], builds=existing.builds, comments=comments
            )
        if ((existing.settings.get("listener") or {}).get("webhookSecret") or {}).get("acceptPrevious"):
            self.left.append(
                "once an event has started its run: take `listener.webhookSecret.acceptPrevious` out of the stack file and "
                f"`pulumi up --stack {existing.stack}`"
            )
        elif self.done:
            self.left.append("open a pull request")

    def listener(self, repository: str, registration: Registration, told: str) -> str | None:
        """Return where a repository's forge reaches the listener: as the stack says, or as it was said before."""
        if INSIDE not in told:
            return told
        own = [each for each in registration.forge.webhooks(repository) if each.belongs_to(self.sources.stack)]
        return own[0].base if own else None


def rule(existing: Existing, repository: str, app: int) -> Rule:
    """Return what says whether a pull request of a repository can be promoted (docs/events.md), as a rule of branches."""
    own = [each for each in existing.applications if each["repository"] == repository]
    one, branches = "tekton-delivery/promotable", {str(each.get("baseBranch", "main")) for each in own}
    checks = [one] if len(own) == 1 else sorted(f"{one}/{each['name']}" for each in own)
    return Rule(title(existing.stack), tuple(sorted(branches)), tuple(checks), app)


def connect(kind: str, api_url: str, token: str) -> Forge:
    """Return a forge, as whoever a token belongs to."""
    return GitHubForge(api_url, token) if kind == "github" else Gitea(api_url, token)


def connect_app(api_url: str, app_id: str, private_key: str) -> Forge:
    """Return GitHub, as an App."""
    return AppForge(api_url, app_id, private_key)


def run(given: argparse.Namespace, say: Tell) -> None:
    """Run the command. Raises OperateError."""
    Init(given, Sources(ROOT, given.stack), terminal(), say).run()


def _rights(existing: Existing) -> dict[str, str]:
    """Return what the App has to be granted for what a stack file says."""
    forge = existing.forge
    return app_rights(
        comments=bool(forge.get("comment", True)),
        deployments=bool(forge.get("deployments")),
        asks_who_may="okToTest" in forge and "token" not in (forge["okToTest"] or {}),
        fetches=existing.fetches_by_app,
    )
