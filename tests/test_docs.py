# SPDX-License-Identifier: BSD-3-Clause
"""The pages are true: links lead somewhere, verbs exist, nothing names a mirror or a machine."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest

from core import process
from pansoft.cli import cli
from pansoft.commands.docs import pages as generated_pages
from tests.command_lines import fault_of
from tests.pages import PAGES, ROOT, Page, page

LANGUAGES = {"sh", "text", "yaml", "python", "json"}
A_COMMAND = re.compile(r"(?:\$ )?(?:\.venv/bin/)?pansoft (.+)")

each_page = pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))


@each_page
def test_every_link_leads_to_a_file_and_a_heading(file: Path) -> None:
    broken = []
    for link in page(file).links:
        target, _, anchor = link.partition("#")
        if urlsplit(link).scheme:
            continue
        found = (file.parent / target).resolve() if target else file
        if not found.exists():
            broken.append(f"{link}: no such file")
        elif anchor and anchor not in page(found).anchors:
            broken.append(f"{link}: no such heading")

    assert broken == []


@each_page
def test_every_command_line_of_ours_exists(file: Path) -> None:
    lines = [match[1] for code in page(file).code if (match := A_COMMAND.fullmatch(code))]

    assert [f"pansoft {line}: {fault}" for line in lines for fault in fault_of(line)] == []


@each_page
def test_a_fence_says_in_its_language_what_happens_to_it(file: Path) -> None:
    other = [f for f in page(file).fences if f.language not in LANGUAGES]

    assert [f"line {fence.line}: {fence.language or 'none'}" for fence in other] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("check --format gitlab", None),
        ("repo init|serve", None),
        ("--state DIR repo mount MOUNTPOINT --source URL", None),
        ("chekc", "has no verb chekc"),
        ("repo mount X --sauce URL", "has no option --sauce"),
        ("repo init|sever", "has no verb sever"),
        ("verify X || test $? = 3", None),
    ],
)
def test_the_check_of_command_lines_finds_what_is_wrong(line: str, fault: str | None) -> None:
    found = list(fault_of(line))

    assert [text.partition("' ")[2] for text in found] == ([fault] if fault else [])


def test_every_verb_shows_its_help_with_an_example() -> None:
    context = click.Context(cli)
    without = [
        name
        for name in cli.list_commands(context)
        if (command := cli.get_command(context, name)) is not None
        and not isinstance(command, click.Group)
        and "Example: pansoft" not in (command.help or "")
    ]

    assert without == []


def test_every_page_is_found_from_the_readme() -> None:
    found: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        file = waiting.pop()
        if file in found or file.suffix != ".md":
            continue
        found.add(file)
        links = [link.partition("#")[0] for link in page(file).links if not urlsplit(link).scheme]
        waiting += [(file.parent / link).resolve() for link in links if link]

    assert sorted(map(str, set(PAGES) - found - {ROOT / "CHANGELOG.md"})) == []


@pytest.mark.parametrize("name", sorted(generated_pages(ROOT)))
def test_generated_pages_are_fresh(name: str) -> None:
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")

    assert committed == generated_pages(ROOT)[name], "write it again with: pansoft docs"


@pytest.mark.needs("git")
def test_no_file_names_a_registry_or_a_mirror() -> None:
    names = "|".join(sorted(map(re.escape, registries())))
    pattern = re.compile(rf"(?<![\w.-])(?:{names})(?![\w-])")
    # Where a project itself lives is not where we fetch from.
    own_address = re.compile(r"^(homepage|source|documentation|citation): ")
    # Debian calls its package of a daemon like the registry of those who made it.
    debian_package = ("setup.sh", ".".join(("docker", "io")))

    found = [
        f"{file.relative_to(ROOT)}:{number}: {match[0]}"
        for file in tracked_files()
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if (match := pattern.search(line))
        and not (file.name == "recipe.yaml" and own_address.match(line))
        and (file.name, match[0]) != debian_package
    ]

    assert found == []


@pytest.mark.needs("git")
def test_no_file_names_a_folder_of_this_machine() -> None:
    here = re.compile(rf"{re.escape(str(ROOT))}(?![\w-])|\.\./{'shared'}\b")

    found = [str(file.relative_to(ROOT)) for file in tracked_files() if here.search(text_of(file))]

    assert found == []


def registries() -> set[str]:
    """Return the hosts that this machine fetches packages from, and those that most do."""
    usual = [
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("anaconda", "org"),
        ("docker", "io"), ("quay", "io"), ("ghcr", "io"),
        *((name, "debian.org") for name in ("deb", "ftp", "security", "snapshot", "archive")),
    ]  # fmt: skip
    known = {".".join(pair) for pair in usual}
    known |= {f"{name}.{host}" for host in known for name in ("www", "test", "files", "registry")}
    questions: list[list[str | Path]] = [
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"],
        [sys.executable, "-m", "pip", "config", "list"],
        ["npm", "config", "get", "registry"],
    ]
    for question in questions:
        if process.which(str(question[0])) is not None:
            done = process.run(question, reason="find this machine's mirrors", check=False)
            known |= hosts_in(done.stdout)
    asked = (os.environ.get(name, "") for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"))
    return known | hosts_in("\n".join(asked))


def hosts_in(text: str) -> set[str]:
    """Return the host names of the addresses in a text, but for this machine's."""
    addresses = re.findall(r"https?://[^\s'\"]+", text)
    hosts = {urlsplit(address).hostname or "" for address in addresses}
    return {host for host in hosts if "." in host and not host.startswith("127.")}


def tracked_files() -> list[Path]:
    """Return every file that git knows, as it is now."""
    done = process.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], reason="list the files", cwd=ROOT
    )
    files = (ROOT / name for name in done.stdout.split("\0") if name)
    return [file for file in files if file.is_file()]


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def test_a_page_is_taken_apart() -> None:
    text = "# A page's `name`\n\nSee [this](b.md#x), `[no](link)`.\n\n```sh\nmake\n```\n\n    pansoft\n"
    taken = Page(ROOT / "a.md", text)

    assert taken.anchors == {"a-pages-name"}
    assert taken.links == ("b.md#x",)
    assert [(f.language, f.text, f.line) for f in taken.fences] == [("sh", "make\n", 6)]
    assert list(taken.code)[:2] == ["make", "pansoft"]
