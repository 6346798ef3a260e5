# SPDX-License-Identifier: BSD-3-Clause
"""Other people's words in GitLab's Markdown, where they mean nothing but themselves.

A name, a licence or a line of a log can hold Markdown, HTML, the bar of a table, a mention (`@all`), a
reference (`#1`, `!2`, `~label`, a commit), an address that becomes a link, or a quick action (`/close` at
the beginning of a line). So every such text stands in a `<code>`, where GitLab looks for no references, and
each of its characters that could mean something is written as a number. What reorders or hides text is
left out.
"""

from __future__ import annotations

import re
from typing import Any

from catalog import words
from core.harmless import harmless

_HARMLESS = re.compile(r"[A-Za-z0-9 ,-]")
_SPACE = re.compile(r"\s+")
MOST = 120
"""Characters of a text in a line, unless it is said otherwise."""
_LONGEST_ADDRESS = 500


class Markdown(str):
    """A text that is Markdown and is meant to be."""

    __slots__ = ()


def code(text: str, *, most: int = MOST) -> Markdown:
    """Return a text as one piece of code in a line, cut where it is long."""
    line = _SPACE.sub(" ", harmless(text)).strip()
    if len(line) > most:
        line = line[: most - 1] + "…"
    return Markdown(f"<code>{_numbered(line)}</code>" if line else "")


def block(text: str, *, lines: int, width: int = 200) -> Markdown:
    """Return the last lines of a text as a block of code, long lines cut."""
    found = harmless(text).replace("\t", "    ").splitlines()
    left_out = max(len(found) - lines, 0)
    shown = [line if len(line) <= width else line[: width - 1] + "…" for line in found[left_out:]]
    head = [f"({left_out} lines before)"] if left_out else []
    body = "\n".join(_numbered(line) for line in (*head, *shown))
    return Markdown(f"<pre><code>{body}</code></pre>")


def link(text: str, address: str | None) -> Markdown:
    """Return a text that leads to an address; only the text where the address is not one of the web."""
    safe = words.web_link(address)
    if safe is None or len(safe) > _LONGEST_ADDRESS:
        return code(text)
    return Markdown(f'<a href="{_numbered(safe)}">{code(text)}</a>')


def only(value: Any) -> str:
    """Return what may be printed in a template: Markdown and numbers.

    Raises:
        TypeError: nobody has said what the value means.
    """
    if isinstance(value, Markdown | int):
        return str(value)
    raise TypeError(f"{value!r} is not Markdown")


def _numbered(text: str) -> str:
    """Return a text whose characters are numbers where they could be more than themselves."""
    return "".join(
        each if _HARMLESS.match(each) or ord(each) > 127 else f"&#{ord(each)};" for each in text
    )
