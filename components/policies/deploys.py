"""What the deployer may change: an image by digest, and what is noted about deliveries."""

from collections.abc import Mapping, Sequence

from components.cel import dashed, lookup, prefixed, quote
from components.conventions import AWAITS, BEFORE, FOLLOWS, HISTORY, HOLD, LABEL_LIMIT, PROJECT, ROLLING_OUT, Manifest, key
from components.listener.payload import LOGIN, SHA
from components.policies import ownership
from components.policies.delivered import Delivered, Held
from components.policies.policy import KEPT_BY_THE_SERVER, Policy, optional, rule, same_but, texts, validation

_NEW, _OLD = "object.spec.template.spec", "oldObject.spec.template.spec"

# How many bytes a note may have, the history, and an entry of it with the end of the list; steps/notes.py has the same.
_NOTE, _RECORD, _ADDED = 4096, 65536, 8193
# Merges that may wait for approval, and the bytes that are noted of each.
_WAITING, _AWAITED = 20, 1024
# What follows the image in an entry of the history, to the end of the list. Rollbacks are people's: nothing tells of one.
_TEXT = r'"([^"\\\x00-\x1f]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
_PLAIN = rf"({_TEXT}|null|true|false|0|[1-9][0-9]*)"
_FLAT = rf"({_PLAIN}|\[({_PLAIN}(,{_PLAIN})*)?\]|\{{({_TEXT}:{_PLAIN}(,{_TEXT}:{_PLAIN})*)?\}})"
_MARK = rf"\{{({_TEXT}:{_FLAT}(,{_TEXT}:{_FLAT})*)?\}}"
_FIELD = rf'"(commit|pullRequest|mergeCommit|mergedBy|run|at)":{_TEXT}|"mark":{_MARK}|"approvedBy":\[({_TEXT}(,{_TEXT})*)?\]'
_REST = rf'^"(,({_FIELD}))*\}}\]$'
_ENTRY = '{"image":"'
_POD = quote("authentication.kubernetes.io/pod-name")
# The end of what is being rolled out, as steps/rollout.py notes it: the run that does.
_BY_RUN = r'^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?"\}$'
# No image begins with a bracket: what does is the beginning of the list.
_IMAGE, _COMMIT, _NUMBER = r'[^"\\\s\[][^"\\\s]*', "[0-9a-f]{40}", "[1-9][0-9]{0,9}"
_SERVED = rf'\{{"image":"{_IMAGE}"(,"commit":(null|"{_COMMIT}"))?(,"pullRequest":(null|"{_NUMBER}"))?\}}'
# What deliveries write, by the note. Of what has another form they hand nothing on.
_FORMS = {
    key("commit"): SHA,
    key("merge-commit"): SHA,
    key("pull-request"): f"^{_NUMBER}$",
    key("digest"): "^sha256:[0-9a-f]{64}$",
    key("merged-by"): LOGIN,
    key("run"): r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$",
    key("delivered-at"): "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
    # Without escapes and blanks there is one way to write a key.
    BEFORE: rf"^\[({_SERVED}(,{_SERVED})*)?\]$",
}
# Whether an image may come back that is not the application's: it served until now, or is noted to have before.
_IMAGE_KEY, _FORMER_KEY = '"image":"', '"former":"'
_RAN = f"variables.image == variables.served || variables.before.contains({quote(_IMAGE_KEY)} + variables.image + '\"') || "
# Entries that are kept; steps/notes.py has the same number.
_KEPT = 20
# How much of a run's name is left in that of its pod, where both together are longer than 63 characters.
_LEGIBLE = 20
_APPLICATION = "object.metadata.labels['app.kubernetes.io/name']"


