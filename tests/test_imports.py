"""The direction of imports and the size of modules: what keeps the program readable."""

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGES = ("steps", "components", "offline", "policy", "local", "operate", "images", "bench", "tekton")
SIZE = 300

# Who may import a module of `components`; everything not named here may be imported by whoever comes after it.
LAYERS = [
    ("components.conventions", "components.cel", "components.addresses"),
    ("components.settings.errors", "components.settings.certificates"),
    ("components.settings.types",),
    (
        "components.settings.exposure",
        "components.settings.registry",
        "components.settings.service",
        "components.settings.workload",
    ),
    (
        "components.settings.application",
        "components.settings.approval",
        "components.settings.cluster",
        "components.settings.forge",
        "components.settings.listener",
        "components.settings.mark",
    ),
    ("components.settings.build", "components.settings.environment"),
    ("components.settings.settings",),
    ("components.settings.forge_checks", "components.settings.network_checks"),
    ("components.settings.checks", "components.settings.contents", "components.settings.workload_checks"),
    ("components.settings.stack",),
    ("components.pod", "components.exposure"),
    (
        "components.access",
        "components.application",
        "components.credentials",
        "components.environment",
        "components.network",
    ),
    ("components.tasks",),
    ("components.pipelines",),
    ("components.pruning",),
    ("components.events", "components.webhook_secret"),
    ("components.triggers",),
    ("components.policies",),
    ("components.mark_plan",),
    ("components.approval_plan", "components.git_plan", "components.rollback_plan", "components.trust_plan"),
    ("components.application_plan", "components.build_plan", "components.credentials_plan", "components.forge_plan"),
    ("components.runs_plan", "components.network_plan"),
    ("components.environment_plan",),
    ("components.plan",),
]
SETTINGS = "components.settings"
READERS_OF_SETTINGS = {
    "components.plan",
    "components.environment_plan",
    "components.approval_plan",
    "components.runs_plan",
    "components.application_plan",
    "components.build_plan",
    "components.credentials_plan",
    "components.git_plan",
    "components.mark_plan",
    "components.rollback_plan",
    "components.forge_plan",
    "components.network_plan",
    "components.trust_plan",
    "__main__",
}


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
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


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


def test_steps_import_nothing_but_the_standard_library() -> None:
    sources = sorted((ROOT / "steps").rglob("*.py"))
    assert sources
    for path in sources:
        others = {imported.split(".")[0] for imported in imports(path)} - sys.stdlib_module_names
        assert others <= {"steps"}, path.name


def test_settings_are_read_by_the_plan_alone() -> None:
    """Components take plain arguments; beside the plan only the entry points load a stack. Anybody may show its error."""
    for path in (*SOURCES, ROOT / "__main__.py"):
        name = module(path)
        if name not in READERS_OF_SETTINGS and not name.startswith(("offline", SETTINGS)):
            read = {imported for imported in imports(path) if imported.startswith(SETTINGS)}
            assert not read - {f"{SETTINGS}.errors"}, name


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


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_a_module_is_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) < SIZE


def test_the_direction_would_be_noticed() -> None:
    """A control: the parser sees both forms of import."""
    assert layer("components.tasks.step") == layer("components.tasks") == LAYERS.index(("components.tasks",))
    assert "components.settings.stack" in imports(COMPONENTS["components.plan"])
    assert "components.tasks.build" in imports(COMPONENTS["components.environment_plan"])
    assert "components.cel" in imports(COMPONENTS["components.triggers"])


def test_a_file_of_tests_is_small() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / "tests").rglob("*.py")}
    assert {str(path): length for path, length in lengths.items() if length >= SIZE} == {}
