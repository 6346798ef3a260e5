# SPDX-License-Identifier: BSD-3-Clause
"""Labels of a project."""

from __future__ import annotations

import re

from tests.gitlab_server.calls import (
    PAGES,
    PROJECT,
    Answer,
    Call,
    Parameter,
    Refusal,
    Route,
    page,
)
from tests.gitlab_server.routes.texts import (
    label,
)


def _list_labels(call: Call) -> Answer:
    return page(call, list(call.project.labels.values()))


def _create_label(call: Call) -> Answer:
    project, sent = call.project, call.sent
    if sent["name"] in project.labels:
        raise Refusal(409, message="Label already exists")
    if not re.fullmatch(r"#([0-9A-Fa-f]{3}){1,2}|[a-z]+", sent["color"]):
        raise Refusal(400, message={"color": ["must be a valid color code"]})
    said = sent.get("description", "")
    made = label(project, sent["name"], color=sent["color"], said=said)
    project.labels[sent["name"]] = made
    return Answer(201, made)


ROUTES = (
    Route("GET", PROJECT + "/labels", _list_labels, PAGES),
    Route(
        "POST",
        PROJECT + "/labels",
        _create_label,
        (
            Parameter("name", needed=True),
            Parameter("color", needed=True),
            Parameter("description"),
        ),
    ),
)
