# SPDX-License-Identifier: BSD-3-Clause
"""Forms as people fill them in: the template of this repository, with words below its headings."""

from __future__ import annotations

from pansoft.ci.requests.form import HEADINGS, TEMPLATE
from tests.real_projects import ROOT

TEST = "drawer --version says 1.0, and drawing a line leaves a file."


def empty() -> str:
    """Return the form that somebody begins with, whose quick action GitLab has carried out."""
    text = (ROOT / TEMPLATE).read_text(encoding="utf-8")
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("/label"))


def filled(where: str = "Python", **below: str) -> str:
    """Return a form with these words below the headings that begin so, `Home_page` for `Home page`."""
    text = empty().replace(f"- [ ] {where}", f"- [x] {where}")
    for name, words in {"Name": "drawer", "Test": TEST, **below}.items():
        heading = name.replace("_", " ")
        assert heading in HEADINGS
        assert text.count(f"### {heading}\n") == 1
        text = text.replace(f"### {heading}\n", f"### {heading}\n\n{words}\n")
    return text