def deploys(
    *,
    namespace: str,
    environment: str,
    account: str,
    delivered: Delivered,
    others: Sequence[str] = (),
    shortened: Mapping[str, str],
) -> Policy:
    """Return the policy for a deployer. `others` are workloads that another policy holds.

    `shortened` has the beginnings of runs' names that are not both names, by application.
    """
    existing, followers = delivered.existing, delivered.followers
    resources, containers = ["deployments"], [delivered.container]
    which, named = f"c.name == {quote(delivered.container)}", f"container {delivered.container}"
    own = f"[{lookup(delivered.repositories, 'object.metadata.name')}, {quote(delivered.placeholder_repository)}]"
    if existing:
        resources, named = ["deployments", "statefulsets"], "containers that the stack names"
        containers = sorted({name for each in existing.values() for name in each.containers})
        by_name = ", ".join(f"{quote(name)}: {texts(each.containers)}" for name, each in existing.items())
        which = f"c.name in {{{by_name}}}[object.metadata.name]"
        own = f"[{lookup(delivered.repositories, 'object.metadata.name')}]"

    def image(spec: str) -> str:
        images = f"{spec}.containers.filter(c, {which}).map(c, c.image)"
        return f"{images}[0]" if existing else f"{images}.join('')"

    hold, history, entry, before, rolling = quote(HOLD), quote(HISTORY), quote(_ENTRY), quote(BEFORE), quote(ROLLING_OUT)
    image_key, former_key, first = quote(_IMAGE_KEY), quote(_FORMER_KEY), "p.split('\"')[0]"
    notes = texts((*_FORMS, HISTORY, HOLD, ROLLING_OUT))  # a hold has its own message
    forms = ", ".join(f"{quote(name)}: {quote(form)}" for name, form in _FORMS.items())
    label = _APPLICATION
    if existing:
        label = lookup({name: each.application for name, each in existing.items()}, "object.metadata.name")
    elif followers:
        label = f"({quote(FOLLOWS)} in object.metadata.labels ? object.metadata.labels[{quote(FOLLOWS)}] : {label})"
    here: ownership.Fields = {f'k:{{"name":"{each}"}}': {"f:image": None} for each in containers}
    fields: ownership.Fields = {
        "f:metadata": {"f:annotations": None},
        "f:spec": {"f:template": {"f:spec": {"f:containers": here}}},
    }

    # What somebody put there by hand may be noted as what served before: it ran, or it was noted when it did. Images are
    # looked for by their keys, since the deployer chooses other text of these notes: the name of a run is one as well.
    ran = (
        f"{first} == variables.running || variables.before.contains({image_key} + {first} + '\"') || "
        f"variables.rolling.contains({former_key} + {first} + '\"')"
    )

    def of_the_application(image: str) -> str:
        return f"{image}.matches('^[^@]+@sha256:[0-9a-f]{{64}}$') && {image}.split('@')[0] in {own}"

    return Policy(
        name="deploys-existing" if existing else "deploys",
        namespace=namespace,
        account=account,
        conditions={"delivered": _among(existing, others)} if existing or others else {},
        rules=[rule("apps", "v1", resources, ["UPDATE"])],
        variables={
            "notes": optional("object.metadata", "annotations", "{}"),
            "former": optional("oldObject.metadata", "annotations", "{}"),
            "running": image(_OLD),
            "image": image(_NEW),
            "forms": f"{{{forms}}}",
            "history": f"{history} in variables.notes ? variables.notes[{history}] : ''",
            "record": f"{history} in variables.former ? variables.former[{history}] : ''",
            # Where the last entry begins, and what stands before it.
            "last": f"variables.history.lastIndexOf({entry})",
            "kept": "variables.last > 1 ? variables.history.substring(1, variables.last - 1) : ''",
            "added": "variables.last < 0 ? '' : variables.history.substring(variables.last)",
            "before": f"{before} in variables.former ? variables.former[{before}].replace(' ', '') : ''",
            "rolling": f"{rolling} in variables.former ? variables.former[{rolling}].replace(' ', '') : ''",
            # What served, as steps/notes.py sees it: where a rollout was neither settled nor taken back, what did before it.
            "served": f"variables.rolling.contains({image_key} + variables.running + '\"') && "
            f"variables.rolling.contains({former_key}) ? "
            f"variables.rolling.split({former_key})[1].split('\"')[0] : variables.running",
            "begun": '\'{"image":"\' + variables.image + \'","former":"\' + variables.served + \'","run":"\'',
            "held": f"{hold} in variables.former ? variables.former[{hold}] : ''",
            # The token names the pod that it was made for, whose name begins as its run's does.
            "pod": f"has(request.userInfo.extra) && {_POD} in request.userInfo.extra ? "
            f"request.userInfo.extra[{_POD}].join('') : ''",
            "own": f"{dashed(prefixed(label, environment, shortened))} + "
            "variables.held.split('\"pullRequest\":\"')[1].split('\"')[0] + '-'",
            **ownership.variables(fields),
            "changed": "variables.notes.filter(k, !(k in variables.former) || variables.notes[k] != variables.former[k]) + "
            "variables.former.filter(k, !(k in variables.notes))",
        },
        validations=[
            validation(
                "the deployer runs images by digest, from the repository of the application",
                (_RAN if existing else "") + of_the_application("variables.image"),
                "variables.image",
            ),
            *_alike(existing, which),
            validation(
                f"the deployer changes no annotations but {PROJECT}/…: those of deliveries, {_NOTE} bytes each, the history "
                f"{_RECORD}; and of {_WAITING} merges that wait for approval, {_AWAITED} each",
                f"variables.changed.all(k, (k in {notes} || k.matches('^{AWAITS}[1-9][0-9]{{0,9}}$')) && "
                f"(!(k in variables.notes) || size(bytes(variables.notes[k])) <= "
                f"(k == {history} ? {_RECORD} : k.startsWith('{AWAITS}') ? {_AWAITED} : {_NOTE}))) && "
                f"(!variables.changed.exists(k, k.startsWith('{AWAITS}') && !(k in variables.former)) || "
                f"variables.notes.filter(k, k.startsWith('{AWAITS}')).size() <= {_WAITING})",
                "variables.changed.join(', ')",
            ),
            validation(
                "the deployer writes its notes in the form of those that deliveries write",
                "variables.changed.all(k, !(k in variables.notes) || !(k in variables.forms) || "
                "variables.notes[k].matches(variables.forms[k]))",
            ),
            validation(
                "the deployer adds what runs to the history, and leaves what is there but for the oldest of "
                f"{_KEPT} entries, or of more than {_RECORD} bytes",
                f"!({history} in variables.changed) || ("
                "variables.history.startsWith('[' + variables.kept) && "
                f"variables.added.startsWith({entry} + variables.image + '\"') && "
                f"size(bytes(variables.added)) <= {_ADDED} && "
                f"variables.added.substring({len(_ENTRY)} + size(variables.image)).matches({quote(_REST)}) && "
                "(variables.kept == '' ? variables.last == 1 : "
                "variables.history.substring(variables.last - 1, variables.last) == ',') && "
                "((variables.kept == '' && variables.record == '') || variables.record == '[' + variables.kept + ']' || "
                f"((variables.kept == '' || (variables.kept.startsWith({entry}) && "
                "variables.record.endsWith(',' + variables.kept + ']'))) && "
                f"(variables.kept.split({entry}).size() >= {_KEPT} || "
                f"size(bytes(variables.record)) + size(bytes(variables.added)) > {_RECORD} || "
                "!variables.record.startsWith('[') || !variables.record.endsWith(']')))))",
            ),
            validation(
                "the deployer notes as what served before what is the application's, or ran",
                f"!({before} in variables.changed) || !({before} in variables.notes) || "
                f"variables.notes[{before}].split({image_key}).all(p, p.startsWith('[') || "
                f"({of_the_application(first)}) || {ran})",
            ),
            validation(
                "the deployer notes what it rolls out, and what served until then to go back to",
                f"!({rolling} in variables.changed) || !({rolling} in variables.notes) || "
                f"(variables.notes[{rolling}].startsWith(variables.begun) && "
                f"variables.notes[{rolling}].substring(size(variables.begun)).matches({quote(_BY_RUN)}))",
            ),
            validation(
                "the deployer takes that note away as it goes back, or records what got ready",
                f"!({rolling} in variables.changed) || {rolling} in variables.notes || {history} in variables.changed || "
                f"{_follows(followers)}"
                "variables.image == variables.served || "
                f"!variables.rolling.contains({image_key} + variables.running + '\"')",
            ),
            validation(
                "the deployer neither sets nor lifts a hold",
                f"!({hold} in variables.changed)",
            ),
            validation(
                "the deployer leaves the image of a held Deployment alone; `python -m operate lift` ends the hold",
                # Held for a pull request, it may still change by that pull request's own runs.
                "variables.held == '' || variables.image == variables.running || "
                '(variables.held.contains(\'"pullRequest":"\') && (variables.pod.startsWith(variables.own) || '
                f"(size(variables.pod) == {LABEL_LIMIT} && size(variables.own) > {_LEGIBLE} && "
                f"variables.pod.startsWith(variables.own.substring(0, {_LEGIBLE})))))",
            ),
            *_of_followers(followers, (ROLLING_OUT, BEFORE) if existing else (ROLLING_OUT,)),
            validation(
                "the deployer changes no metadata but annotations",
                same_but("object.metadata", "oldObject.metadata", "annotations", *KEPT_BY_THE_SERVER),
            ),
            validation(
                f"the deployer changes nothing of a {'workload' if existing else 'Deployment'} but the image of the {named}",
                " && ".join(
                    [
                        same_but("object.spec", "oldObject.spec", "template"),
                        same_but("object.spec.template", "oldObject.spec.template", "spec"),
                        same_but(_NEW, _OLD, "containers"),
                        f"{_NEW}.containers.map(c, c.name) == {_OLD}.containers.map(c, c.name)",
                        f"{_NEW}.containers.all(c, {_OLD}.containers.exists(o, o.name == c.name && "
                        f"({which} || c.image == o.image) && {same_but('c', 'o', 'image')}))",
                    ]
                ),
            ),
            ownership.kept(
                "the deployer",
                "apps/v1",
                once_taken=[f"f:spec/f:template/f:spec/f:containers/{mine}/f:image" for mine in here],
            ),
        ],
    )


def _of_followers(names: Sequence[str], notes: Sequence[str]) -> list[Manifest]:
    if not names:
        return []
    return [
        validation(
            "the deployer notes of a workload that follows another one what it rolls out and what ran, and nothing else",
            f"!(object.metadata.name in {texts(names)}) || variables.changed.all(k, k in {texts(notes)})",
            "variables.changed.join(', ')",
        )
    ]


def _follows(names: Sequence[str]) -> str:
    """Return the beginning of a condition that holds for what follows: its note goes once what leads is settled."""
    return f"object.metadata.name in {texts(names)} || " if names else ""


def _alike(existing: Mapping[str, Held], which: str) -> list[Manifest]:
    if not existing:
        return []
    same = f"{_NEW}.containers.filter(c, {which}).all(c, c.image == variables.image)"
    return [validation("the deployer has all containers that the stack names run one image", same)]


def _among(existing: Mapping[str, Held], others: Sequence[str]) -> str:
    """Return whether a workload is one of the policy's."""
    return f"object.metadata.name in {texts(tuple(existing))}" if existing else f"!(object.metadata.name in {texts(others)})"
