# SPDX-License-Identifier: BSD-3-Clause
"""Issues."""

from __future__ import annotations

from tests.gitlab_server.calls import (
    PROJECT,
    Answer,
    Call,
    Parameter,
    Route,
    page,
)
from tests.gitlab_server.routes.texts import (
    CHANGES,
    FILTERS,
    STATES,
    acted,
    check_title,
    filtered,
    set_labels,
    update,
)
from tests.gitlab_server.state import REPORTER


def _list_issues(call: Call) -> Answer:
    found = list(reversed(call.project.issues.values()))
    if "confidential" in call.sent:
        found = [each for each in found if each["confidential"] is call.sent["confidential"]]
    forgets = call.server.forgets
    shown = [
        {name: value for name, value in each.items() if name not in forgets}
        for each in filtered(found, call.sent)
    ]
    return page(call, shown)


def _create_issue(call: Call) -> Answer:
    project, sent = call.project, call.sent
    check_title(sent["title"])
    made = project.add_issue(
        title=sent["title"],
        author=call.login.author(),
        confidential=sent.get("confidential", False),
    )
    made["description"] = acted(project, made, sent.get("description", ""))
    set_labels(project, made, sent)
    return Answer(201, made)


def _show_issue(call: Call) -> Answer:
    return Answer(200, call.issue())


def _update_issue(call: Call) -> Answer:
    issue = call.issue()
    call.needs(REPORTER)
    update(call, issue)
    return Answer(200, issue)


ROUTES = (
    Route(
        "GET",
        PROJECT + "/issues",
        _list_issues,
        (*FILTERS, Parameter("state", of=STATES), Parameter("confidential", bool)),
    ),
    Route(
        "POST",
        PROJECT + "/issues",
        _create_issue,
        (
            Parameter("title", needed=True),
            Parameter("description"),
            Parameter("labels"),
            Parameter("confidential", bool),
        ),
    ),
    Route("GET", PROJECT + r"/issues/(?P<iid>\d+)", _show_issue),
    Route("PUT", PROJECT + r"/issues/(?P<iid>\d+)", _update_issue, CHANGES),
)
