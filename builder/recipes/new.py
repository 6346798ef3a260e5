# SPDX-License-Identifier: BSD-3-Clause
"""A first recipe for a program: a text that passes `check` and says what is left to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from builder.recipes import from_debian, from_pypi, from_source
from builder.recipes.facts import Facts
from builder.recipes.rules import UNKNOWN_LICENSE
from builder.recipes.schema import CITATION, COMMAND, NAME, NAME_IN_WORDS, WEB_URL
from core import yaml_text
from core.errors import UserError

_VERSION = "[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}"
_PLAIN = re.compile(r"[A-Za-z/][^\x00-\x1f:#\[\]{},&*!|>'\"%@`]*(?<! )\Z")
_WORDS = {"true", "false", "null", "~", "yes", "no", "on", "off"}


def new_recipe(
    name: str,
    *,
    from_pypi: str | None = None,
    from_debian: str | None = None,
    from_source: str | None = None,
) -> str:
    """Return the text of a recipe.

    Args:
        name: the package's name.
        from_pypi: a Python requirement to begin from.
        from_debian: a Debian package to begin from.
        from_source: the address or the file of a source archive to begin from.

    Raises:
        UserError: the name is not a name, or there is no such package or archive.
    """
    if not re.fullmatch(NAME, name) or len(name) > 64:
        raise UserError(f"'{name}' is not a name: {NAME_IN_WORDS}", hint="for example: hdf5-tools")
    facts = _facts(name, requirement=from_pypi, package=from_debian, archive=from_source)
    return recipe_text(name, facts)


def _facts(
    name: str, *, requirement: str | None, package: str | None, archive: str | None
) -> Facts:
    if sum(beginning is not None for beginning in (requirement, package, archive)) > 1:
        raise UserError(
            "a recipe begins from a Python package, a Debian package or a source archive: one of them"
        )
    if requirement is not None:
        return from_pypi.facts(requirement)
    if package is not None:
        return from_debian.facts(package)
    if archive is not None:
        return from_source.facts(archive)
    return Facts(title=name, apt=(name,))


def recipe_text(name: str, facts: Facts) -> str:
    """Return the text of a recipe made of what is known; comments say what is not."""
    lines = ["schema: 1", f"name: {_scalar(name)}"]
    lines += _version(facts)
    lines += [f"title: {_scalar(_shortened(facts.title, 80))}"]
    summary = facts.summary or f"{facts.title} (say here what it is, in one line)."
    lines += [f"summary: {_scalar(_shortened(summary))}"]
    lines += [yaml_text.block("description", _wrapped(facts.description or summary))]
    lines += _homepage(facts)
    for field in ("source", "documentation"):
        address = getattr(facts, field)
        if address and re.fullmatch(WEB_URL, address):
            lines.append(f"{field}: {_scalar(address)}")
    if facts.citation and re.fullmatch(CITATION, facts.citation):
        lines.append(f"citation: {_scalar(facts.citation)}")
    lines += _license(facts)
    lines += [
        "maintainers:",
        "  # Whoever answers for this recipe.",
        f"  - name: {_scalar(_shortened(facts.maintainer or 'Your Name', 80))}",
        f"base: {facts.base}",
        "build:",
    ]
    for field, items in (("apt", facts.apt), ("tools", facts.tools), ("pip", facts.pip)):
        if items:
            lines += [f"  {field}:", *(f"    - {_scalar(item)}" for item in items)]
    lines += _sources(facts)
    lines += _commands(name, facts)
    lines += _tests(name, facts)
    lines += ["runtime:", "  cpus: 1", "  memory: 1024", "  time: 60"]
    return "\n".join(lines) + "\n"


def _version(facts: Facts) -> list[str]:
    if facts.version and re.fullmatch(_VERSION, facts.version):
        return [f"version: {_scalar(facts.version)}"]
    return ["# The program's version, as upstream writes it.", 'version: "0"']


def _homepage(facts: Facts) -> list[str]:
    if facts.homepage and re.fullmatch(WEB_URL, facts.homepage):
        return [f"homepage: {_scalar(facts.homepage)}"]
    return ["# Find the home page out.", "homepage: https://example.org"]


def _license(facts: Facts) -> list[str]:
    evidence = [f"  evidence: {_scalar(_shortened(facts.evidence, 200))}"] if facts.evidence else []
    if facts.license is not None:
        fields = [f"  spdx: {_scalar(facts.license)}", "  redistribution: allowed"]
        return ["license:", *fields, *evidence]
    said = f"The package says: {_comment(facts.license_note)}. " if facts.license_note else ""
    return [
        "license:",
        f"  # {said}Find the licence out (https://spdx.org/licenses), and then",
        "  # whether the package may be given away; until then it is published nowhere.",
        f"  spdx: {UNKNOWN_LICENSE}",
        "  redistribution: forbidden",
        *evidence,
    ]


def _sources(facts: Facts) -> list[str]:
    """Return the archives, and the script below the remarks on it."""
    if not facts.archives:
        return []
    lines = ["  sources:"]
    for archive in facts.archives:
        url = archive.url or f"https://example.org/{archive.filename}"
        lines += [f"    - url: {_scalar(url)}", f"      sha256: {archive.sha256}"]
    lines += [f"  # {_printable(remark)}" for remark in facts.remarks]
    return [*lines, "  script: |", *(f"    {_printable(line)}" for line in facts.script)]


def _commands(name: str, facts: Facts) -> list[str]:
    commands = _usable(facts.commands)
    if commands:
        return ["commands:", *(f"  - {_scalar(command)}" for command in commands)]
    if facts.pip:
        return ["commands:", f"  - name: {_scalar(f'{name}-python')}", "    run: python"]
    return []


def _usable(commands: Sequence[str]) -> list[str]:
    return [name for name in commands if re.fullmatch(COMMAND, name)]


def _tests(name: str, facts: Facts) -> list[str]:
    lines = [
        "tests:",
        "  # This shows that it is there. Show that it works: convert, compute or plot something.",
    ]
    if facts.module is not None:
        return [
            *lines,
            "  - name: can be imported",
            "    kind: import",
            "    modules:",
            f"      - {facts.module}",
        ]
    commands = _usable(facts.commands)
    if commands:
        return [
            *lines,
            f"  - name: has {commands[0]}",
            "    kind: command",
            f"    run: {_scalar(f'command -v {commands[0]}')}",
            f"    expect: {_scalar(commands[0])}",
        ]
    if facts.pip:
        distribution, _, version = facts.pip[0].partition("==")
        run = f"python -c 'from importlib.metadata import version; print(version(\"{distribution}\"))'"
        return [
            *lines,
            "  - name: is installed",
            "    kind: import",
            f"    run: {_scalar(run)}",
            f"    expect: {_scalar(version)}",
        ]
    place = f"/opt/{name}" if facts.archives else f"/usr/share/doc/{facts.apt[0]}"
    return [
        *lines,
        "  - name: is installed",
        "    kind: command",
        f"    run: {_scalar(f'test -d {place}')}",
    ]


def _shortened(text: str, longest: int = 160) -> str:
    """Return a text as one line that is no longer than a field allows."""
    line = " ".join(_printable(text).split())
    return line if len(line) <= longest else line[: longest - 3].rstrip() + "..."


def _wrapped(text: str) -> str:
    """Return a text in lines that are wrapped where people would."""
    lines: list[str] = []
    for paragraph in text[:4000].split("\n\n"):
        line = ""
        for word in _printable(paragraph).split():
            if line and len(line) + 1 + len(word) > 96:
                lines.append(line)
                line = ""
            line = f"{line} {word}".strip()
        lines += [line, ""]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}\n" for line in lines) or "?\n"


def _scalar(text: str) -> str:
    """Return a text as YAML: plain where it reads back the same, in quotes where it would not."""
    clean = _printable(text)
    if _PLAIN.match(clean) and clean.lower() not in _WORDS:
        return clean
    if re.fullmatch(r"https?://[^\s#]+", clean) or re.fullmatch(r"[0-9]+\.[0-9][0-9a-z.]*", clean):
        return clean
    return yaml_text.quoted(clean)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _comment(text: str) -> str:
    return _shortened(text).rstrip(".")
