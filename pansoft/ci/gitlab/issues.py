# SPDX-License-Identifier: BSD-3-Clause
"""The open issues of a project that somebody else wrote, as its API lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pansoft.ci.gitlab.answers import as_object, items, text_of, whole
from pansoft.ci.gitlab.connection import Connection
from pansoft.ci.gitlab.states import Author, Issue


def opened(connection: Connection, *, label: str, words: str) -> tuple[Issue, ...]:
    """Return the open issues that have a label, or words in their descriptions, the oldest first.

    Confidential ones are not asked for.

    Raises:
        GitlabFailed: they cannot be listed.
    """
    common = {"state": "opened", "scope": "all", "confidential": "false", "sort": "asc"}
    found: dict[int, Issue] = {}
    for chosen in ({"labels": label}, {"search": words, "in": "description"}):
        for each in connection.listed("look for issues", "issues", {**common, **chosen}):
            issue = _as_issue(each)
            found[issue.number] = issue
    return tuple(found[number] for number in sorted(found))


def _as_issue(thing: Mapping[str, Any]) -> Issue:
    author = as_object(thing.get("author"))
    link = thing.get("web_url")
    return Issue(
        number=whole(thing, "iid"),
        author=Author(
            whole(author, "id"), text_of(author, "username"), str(author.get("name") or "")
        ),
        text=str(thing.get("description") or ""),
        labels=tuple(str(label) for label in items(thing, "labels")),
        is_public=thing.get("confidential") is False,
        link=str(link) if link else None,
    )
