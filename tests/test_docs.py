"""What the documents say is true of the program."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.stack import Stack
from offline.policy import violations
from offline.render import program
from offline.run import PLACEHOLDER_DIGEST, ROOT, placeholder, run
from policy.pack import POLICIES
from tests.support import Declared, record_config, shipped_config, stack_config_text

README = (ROOT / "README.md").read_text()
REAL_CLUSTERS = (ROOT / "docs" / "real-clusters.md").read_text()


def lines_for_real_clusters() -> dict[str, Any]:
    block, *_ = re.findall(r"^```yaml\n(.*?)^```", REAL_CLUSTERS, re.M | re.S)
    lines: dict[str, Any] = yaml.safe_load(block.replace("sha256:…", PLACEHOLDER_DIGEST))["config"]
    return lines


def by_app() -> dict[str, Any]:
    """The same with an App in the token's place."""
    (block,) = re.findall(r"^   ```\n(   app: .*?)^   ```", REAL_CLUSTERS, re.M | re.S)
    lines = lines_for_real_clusters()
    del lines["tekton-delivery:forge"]["token"]
    lines["tekton-delivery:forge"] |= yaml.safe_load(block)
    return lines


def with_forge(repositories: list[str], section: str) -> dict[str, Any]:
    """The same with the forge of a section, and an application of each of these repositories."""
    text = REAL_CLUSTERS.partition(f"# {section}\n")[2].partition("\n#")[0]
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    (block,) = (each for each in blocks if "tekton-delivery:forge" in each)
    applications = [{"name": each.partition("/")[2], "repository": each} for each in repositories]
    environment = {"name": "staging", "deliverOn": "pull-request"}
    lines = {"tekton-delivery:applications": applications, "tekton-delivery:environments": [environment]}
    return lines_for_real_clusters() | lines | yaml.safe_load(block)


def of_several_repositories() -> dict[str, Any]:
    lines = with_forge(["acme/shop", "acme/till", "globex/cart"], "Several repositories")
    lines["tekton-delivery:forge"]["ssh"]["deployKeys"]["globex/cart"] = {"config": "cartDeployKey"}
    return lines


def by_an_app_alone() -> dict[str, Any]:
    return with_forge(["acme/shop"], "An App alone")


@pytest.mark.parametrize("lines", [lines_for_real_clusters, by_app, of_several_repositories, by_an_app_alone])
def test_the_stack_file_for_real_clusters_is_accepted(lines: Callable[[], dict[str, Any]]) -> None:
    """The lines of docs/real-clusters.md replace those of the shipped staging stack, as the document says."""
    shipped = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]
    config = {name: _text(value) for name, value in (shipped | lines()).items()}
    keys = set(re.findall(r'"config": "(\w+)"', "".join(config.values())))
    config |= {f"tekton-delivery:{name}": f"secret-{name}" for name in keys}
    recording = run(
        lambda: program()(Stack.load(read=placeholder)),
        stack="real",
        config=config,
        secrets=tuple(f"tekton-delivery:{name}" for name in keys),
    )
    assert recording.of_type("kubernetes:apps/v1:Deployment")


def shown_in(page: str) -> Declared:
    """Staging with the applications of a page's one block."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / f"{page}.md").read_text(), re.M | re.S)
    shown = yaml.safe_load(block.replace("sha256:…", PLACEHOLDER_DIGEST))
    environment = {"name": "staging", "deliverOn": "pull-request"}
    applications = shown["tekton-delivery:applications"]
    return record_config(shipped_config("staging") | {"applications": applications, "environments": [environment]})


def test_the_services_that_the_document_shows_are_accepted() -> None:
    declared = shown_in("services")
    (service,) = declared.one("Task", "build-shop")["spec"]["sidecars"]
    assert service["name"] == "db"
    assert [f"{found.policy}: {found.message}" for found in violations(declared.recording)] == []


def test_the_tests_that_the_document_shows_are_accepted() -> None:
    declared = shown_in("tests")
    assert [step["name"] for step in declared.one("Task", "build-shop")["spec"]["steps"]][1:3] == ["test", "reports"]
    assert [f"{found.policy}: {found.message}" for found in violations(declared.recording)] == []


def test_the_chain_that_the_document_shows_is_accepted() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "chains.md").read_text(), re.M | re.S)
    shown = yaml.safe_load(block)
    keys = set(re.findall(r"\{config: (\w+)\}", block))
    config = stack_config_text(shipped_config("both")) | {name: _text(value) for name, value in shown.items()}
    config |= {f"tekton-delivery:{name}": f"secret-{name}" for name in keys}
    secrets = tuple(f"tekton-delivery:{name}" for name in keys)
    recording = run(lambda: program()(Stack.load(read=placeholder)), stack="chain", config=config, secrets=secrets)
    names = {item.inputs["metadata"]["name"] for item in recording.of_type("kubernetes:core/v1:Namespace")}
    assert names >= {"staging", "preproduction", "production"}
    assert [f"{found.policy}: {found.message}" for found in violations(recording)] == []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "local/README.md", "docs", "policy/README.md", "bench/results.md"]
)
def test_every_command_of_the_documents_is_a_verb_of_the_makefile(page: str) -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    documents = (ROOT / page).rglob("*.md") if page == "docs" else [ROOT / page]
    text = "\n".join(document.read_text() for document in documents)
    named = set(re.findall(r"`(?:eval \"\$\()?make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, re.M))
    assert named
    assert named <= verbs


def test_the_quick_start_is_two_commands_after_a_first_look() -> None:
    assert re.findall(r"^make ([a-z-]+)", README, re.M) == ["render", "demo", "test"]


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`((?:e2e/)?test_\w+\.py)`", (ROOT / "SECURITY.md").read_text()))
    assert named
    assert {name for name in named if not (ROOT / "tests" / name).exists()} == set()


def anchors(document: Path) -> set[str]:
    """What GitHub calls the headings of a document in links."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def astray(document: Path) -> set[str]:
    """The links of a document that lead nowhere."""
    found = set()
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        name, _, anchor = target.partition("#")
        there = document.parent / name if name else document
        if not target.startswith("https://") and not (there.exists() and (not anchor or anchor in anchors(there))):
            found.add(target)
    return found


def test_every_link_of_the_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("[A-Z]*.md"), *ROOT.glob("*/README.md"), *(ROOT / "docs").rglob("*.md")]
    documents += [*(ROOT / "local").glob("*/README.md"), ROOT / "bench" / "results.md"]
    assert {document.name: found for document in documents if (found := astray(document))} == {}


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A *page*, at last\n[a](#a-page-at-last) [b](page.md#b) [c](gone.md) [d](page.md) [e](https://x.example)\n"
    )
    assert astray(page) == {"page.md#b", "gone.md"}


def test_every_page_is_found_from_the_way_in() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in index} == set()


def test_the_policy_packs_readme_lists_its_policies() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "policy" / "README.md").read_text(), re.M)
    assert named == [policy.name for policy in POLICIES]


def test_every_decision_is_listed_once() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("0*.md"))
