"""Whether all that a stack declares is there. What was changed of it, `python -m operate drift` tells."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from components.conventions import Manifest
from offline.needs.values import Needs
from operate.declared import Declared
from operate.doctor.api import Api, RefusedError, group_path
from operate.doctor.rights import Kinds
from operate.doctor.rows import Row, fine, unknown, wrong

_AT_ONCE = 8
_TOLD = 3


@dataclass(frozen=True)
class Missing:
    """What is not there of some objects, and what could not be looked at."""

    all: int
    gone: tuple[str, ...]
    """As `operate drift` names them."""
    untold: tuple[str, ...]
    """Why the others are not known."""

    @property
    def said(self) -> str:
        """The number, by kind, and the first names."""
        kinds = Counter(each.partition(" ")[0] for each in self.gone)
        more = f" and {len(self.gone) - _TOLD} more" if len(self.gone) > _TOLD else ""
        by_kind = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        return f"{len(self.gone)} of {self.all} are missing ({by_kind}): {', '.join(self.gone[:_TOLD])}{more}"


def rows(needs: Needs, api: Api) -> Iterator[Row]:
    """Yield whether anything that the stack declares is missing."""
    found, what = missing(needs.objects, api), "what the stack declares is there"
    if len(found.gone) == found.all:
        yield unknown(what, f"none of its {found.all} objects is there yet", f"pulumi up --stack {needs.stack}")
        return
    if found.gone:
        yield wrong(what, found.said, mend(needs))
    if found.untold:
        yield unknown(what, f"{len(found.untold)} of {found.all} may not be looked at: {found.untold[0]}")
    if not found.gone and not found.untold:
        yield fine(what, f"all {found.all} objects; `python -m operate drift {needs.stack}` tells whether they were changed")


def mend(needs: Needs) -> str:
    """Return what makes again what somebody took away: Pulumi's state has it still."""
    return f"`python -m operate drift {needs.stack}` names each, `pulumi up --refresh --stack {needs.stack}` makes them anew"


def missing(objects: Sequence[Manifest], api: Api) -> Missing:
    """Look for each of these objects, by `get` alone, which whoever runs Pulumi may. Raises NoClusterError."""
    kinds, places = Kinds(api), list[tuple[str, str | None]]()
    for each in objects:
        served, metadata = kinds.resource(each["apiVersion"], each["kind"]), each["metadata"]
        within = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
        path = f"{group_path(each['apiVersion'])}{within}/{served[1]}/{metadata['name']}" if served else None
        places.append((str(Declared(each, ())), path))

    def look(path: str | None) -> str | None:
        """Return why that is not known; empty for what is not there."""
        try:
            return None if path and api.find(path) is not None else ""
        except RefusedError as error:
            return str(error)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        told = list(pool.map(look, [path for _, path in places]))
    gone = tuple(name for (name, _), why in zip(places, told, strict=True) if why == "")
    return Missing(len(places), gone, tuple(why for why in told if why))
