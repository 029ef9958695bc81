"""The direction of imports and the size of modules: what keeps the program readable."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGES = ("steps", "components", "offline", "policy", "local", "operate", "images", "bench", "tekton")
SIZE = 300

# Who may import a module of `components`; everything not named here may be imported by whoever comes after it.
LAYERS = [
    ("components.conventions", "components.cel", "components.addresses", "components.quantities"),
    ("components.credential", "components.masks", "components.settings.origins", "components.sources"),
    ("components.settings.errors", "components.settings.documents"),
    ("components.settings.form", "components.settings.pod_fields"),
    ("components.settings.types",),
    ("components.settings.sources",),
    (
        "components.settings.before_rollout",
        "components.settings.existing",
        "components.settings.exposure",
        "components.settings.places",
        "components.settings.pod_template",
        "components.settings.registry",
        "components.settings.services",
        "components.settings.volumes",
    ),
    ("components.settings.smoke", "components.settings.tests"),
    (
        "components.settings.application",
        "components.settings.cluster",
        "components.settings.forge",
        "components.settings.listener",
        "components.settings.mark",
    ),
    ("components.settings.build", "components.settings.environment"),
    ("components.settings.workloads",),
    ("components.settings.defaults", "components.settings.files", "components.settings.pods"),
    ("components.settings.complete", "components.settings.settings"),
    ("components.settings.user_checks",),
    (
        "components.settings.base_image_checks",
        "components.settings.container_checks",
        "components.settings.existing_checks",
        "components.settings.contents",
        "components.settings.forge_checks",
        "components.settings.names",
        "components.settings.namespace_checks",
        "components.settings.neighbours",
        "components.settings.mark_checks",
        "components.settings.network_checks",
        "components.settings.promotion_checks",
        "components.settings.variables",
        "components.settings.workload_checks",
    ),
    ("components.settings.checks", "components.settings.secret_checks"),
    ("components.settings.stack",),
    ("components.pod", "components.exposure", "components.lease", "components.patch", "components.possible"),
    ("components.before_rollout",),
    (
        "components.access",
        "components.application",
        "components.credentials",
        "components.environment",
        "components.existing",
        "components.network",
    ),
    ("components.tasks",),
    ("components.pipelines",),
    ("components.cron_job",),
    ("components.minting", "components.pruning", "components.telling"),
    ("components.listener",),
    ("components.policies",),
    ("components.plan",),
]
SETTINGS = "components.settings"
# What only the plan takes: components get values.
RESOLVED_BY_THE_PLAN = {f"{SETTINGS}.{name}" for name in ("stack", "settings", "checks", "contents")}
SOURCES = {"Source", "SecretSource", "TextOrSource", "PemOrSource"}


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import module` names a module, `from module import name` does not.
            for alias in node.names:
                submodule = ROOT.joinpath(*node.module.split("."), f"{alias.name}.py")
                found.add(f"{node.module}.{alias.name}" if submodule.exists() else node.module)
    return found


def layer(name: str) -> int | None:
    """Which layer a module belongs to."""
    for number, members in enumerate(LAYERS):
        if any(name == member or name.startswith(f"{member}.") for member in members):
            return number
    return None


COMPONENTS = {module(path): path for path in sorted((ROOT / "components").rglob("*.py"))}
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_every_module_of_the_program_has_a_layer() -> None:
    unplaced = [name for name in COMPONENTS if layer(name) is None and name not in ("components", SETTINGS)]
    assert unplaced == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_imports_go_one_way(name: str) -> None:
    own = layer(name)
    if own is None:
        return
    for imported in imports(COMPONENTS[name]):
        other = layer(imported)
        assert other is None or other <= own, f"{name} imports {imported}"


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_program_imports_nothing_of_the_tooling_around_it(name: str) -> None:
    tooling = {imported.split(".")[0] for imported in imports(COMPONENTS[name])} & {"offline", "local", "tests", "images"}
    assert tooling == set()


def named(path: Path) -> set[str]:
    """The names that a file imports from the forms of settings."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in nodes if node.module == f"{SETTINGS}.types" for alias in node.names}


