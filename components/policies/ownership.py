"""Who owns what of an object, as the API server keeps it in `managedFields`.

Whoever may change an object may write these too. `pulumi up` applies: what its own entry has and the program does not
declare is removed, whoever set it, and what somebody else's has is a conflict.
"""

from collections.abc import Mapping, Sequence

from components.cel import quote
from components.conventions import FIELD_MANAGER, Manifest
from components.policies.policy import validation

Fields = Mapping[str, "Fields | None"]
"""Fields by the names that `fieldsV1` has for them; None: whatever lies below."""


def variables(fields: Fields) -> dict[str, str]:
    """Return the variables that `kept` reads; `fields` are those that change hands."""
    return {"owners": _entries("object", fields), "owned": _entries("oldObject", fields)}


def kept(who: str, version: str, *, once_taken: Sequence[str] = ()) -> Manifest:
    """Return the validation that nobody but the deployer comes to own anything, and it owns nothing but the fields.

    By an honest change others lose the fields that it changes. `once_taken` are those that the deployer does not give up.
    """
    mine = quote(f"{FIELD_MANAGER} Update {version} ")
    same = "variables.{0}.all(n, n.rest.all(x, variables.{1}.exists(o, o.who == n.who && x in o.rest)))"
    conditions = [
        f"variables.owners.all(n, n.who == {mine} || n.free.all(x, "
        "variables.owned.exists(o, o.who == n.who && x in o.free)))",
        same.format("owners", "owned"),
        same.format("owned", "owners"),
    ]
    for taken in once_taken:
        has = f"exists(e, e.who == {mine} && {quote(taken)} in e.free)"
        conditions.append(f"(!variables.owned.{has} || variables.owners.{has})")
    return validation(
        f"{who} gives nobody a field to own, and takes none but by changing it (managedFields)", " && ".join(conditions)
    )


def _entries(of: str, fields: Fields) -> str:
    """Return the expression for who owns what: `who`, which of the fields in `free`, and all else in `rest`."""
    owner = " + ' ' + ".join(f"({quote(name)} in e ? e.{name} : '')" for name in ("manager", "operation", "apiVersion"))
    owner += " + ' ' + ('subresource' in e ? e.subresource : '')"
    rest, free = _pieces("('fieldsV1' in e ? e.fieldsV1 : {})", "", fields)
    made = f"{{'who': dyn({owner}), 'rest': dyn({' + '.join(rest)}), 'free': dyn({' + '.join(free)})}}"
    # As JSON: its own type has no more than the text of the fields.
    return f"(has({of}.metadata.managedFields) ? dyn({of}.metadata.managedFields) : dyn([])).map(e, {made})"


def _pieces(at: str, path: str, fields: Fields) -> tuple[list[str], list[str]]:
    """Return the expressions for the lists of what an entry has at a place: besides the fields, and of them."""
    names = f"[{', '.join(map(quote, fields))}]"
    rest = [f"[{at}].map(f, f.filter(k, !(k in {names})).map(k, [dyn({quote(path)} + k), dyn(f[k])]))[0]"]
    free = []
    for name, below in fields.items():
        there = f"[{at}].map(f, {quote(name)} in f ? f[{quote(name)}] : {{}})[0]"
        where = f"{path}{name}/"
        if below is None:
            free += [
                f"[{at}].filter(f, {quote(name)} in f).map(f, {quote(path + name)})",
                f"[{there}].map(f, f.map(k, {quote(where)} + k))[0]",
            ]
        else:
            more, given = _pieces(there, where, below)
            rest += more
            free += given
    return rest, free
