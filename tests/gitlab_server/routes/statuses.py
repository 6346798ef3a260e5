# SPDX-License-Identifier: BSD-3-Clause
"""Statuses of commits."""

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
from tests.gitlab_server.state import DEVELOPER, Project


def _list_statuses(call: Call) -> Answer:
    sha = _commit(call)
    found = [each for each in call.project.statuses if each["sha"] == sha]
    if "name" in call.sent:
        found = [each for each in found if each["name"] == call.sent["name"]]
    if call.sent.get("all") not in (True, "true", "True"):  # the last of each name
        found = list({(each["name"], each["ref"]): each for each in found}.values())
    return page(call, found)


def _create_status(call: Call) -> Answer:
    project, sent, sha = call.project, call.sent, _commit(call)
    call.needs(DEVELOPER)
    name = sent.get("name") or sent.get("context") or "default"
    ref = sent.get("ref") or _branch_of(project, sha)
    status = next(
        (
            each
            for each in project.statuses
            if (each["sha"], each["name"], each["ref"]) == (sha, name, ref)
            and each["status"] in ("pending", "running")
        ),
        None,
    )
    if status is not None and status["status"] == sent["state"]:
        event = {"pending": "enqueue", "running": "run"}[sent["state"]]
        said = f"Cannot transition status via :{event} from :{status['status']}"
        raise Refusal(400, message=f'{said} (Reason(s): Status cannot transition via "{event}")')
    for field_name, most in (("target_url", 255), ("description", 255), ("name", 255)):
        if len(sent.get(field_name, "")) > most:
            said = f"is too long (maximum is {most} characters)"
            raise Refusal(400, message={field_name: [said]})
    if status is None:
        status = {"id": project.number(), "sha": sha, "name": name, "ref": ref}
        project.statuses.append(status)
    status.update(
        status=sent["state"],
        description=sent.get("description"),
        target_url=sent.get("target_url"),
        coverage=sent.get("coverage"),
        pipeline_id=sent.get("pipeline_id"),
        author=call.login.author(),
    )
    return Answer(201, status)


def _commit(call: Call) -> str:
    sha = call.where["sha"]
    if sha not in call.project.shas():
        raise Refusal(404, message="404 Commit Not Found")
    return sha


def _branch_of(project: Project, sha: str) -> str:
    return next(
        name
        for name, commits in project.branches.items()
        if sha in {each["id"] for each in commits}
    )


ROUTES = (
    Route(
        "POST",
        PROJECT + r"/statuses/(?P<sha>[0-9a-f]+)",
        _create_status,
        (
            Parameter(
                "state",
                needed=True,
                of=("pending", "running", "success", "failed", "canceled", "skipped"),
            ),
            Parameter("name"),
            Parameter("context"),
            Parameter("ref"),
            Parameter("target_url"),
            Parameter("description"),
            Parameter("coverage", float),
            Parameter("pipeline_id", int),
        ),
    ),
    Route(
        "GET",
        PROJECT + r"/repository/commits/(?P<sha>[0-9a-f]+)/statuses",
        _list_statuses,
        (*PAGES, Parameter("name"), Parameter("ref"), Parameter("all", bool)),
    ),
)