def test_steps_import_nothing_but_the_standard_library() -> None:
    sources = sorted((ROOT / "steps").rglob("*.py"))
    assert sources
    for path in sources:
        others = {imported.split(".")[0] for imported in imports(path)} - sys.stdlib_module_names
        assert others <= {"steps"}, path.name


def test_settings_are_read_by_the_plan_alone() -> None:
    """Components take its values; beside the plan only the entry points load a stack. Anybody may show its error."""
    for path in (*FILES, ROOT / "__main__.py"):
        name = module(path)
        if name.startswith(("offline", SETTINGS, "components.plan")) or name == "__main__":
            continue
        read = {imported for imported in imports(path) if imported.startswith(SETTINGS)}
        if name.startswith("components."):
            assert not read & RESOLVED_BY_THE_PLAN, name
            assert not named(path) & SOURCES, name
        else:
            assert not read - {f"{SETTINGS}.errors"}, name


def test_a_class_stands_once() -> None:
    """A component has the name of what it is declared from; anything else that stands twice is a copy."""
    places: dict[str, list[str]] = {}
    for name, path in COMPONENTS.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name)
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert twice.keys() == {"Application", "Environment", "Listener"}
    assert all(sum(found.startswith(SETTINGS) for found in places) == 1 for places in twice.values())


def test_the_listener_alone_knows_what_webhooks_look_like() -> None:
    knowing = {name for name, path in COMPONENTS.items() if re.search(r"\bbody\.[a-z]|gitea", path.read_text())}
    assert {name for name in knowing if not name.startswith(SETTINGS)} == {
        "components.listener.events",
        "components.listener.listener",
        "components.listener.payload",
    }


# What compiles pinned tools and says how far it is: of the embedded cluster these know nothing.
TOOLCHAIN = {f"local.{name}" for name in ("debian", "errors", "go", "locks", "memory", "paths", "progress", "tools")}


def of(package: str, path: Path) -> set[str]:
    """The modules of a package that a file imports."""
    return {imported for imported in imports(path) if imported.split(".")[0] == package}


def test_images_are_made_without_the_embedded_cluster() -> None:
    makers = [path for path in FILES if module(path).startswith("images") or module(path) in TOOLCHAIN]
    assert {imported for path in makers for imported in of("local", path)} == TOOLCHAIN
    assert of("local", ROOT / "local" / "machine.py") - TOOLCHAIN, "a control: what knows the cluster imports more"


def test_the_embedded_cluster_takes_images_as_they_are_made() -> None:
    """As archives with a digest; what is in them and how they are written is none of its business."""
    taken = {imported for path in FILES if module(path).startswith("local") for imported in of("images", path)}
    assert taken == {"images.bases", "images.build", "images.publish"}


def test_only_the_settings_read_pulumi_config() -> None:
    for name, path in COMPONENTS.items():
        if name != "components.settings.stack":
            used = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            assert not used & {"Config", "get_stack", "get_project"}, name


def test_pure_modules_stay_free_of_pulumi() -> None:
    pure = [
        path
        for name, path in COMPONENTS.items()
        if ".tasks" in name or name in ("components.cel", "components.conventions", "components.addresses")
    ]
    pure += [COMPONENTS[f"components.pipelines.{name}"] for name in ("target", "pull_request", "promotion")]
    for path in pure:
        direct = {imported.split(".")[0] for imported in imports(path)}
        assert not direct & {"pulumi", "pulumi_kubernetes", "pulumi_random"}, path.name


def test_the_entry_point_reads_like_the_diagram() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) <= 60


@pytest.mark.parametrize("path", FILES, ids=module)
def test_a_module_is_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) < SIZE


def test_the_direction_would_be_noticed() -> None:
    """A control: the parser sees both forms of import."""
    assert layer("components.tasks.step") == layer("components.tasks") == LAYERS.index(("components.tasks",))
    assert "components.settings.stack" in imports(COMPONENTS["components.plan.delivery"])
    assert "components.tasks.build" in imports(COMPONENTS["components.plan.tasks"])
    assert "components.cel" in imports(COMPONENTS["components.listener.payload"])


def test_a_file_of_tests_is_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / "tests").rglob("*.py")}
    assert {str(path): length for path, length in lengths.items() if length >= SIZE} == {}
