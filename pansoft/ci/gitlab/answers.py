# SPDX-License-Identifier: BSD-3-Clause
"""What GitLab answers, read at the door; and the markers by which our texts are found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitlab.exceptions import GitlabParsingError

from pansoft.ci.gitlab.states import MergeRequest

TEXT_LENGTH = 255
"""Characters that GitLab takes in a title, and in each text of a commit status."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text that stands in GitLab."""

    id: int
    text: str
    title: str = ""
    labels: tuple[str, ...] = ()
    link: str | None = None


def as_written(answer: object, *texts: str, number: str) -> Written:
    """Return a text from an answer: from the first of these fields that says something."""
    thing = as_object(answer)
    link = thing.get("web_url")
    return Written(
        whole(thing, number),
        next((str(thing[name]) for name in texts if thing.get(name)), ""),
        str(thing.get("title") or ""),
        tuple(str(label) for label in thing.get("labels") or ()),
        str(link) if link else None,
    )


def as_merge_request(answer: object, *, me: int) -> MergeRequest:
    """Return a merge request from an answer; `me` is the number of who closes them for us."""
    thing = as_object(answer)
    is_open = thing.get("state") == "opened"
    closer = thing.get("closed_by")
    link = thing.get("web_url")
    return MergeRequest(
        whole(thing, "iid"),
        str(thing.get("source_branch")),
        str(thing.get("description") or ""),
        is_open,
        not is_open and not (isinstance(closer, dict) and closer.get("id") == me),
        str(link) if link else None,
    )


def is_of_project(thing: Mapping[str, Any]) -> bool:
    """Return whether a merge request comes from the project itself and from none of its forks."""
    return thing.get("source_project_id") == thing.get("project_id")


def as_object(answer: object) -> Mapping[str, Any]:
    """Return an answer that is an object; a page of a proxy is none."""
    if not isinstance(answer, dict):
        raise GitlabParsingError("the answer is not GitLab's")
    return answer


def whole(answer: object, name: str) -> int:
    """Return a number of an answer."""
    value = as_object(answer).get(name)
    if not isinstance(value, int):
        raise GitlabParsingError(f"the answer has no {name}")
    return value


def text_of(answer: object, name: str) -> str:
    """Return a text of an answer."""
    value = as_object(answer).get(name)
    if not isinstance(value, str):
        raise GitlabParsingError(f"the answer has no {name}")
    return value


def items(answer: Mapping[str, Any], name: str) -> Sequence[object]:
    """Return a list of an answer."""
    value = answer.get(name)
    if not isinstance(value, list):
        raise GitlabParsingError(f"the answer has no {name}")
    return value


def author(thing: Mapping[str, Any]) -> object:
    """Return the number of who wrote something."""
    author = thing.get("author")
    return author.get("id") if isinstance(author, dict) else None


def check_marked(text: str, marker: str) -> None:
    """Refuse a text without its marker.

    Raises:
        ValueError: it does not begin with it.
    """
    if not is_marked(text, marker):
        raise ValueError(f"the text does not begin with {marker}, so it would not be found again")


def is_marked(text: object, marker: str) -> bool:
    """Return whether the first line of a text is a marker."""
    return isinstance(text, str) and text.partition("\n")[0].strip() == marker


def is_same(one: str, other: str) -> bool:
    """Return whether two texts differ in nothing that GitLab keeps."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()


def cut(text: str) -> str:
    """Return a text that is no longer than GitLab takes it in one line."""
    return text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"


def joined(labels: Sequence[str]) -> str:
    """Return labels as GitLab takes them.

    Raises:
        ValueError: one would be read as several, or as none.
    """
    if wrong := [label for label in labels if "," in label or not label.strip()]:
        raise ValueError(f"{wrong[0]!r} is not a label")
    return ",".join(labels)
