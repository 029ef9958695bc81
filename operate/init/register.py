"""Has the forge know of a stack what it should: what is right stays, what is otherwise is mended, and no more is touched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from operate.errors import OperateError
from operate.init.registered import Forge, Key, Repository, Rule, Webhook, title, webhook_url

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Registration:
    """A stack's registration at its forge."""

    stack: str
    forge: Forge
    tell: Tell

    def may(self, repositories: Sequence[str], *, rules: bool = False) -> dict[str, Repository]:
        """Return the repositories, read with all that is going to be written. Raises OperateError without the rights."""
        found = {}
        for name in repositories:
            found[name] = repository = self.forge.repository(name)
            if not repository.administers:
                rights = "GitHub: fine-grained, Administration and Webhooks: read and write; Gitea: write:repository"
                raise OperateError(
                    f"$FORGE_TOKEN does not administer {name}; take one of an administrator ({rights}). Nothing was made"
                )
            self.forge.keys(name)
            self.forge.webhooks(name)
            if rules:
                self.forge.rules(name)
        return found

    def ensure_key(self, repository: str, key: str, *, others: bool) -> int:
        """Have a deploy key that only reads, and no other one of the stack's unless `others`. Returns how many are left."""
        there = self.forge.keys(repository)
        same = [each for each in there if each.key == key]
        right = [each for each in same if each.read_only and each.title == title(self.stack)]
        for each in same if not right else []:
            self.forge.delete_key(repository, each)
        if not right:
            self.forge.add_key(repository, title(self.stack), key)
        self._said(repository, "deploy key", right, same)
        former = [each for each in self._own_keys(there) if each.key != key]
        if others:
            return len(former)
        for each in former:
            self.forge.delete_key(repository, each)
            self.tell(f"{repository}: former deploy key taken away")
        return 0

    def ensure_webhook(self, repository: str, listener: str, secret: str, *, builds: bool, comments: bool) -> None:
        """Have one webhook that tells the listener, with its present secret."""
        events = self.forge.events(builds=builds, comments=comments)
        wanted = Webhook(webhook_url(listener, self.stack, secret), events)
        there = [each for each in self.forge.webhooks(repository) if self._tells(each, wanted)]
        right = [each for each in there if each.same(wanted)]
        if not right:
            self.forge.put_webhook(repository, wanted, secret, there[0] if there else None)
        self._said(repository, "webhook", right, there)
        kept = (right or there)[:1]
        for each in there:
            if each not in kept:
                self.forge.delete_webhook(repository, each)
                self.tell(f"{repository}: second webhook taken away")

    def ensure_rule(self, repository: str, wanted: Rule) -> None:
        """Have a ruleset that wants checks of an App."""
        there = [each for each in self.forge.rules(repository) if each.name == wanted.name]
        right = [each for each in there if each.same(wanted)]
        if not right:
            self.forge.put_rule(repository, wanted, there[0] if there else None)
        self._said(repository, "branch rule", right, there)

    def remove(self, repository: str, *, rules: bool) -> None:
        """Take away what was registered for the stack, and nothing else."""
        own = [each for each in self.forge.webhooks(repository) if each.belongs_to(self.stack)]
        keys = self._own_keys(self.forge.keys(repository))
        own_rules = [each for each in self.forge.rules(repository) if each.name == title(self.stack)] if rules else []
        for webhook in own:
            self.forge.delete_webhook(repository, webhook)
        for key in keys:
            self.forge.delete_key(repository, key)
        for rule in own_rules:
            self.forge.delete_rule(repository, rule)
        found = {"webhook": own, "deploy key": keys, "branch rule": own_rules}
        taken = [name for name, each in found.items() if each]
        self.tell(f"{repository}: {' and '.join(taken)} taken away" if taken else f"{repository}: nothing of {self.stack}")

    def _own_keys(self, keys: Sequence[Key]) -> list[Key]:
        return [each for each in keys if each.title == title(self.stack)]

    def _tells(self, webhook: Webhook, wanted: Webhook) -> bool:
        """Whether a webhook is the stack's, by its mark, or one that somebody entered by hand for the same listener."""
        return webhook.belongs_to(self.stack) or webhook.url.rstrip("/") == wanted.base

    def _said(self, repository: str, what: str, right: Sequence[object], there: Sequence[object]) -> None:
        self.tell(f"{repository}: {what} {'unchanged' if right else 'mended' if there else 'registered'}")
