# SPDX-License-Identifier: BSD-3-Clause
"""Merge requests."""

from __future__ import annotations

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
    CHANGES,
    FILTERS,
    STATES,
    acted,
    assign,
    check_title,
    filtered,
    set_labels,
    update,
)
from tests.gitlab_server.state import DEVELOPER

MERGE_REQUEST = PROJECT + r"/merge_requests/(?P<iid>\d+)"


def _list_merge_requests(call: Call) -> Answer:
    found = list(reversed(call.project.merge_requests.values()))
    return page(call, filtered(found, call.sent))


def _show_merge_request(call: Call) -> Answer:
    request = call.merge_request()
    count = str(len(call.project.diffs.get(request["iid"], [])))
    return Answer(200, {"changes_count": count, **request})


def _list_versions(call: Call) -> Answer:
    request = call.merge_request()
    version = {"id": 1, "head_commit_sha": request["sha"], "state": "collected"}
    return page(call, [version])


def _list_diffs(call: Call) -> Answer:
    return page(call, call.project.diffs.get(call.merge_request()["iid"], []))


def _list_merge_requests_of_commit(call: Call) -> Answer:
    project = call.project
    brought = project.merges.get(call.where["sha"], [])
    return page(call, [project.merge_requests[iid] for iid in brought])


def _create_merge_request(call: Call) -> Answer:
    project, sent = call.project, call.sent
    call.needs(DEVELOPER)
    source, target = sent["source_branch"], sent["target_branch"]
    if source == target:
        said = "You can't use same project/branch for source and target"
        raise Refusal(422, message=[said])
    for request in project.merge_requests.values():
        if (request["source_branch"], request["state"]) == (source, "opened"):
            said = "Another open merge request already exists for this source branch"
            raise Refusal(409, message=[f"{said}: !{request['iid']}"])
    if source not in project.branches or target not in project.branches:
        raise Refusal(400, message={"validate_branches": ["a branch does not exist"]})
    check_title(sent["title"])
    made = project.add_merge_request(source=source, title=sent["title"], author=call.login.author())
    made["target_branch"] = target
    made["description"] = acted(project, made, sent.get("description", ""))
    set_labels(project, made, sent)
    assign(made, sent)
    return Answer(201, made)


def _update_merge_request(call: Call) -> Answer:
    request = call.merge_request()
    call.needs(DEVELOPER)
    update(call, request)
    return Answer(200, request)


ROUTES = (
    Route("GET", MERGE_REQUEST + "/diffs", _list_diffs, PAGES),
    Route(
        "GET",
        PROJECT + r"/repository/commits/(?P<sha>[0-9a-f]+)/merge_requests",
        _list_merge_requests_of_commit,
        PAGES,
    ),
    Route(
        "GET",
        PROJECT + "/merge_requests",
        _list_merge_requests,
        (
            *FILTERS,
            Parameter("state", of=STATES),
            Parameter("source_branch"),
            Parameter("target_branch"),
        ),
    ),
    Route(
        "POST",
        PROJECT + "/merge_requests",
        _create_merge_request,
        (
            Parameter("source_branch", needed=True),
            Parameter("target_branch", needed=True),
            Parameter("title", needed=True),
            Parameter("description"),
            Parameter("labels"),
            Parameter("assignee_ids", list),
            Parameter("remove_source_branch", bool),
            Parameter("squash", bool),
        ),
    ),
    Route("GET", MERGE_REQUEST, _show_merge_request),
    Route("GET", MERGE_REQUEST + "/versions", _list_versions, PAGES),
    Route("PUT", MERGE_REQUEST, _update_merge_request, (*CHANGES, Parameter("target_branch"))),
)
