"""What pages and code refer to is there: files, headings, decisions, sections of the specification."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hamcrest import assert_that, empty, equal_to

from local.settings import PROJECT

DECISIONS = PROJECT / "docs" / "decisions"


def _files(pattern: str) -> Iterator[Path]:
    for path in sorted(PROJECT.rglob(pattern)):
        if not any(part.startswith(".") or part == "build" for part in path.relative_to(PROJECT).parts):
            yield path


def _headings(page: Path) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE))


def _anchors(page: Path) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _headings(page)}


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page in _files("*.md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if re.match(r"https?://", target):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            if not there.exists() or (anchor and there.suffix == ".md" and anchor not in _anchors(there)):
                broken.append(f"{page.relative_to(PROJECT)}: {target}")
    assert_that(broken, empty())


def test_every_file_of_the_project_that_a_page_names_exists() -> None:
    folders = "transforms|pipeline|local|tests|faults|benchmarks|deploy|docs"
    missing = []
    for page in _files("*.md"):
        for path in re.findall(rf"`((?:{folders})/[\w./-]+\.\w+)`", page.read_text()):
            if "NAME" not in path and not (PROJECT / path).exists():
                missing.append(f"{page.relative_to(PROJECT)}: {path}")
    assert_that(missing, empty())


def test_every_cited_section_of_the_specification_exists() -> None:
    sections = _headings(PROJECT / "docs" / "design.md")
    missing = []
    for module in _files("*.py"):
        text = re.sub(r"\s+(?:# )?", " ", module.read_text())
        for section in re.findall(r'design\.md,? \(?"([^"]+)"', text):
            if section not in sections:
                missing.append(f"{module.relative_to(PROJECT)}: {section}")
    assert_that(missing, empty())


def test_the_index_of_decisions_has_every_record_and_every_number_that_is_cited() -> None:
    index = (DECISIONS / "README.md").read_text()
    records = {path.name for path in DECISIONS.glob("0*.md")}
    assert_that(set(re.findall(r"\((0[^)]+\.md)\)", index)), equal_to(records))

    numbers = {int(number) for number in re.findall(r"^\| (\d+) \|", index, re.MULTILINE)}
    cited = {
        int(number)
        for path in (*_files("*.py"), *_files("*.md"))
        for number in re.findall(r"(?:docs/decisions/|\bdecision )0*(\d+)", path.read_text())
    }
    assert_that(cited - numbers, empty())


def test_the_changelog_has_the_version_of_the_package() -> None:
    version = re.search(r'version="([^"]+)"', (PROJECT / "setup.py").read_text())
    assert_that(version and f"## {version[1]} - " in (PROJECT / "CHANGELOG.md").read_text())
