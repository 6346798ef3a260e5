# SPDX-License-Identifier: BSD-3-Clause
"""What issues and merge requests have in common: titles, labels, states, quick actions, filters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.gitlab_server.calls import (
    PAGES,
    Call,
    Parameter,
    Refusal,
)
from tests.gitlab_server.state import Project, Thing

TITLE_LENGTH = 255
FILTERS = (
    *PAGES,
    Parameter("labels"),
    Parameter("search"),
    Parameter("in"),
    Parameter("scope", of=("created_by_me", "assigned_to_me", "all")),
    Parameter("author_id", int),
    Parameter("order_by", of=("created_at", "updated_at", "title")),
    Parameter("sort", of=("asc", "desc")),
)
CHANGES = (
    Parameter("title"),
    Parameter("description"),
    Parameter("labels"),
    Parameter("add_labels"),
    Parameter("remove_labels"),
    Parameter("state_event", of=("close", "reopen")),
)
STATES = ("opened", "closed", "locked", "merged", "all")
_FENCE = re.compile(r"(`{3,}|~{3,})")


def update(call: Call, thing: Thing) -> None:
    sent = call.sent
    if not sent:
        raise Refusal(
            400, error="title, description, labels, state_event are missing, at least one"
        )
    if "title" in sent:
        check_title(sent["title"])
        thing["title"] = sent["title"]
    if "description" in sent:
        thing["description"] = acted(call.project, thing, sent["description"])
    set_labels(call.project, thing, sent)
    if "state_event" in sent:
        closes = sent["state_event"] == "close"
        thing["state"] = "closed" if closes else "opened"
        thing["closed_by"] = call.login.author() if closes else None


def check_title(title: str) -> None:
    if not title.strip():
        raise Refusal(400, message={"title": ["can't be blank"]})
    if len(title) > TITLE_LENGTH:
        said = f"is too long (maximum is {TITLE_LENGTH} characters)"
        raise Refusal(400, message={"title": [said]})


def set_labels(project: Project, thing: Thing, sent: Thing) -> None:
    names = words(sent["labels"]) if "labels" in sent else list(thing["labels"])
    names += words(sent.get("add_labels", ""))
    gone = set(words(sent.get("remove_labels", "")))
    thing["labels"] = [name for name in dict.fromkeys(names) if name not in gone]
    for name in thing["labels"]:  # GitLab makes those that are not there
        project.labels.setdefault(name, label(project, name))


def assign(thing: Thing, sent: Thing) -> None:
    people = sent.get("assignee_ids", [])
    if not all(type(each) is int for each in people):
        raise Refusal(400, error="assignee_ids is invalid")
    thing["assignees"] = [{"id": each} for each in people]


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def label(project: Project, name: str, *, color: str = "#428BCA", said: str = "") -> Thing:
    return {"id": project.number(), "name": name, "color": color, "description": said}


def acted(project: Project, thing: Thing, text: str) -> str:
    """Return a text without its quick actions, which are carried out; none are in fenced code."""
    kept, fence = [], ""
    for line in text.splitlines(keepends=True):
        if found := _FENCE.match(line):
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence) and line.strip() == found[1]:
                fence = ""
        action = None if fence else re.match(r"/([a-z_]+)", line)
        if action is None:
            kept.append(line)
            continue
        project.quick_actions.append(line.strip())
        if action[1] in ("close", "reopen"):
            thing["state"] = "closed" if action[1] == "close" else "opened"
    return "".join(kept)


def filtered(things: Sequence[Thing], sent: Thing) -> list[Thing]:
    """Return what the parameters of a list leave."""
    if not set(words(sent.get("in", ""))) <= {"title", "description"}:
        raise Refusal(400, error="in does not have a valid value")

    def fits(thing: Thing) -> bool:
        wanted = sent.get("state", "all")
        places = words(sent.get("in", "title,description"))
        text = "\n".join(thing.get(place, "") for place in places).casefold()
        return (
            (wanted == "all" or thing["state"] == wanted)
            and set(words(sent.get("labels", ""))) <= set(thing.get("labels", []))
            and ("author_id" not in sent or thing["author"]["id"] == sent["author_id"])
            and sent.get("search", "").casefold() in text
            and all(
                name not in sent or thing.get(name) == sent[name]
                for name in ("source_branch", "target_branch", "sha", "ref", "status")
            )
        )

    return [thing for thing in things if fits(thing)]
