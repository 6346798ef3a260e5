# SPDX-License-Identifier: BSD-3-Clause
"""Notes to merge requests and issues."""

from __future__ import annotations

from tests.gitlab_server.calls import (
    PAGES,
    PROJECT,
    Answer,
    Call,
    Parameter,
    Refusal,
    Route,
    known,
    page,
)
from tests.gitlab_server.routes.texts import (
    acted,
)
from tests.gitlab_server.state import MAINTAINER, Thing

NOTE_LENGTH = 1_000_000
_NOTES = PROJECT + r"/(?P<where>merge_requests|issues)/(?P<iid>\d+)/notes"


def _place(call: Call) -> tuple[str, int]:
    """Return whose notes are meant, which have to be there."""
    where = call.where["where"]
    known(
        call.project.merge_requests if where == "merge_requests" else call.project.issues, call.iid
    )
    return where, call.iid


def _list_notes(call: Call) -> Answer:
    found = list(call.project.notes.get(_place(call), []))
    if call.sent.get("sort", "desc") == "desc":
        found.reverse()
    return page(call, found)


def _create_note(call: Call) -> Answer:
    project, (where, iid) = call.project, _place(call)
    thing = (project.merge_requests if where == "merge_requests" else project.issues)[iid]
    body = _note_text(call)
    rest = acted(project, thing, body)
    if not rest.strip():
        return Answer(202, {"commands_changes": {}, "summary": ["Applied commands"]})
    return Answer(201, project.add_note(where, iid, rest, author=call.login.author()))


def _note_of(call: Call) -> Thing:
    notes = call.project.notes.get(_place(call), [])
    return known({note["id"]: note for note in notes}, int(call.where["note"]))


def _show_note(call: Call) -> Answer:
    return Answer(200, _note_of(call))


def _update_note(call: Call) -> Answer:
    note = _note_of(call)
    if note["system"] or (
        note["author"]["id"] != call.login.user and call.login.level < MAINTAINER
    ):
        raise Refusal(403, message="403 Forbidden")
    note["body"] = _note_text(call)
    return Answer(200, note)


def _delete_note(call: Call) -> Answer:
    note = _note_of(call)
    if note["author"]["id"] != call.login.user and call.login.level < MAINTAINER:
        raise Refusal(403, message="403 Forbidden")
    call.project.notes[_place(call)].remove(note)
    return Answer(204, None)


def _note_text(call: Call) -> str:
    body: str = call.sent["body"]
    if not body.strip():
        raise Refusal(400, message='400 Bad request - Note {:note=>["can\'t be blank"]}')
    if len(body) > NOTE_LENGTH:
        said = f"is too long (maximum is {NOTE_LENGTH} characters)"
        raise Refusal(400, message=f'400 Bad request - Note {{:note=>["{said}"]}}')
    return body


ROUTES = (
    Route(
        "GET",
        _NOTES,
        _list_notes,
        (
            *PAGES,
            Parameter("sort", of=("asc", "desc")),
            Parameter("order_by", of=("created_at", "updated_at")),
        ),
    ),
    Route("POST", _NOTES, _create_note, (Parameter("body", needed=True),)),
    Route("GET", _NOTES + r"/(?P<note>\d+)", _show_note),
    Route("DELETE", _NOTES + r"/(?P<note>\d+)", _delete_note),
    Route("PUT", _NOTES + r"/(?P<note>\d+)", _update_note, (Parameter("body", needed=True),)),
)
