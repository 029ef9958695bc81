"""What steps tell fits what Tekton takes of them, whatever settings and pull requests are like.

Tekton fails a step whose results are larger than 4096 bytes as Go writes them, though it did what it was to do, and the
kubelet cuts those of a pod down to 12 KiB.
"""

import json

import pytest

from components.tasks import needed, promote, proof
from tests.steps.commit import DIGEST
from tests.steps.conftest import Sandbox
from tests.steps.test_approve import approval, approve
from tests.steps.test_merges import Shop
from tests.steps.test_needed import ask
from tests.steps.test_promote import promote as promoted
from tests.steps.test_promote import shop as shop
from tests.steps.test_promote import waits
from tests.steps.test_proof import MARK
from tests.steps.test_proof import prove as proved

LARGEST = 4096
# What Tekton adds: when the step began, and its exit code where a failure is passed over.
THEIRS = 200
MANY = [f"packages/{'x' * 60}-{number}" for number in range(200)]


def message(sandbox: Sandbox, names: dict[str, str]) -> int:
    """How large a termination message is, by Tekton's form of it."""
    written = {name: sandbox.root / name for name in names if (sandbox.root / name).exists()}
    assert written, "the control: it told something"
    made = [{"key": name, "value": path.read_text(), "type": 1} for name, path in written.items()]
    text = json.dumps(made, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return len(text.encode()) + THEIRS


def many(shop: Shop) -> dict[str, str]:
    """A repository with many paths on its branches, and what lies there."""
    for path in MANY:
        (shop.folder / path).mkdir(parents=True)
        (shop.folder / path / "file").write_text(path)
    shop.git("add", "-A")
    shop.git("commit", "-q", "-m", "many")
    listed = shop.git("ls-tree", "--format=%(path)\t%(objectmode) %(objectname)", "HEAD", "packages/")
    found = dict(line.split("\t") for line in listed.splitlines())
    return {path: found[path] for path in MANY}


def there(shop: Shop, commit: str, path: str) -> str:
    return shop.git("ls-tree", "--format=%(objectmode) %(objectname)", commit, path)


@pytest.mark.parametrize("asked", [False, True])
def test_a_merge_of_many_paths_is_promoted(sandbox: Sandbox, shop: Shop, asked: bool) -> None:
    paths = many(shop)
    head = shop.branch("change", "one")
    merge = shop.merge("merge", "change")
    more = {"shop": there(shop, head, "shop")}
    given = {"PARAM_PATHS": "\n".join([*paths, *more])}
    for step in ("merge", "approved") if asked else ("promote",):
        waiting = waits(sandbox, "1") if step == "approved" else {}
        result = promoted(sandbox, shop, merge, head, step=step, mark={"paths": paths | more}, **given, **waiting)
        assert result.code == 0, result.err
        assert message(sandbox, promote.RESULTS) <= LARGEST, step
    assert sandbox.cluster
    assert sandbox.cluster.image.endswith(DIGEST)


def test_a_merge_that_touches_none_of_many_paths_says_so(sandbox: Sandbox, shop: Shop) -> None:
    paths = many(shop)
    head = shop.branch("change", "one")
    result = promoted(sandbox, shop, shop.merge("merge", "change"), head, PARAM_PATHS="\n".join(paths))
    assert result.code == 0, result.err
    assert message(sandbox, promote.RESULTS) <= LARGEST
    said = (sandbox.root / "reason").read_text()
    assert said == f"nothing to roll out: the merge does not touch {' '.join(MANY[:3])} and 197 more"


def test_a_pull_request_that_touches_none_of_many_paths_is_told_so(sandbox: Sandbox) -> None:
    ask(sandbox, {"touched": False, "tested": False}, paths=MANY)
    assert message(sandbox, needed.RESULTS) <= LARGEST
    assert (sandbox.root / "reason").read_text().endswith("-2 and 197 more")


def test_the_proof_of_many_paths_is_handed_on_without_them(sandbox: Sandbox) -> None:
    few = MARK | {"paths": {"lib": "e" * 40}}
    assert proved(sandbox, few).code == 0
    assert json.loads((sandbox.root / "mark").read_text()) == few
    assert proved(sandbox, MARK | {"paths": dict.fromkeys(MANY, "e" * 40)}).code == 0
    assert message(sandbox, proof.RESULTS) <= LARGEST
    assert json.loads((sandbox.root / "mark").read_text()) == MARK


@pytest.mark.parametrize(("count", "code"), [(1, 0), (20, 1)])
def test_many_people_may_approve(sandbox: Sandbox, count: int, code: int) -> None:
    people = [f"{number}-{'<' * 190}" for number in range(40)]
    sandbox.serve(image="old")
    given = [approval(name) for name in (people if count == 1 else people[:1])]
    assert approve(sandbox, *given, count=count, APPROVERS=", ".join(people)).code == code
    # What the step before has told goes with it.
    (sandbox.root / "image").write_text(f"registry.example/{'x' * 230}@{DIGEST}")
    assert message(sandbox, promote.RESULTS) <= LARGEST
