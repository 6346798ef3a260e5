# SPDX-License-Identifier: BSD-3-Clause
"""The pages of the repository, taken apart: headings, links, fences and code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = tuple(sorted((*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))))

_FENCE = re.compile(
    r"^(?P<ticks>```+)(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=ticks)$", re.MULTILINE | re.DOTALL
)
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: its language, its text, and the line that its text begins at."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file."""

    file: Path
    text: str

    @property
    def name(self) -> str:
        """Return the path in the repository."""
        return str(self.file.relative_to(ROOT))

    @property
    def fences(self) -> tuple[Fence, ...]:
        """Return the fenced blocks in order."""
        return tuple(
            Fence(m["language"], m["text"], self.text.count("\n", 0, m.start("text")) + 1)
            for m in _FENCE.finditer(self.text)
        )

    @property
    def prose(self) -> str:
        """Return the text without its fences."""
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> tuple[str, ...]:
        """Return the targets of all links."""
        return tuple(_LINK.findall(_CODE.sub("", self.prose)))

    @property
    def anchors(self) -> frozenset[str]:
        """Return the anchors of the headings, as GitLab makes them."""
        return frozenset(_anchor(heading) for heading in _HEADING.findall(self.prose))

    @property
    def code(self) -> Iterator[str]:
        """Give every piece of code: spans, and the lines of fences and of indented blocks."""
        for fence in self.fences:
            yield from fence.text.splitlines()
        prose = self.prose
        for line in prose.splitlines():
            if line.startswith("    "):
                yield line.strip()
        for _, span in _CODE.findall(prose):
            yield " ".join(span.split())


def page(file: Path) -> Page:
    """Return a page of the repository."""
    return Page(file, file.read_text(encoding="utf-8"))


def _anchor(heading: str) -> str:
    plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
