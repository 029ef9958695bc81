"""Puts new keys and secrets in the place of a stack's, so that what runs goes on until `pulumi up` (SECURITY.md)."""

from operate.errors import OperateError
from operate.init import keys
from operate.init import stack_file as names
from operate.init.register import Registration, Tell
from operate.init.sources import Sources, pulumi_there
from operate.init.stack_file import Existing

# What the forge hears nothing of, or only after the next `pulumi up`.
AT_HOME = ("webhook", "mark")


def at_home(what: str, existing: Existing, sources: Sources, tell: Tell, left: list[str]) -> None:
    """Make a new webhook secret or mark key. Appends what people have to do then to `left`."""
    up, again = f"`pulumi up --stack {existing.stack}`", f"`python -m operate init {existing.stack}`"
    if what == "webhook":
        _webhook(existing, sources, tell)
        left += [f"{up}: both secrets count", f"{again}, which enters the new one at the forge"]
    else:
        _mark(existing, sources, tell, left)
        left.append(up)


def deploy_keys(existing: Existing, sources: Sources, registration: Registration, left: list[str]) -> None:
    """Make new deploy keys. Appends what people have to do then to `left`."""
    made: dict[str, str] = {}
    if not existing.deploy_keys:
        raise OperateError("there is no deploy key: commits are fetched by HTTPS")
    for repository, source in existing.deploy_keys.items():
        place = str(source)
        made.setdefault(place, keys.deploy_key())
        # The forge knows it before a pod could have it.
        registration.ensure_key(repository, keys.public_line(made[place]), others=True)
    for source in {str(each): each for each in existing.deploy_keys.values()}.values():
        sources.write(source, made[str(source)])
    left.append(f"`pulumi up --stack {existing.stack}`")
    left.append(f"`python -m operate init {existing.stack}`, which takes the former key away")


def _webhook(existing: Existing, sources: Sources, tell: Tell) -> None:
    now = (existing.settings.get("listener") or {}).get("webhookSecret") or {}
    if now.get("acceptPrevious"):
        raise OperateError("the webhook's secret is being exchanged already; end that first: take `acceptPrevious` out")
    generation = int(now.get("generation", 1)) + 1
    # An accepted previous one that is none yet would be refused; the other order would end the present one.
    sources.set("listener.webhookSecret.acceptPrevious", "true")
    sources.set("listener.webhookSecret.generation", str(generation))
    tell(f"Pulumi.{existing.stack}.yaml: listener.webhookSecret.generation is {generation}")


def _mark(existing: Existing, sources: Sources, tell: Tell, left: list[str]) -> None:
    where = dict(existing.sources())
    if names.MARK_KEY not in where:
        raise OperateError("there is no `mark.privateKey`: rotate it in the stack that signs")
    made = keys.mark()
    former = sources.read(where[names.MARK_PUBLIC]) if names.MARK_PUBLIC in where else None
    if former:
        count = len((existing.settings.get("mark") or {}).get("formerPublicKeys") or [])
        source = sources.source(f"{names.MARK_PUBLIC}Before{count + 1}", in_files="file" in where[names.MARK_PUBLIC])
        sources.write(source, former, secret=False)
        ((kind, value),) = source.items()
        if pulumi_there():
            sources.set(f"mark.formerPublicKeys[{count}].{kind}", value)
        else:
            left.append(f"below `mark.formerPublicKeys` in the stack file: `- {{{kind}: {value}}}`")
        sources.write(where[names.MARK_PUBLIC], made.public, secret=False)
    elif names.MARK_PUBLIC in where:
        sources.write(where[names.MARK_PUBLIC], made.public, secret=False)
    else:
        left.append(
            "where merges are delivered, before anything else: the former key below `mark.formerPublicKeys`, this one as "
            f"`mark.publicKey`, and `pulumi up` there\n{made.public.strip()}"
        )
    sources.write(where[names.MARK_PASSWORD], made.password)
    sources.write(where[names.MARK_KEY], made.private)
    tell("mark: a new key pair is stored")
