"""Keys by which environments vouch: each that signs has its own, and what it takes to sign."""

from collections.abc import Callable, Iterator

from components.settings.environment import Environment
from components.settings.errors import Location, contradiction, path
from components.settings.neighbours import BUILDS
from components.settings.settings import Settings
from components.settings.sources import knows
from components.settings.types import Source

Text = Callable[[Source], str]


def mark_inconsistencies(settings: Settings, text: Text | None = None) -> Iterator[str]:
    """Yield a line for each key that is missing, or shared. With `text` two sources of one content are the same key."""
    for index, environment in enumerate(settings.environments):
        place: Location = ("environments", index)
        mark = environment.mark
        if environment.deliver_on == BUILDS:
            if "mark" in environment.model_fields_set:
                problem = "takes no `mark` of its own: it signs by the stack's `mark.privateKey`; remove it here"
                yield contradiction((*place, "deliverOn"), environment.deliver_on, problem)
            continue
        if mark.former_public_keys and mark.public_key is None:
            problem = "says nothing without a `publicKey` that has replaced them; add that, or remove them"
            yield f"{path((*place, 'mark', 'formerPublicKeys'))}: {problem}"
        if (mark.private_key is None) != (mark.password is None):
            there, missing = ("privateKey", "password") if mark.private_key else ("password", "privateKey")
            yield f"{path((*place, 'mark', there))}: needs `{missing}` beside it; add it, with `file` or `config`"
        if mark.private_key and settings.registry.write is None:
            needed = f"needs the key `{path(('registry', 'write'))}`: the user that writes what is signed; add it"
            yield f"{path((*place, 'mark', 'privateKey'))}: {needed}"
        yield from _shared(place, environment, settings, text)


def _shared(place: Location, environment: Environment, settings: Settings, text: Text | None) -> Iterator[str]:
    """Who has the key of one environment must not speak for another one."""

    def same(one: Source | None, other: Source | None) -> bool:
        if one is None or other is None or one == other:
            return one is not None and other is not None
        return text is not None and knows(one) and knows(other) and text(one) == text(other)

    own, others = environment.mark.private_key, settings.environments[: int(place[1])]
    signers = [(other.name, other.mark.private_key) for other in others]
    if any(other.deliver_on == BUILDS for other in settings.environments):
        builder = next(other.name for other in settings.environments if other.deliver_on == BUILDS)
        signers.insert(0, (builder, settings.mark.private_key))
    for name, key in signers:
        if same(own, key):
            problem = f"is also the key of {name}, and who has it would speak for both; make a key pair of its own"
            yield f"{path((*place, 'mark', 'privateKey'))}: {problem}"
            return
    source = next((other for other in settings.environments if other.name == environment.promotes_from), None)
    if source and source.mark.private_key and source is not environment:
        believed, before = environment.mark.believed(settings.mark), source.mark.believed(settings.mark)
        former = environment.mark.believed_before(settings.mark)
        if any(same(key, before) for key in former):
            whole = f"is the key by which {source.name} believes {source.promotes_from}, which has never been its own"
            yield f"{path((*place, 'mark', 'formerPublicKeys'))}: {whole}; leave it out"
        if believed != before and same(believed, before):
            problem = f"is the key by which {source.name} believes {source.promotes_from}; name the public half of its own"
            yield f"{path((*place, 'mark', 'publicKey'))}: {problem}"
