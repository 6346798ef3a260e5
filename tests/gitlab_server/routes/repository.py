# SPDX-License-Identifier: BSD-3-Clause
"""Branches, and commits to them."""

from __future__ import annotations

from urllib.parse import unquote

from tests.gitlab_server.calls import (
    PROJECT,
    Answer,
    Call,
    Parameter,
    Refusal,
    Route,
)
from tests.gitlab_server.state import DEVELOPER, Project, Thing

_ACTIONS = ("create", "update", "delete", "move", "chmod")


def _show_branch(call: Call) -> Answer:
    name = unquote(call.where["branch"])
    if name not in call.project.branches:
        raise Refusal(404, message="404 Branch Not Found")
    return Answer(200, _branch(call.project, name))


def _branch(project: Project, name: str) -> Thing:
    return {
        "name": name,
        "default": name == project.default_branch,
        "commit": project.branches[name][-1],
    }


def _create_branch(call: Call) -> Answer:
    project, sent = call.project, call.sent
    call.needs(DEVELOPER)
    if sent["branch"] in project.branches:
        raise Refusal(400, message="Branch already exists")
    if sent["ref"] not in project.branches:
        raise Refusal(400, message=f"Invalid reference name: {sent['ref']}")
    _fork(project, sent["branch"], of=sent["ref"])
    return Answer(201, _branch(project, sent["branch"]))


def _fork(project: Project, name: str, *, of: str) -> None:
    project.branches[name] = list(project.branches[of])
    project.files[name] = dict(project.files.get(of, {}))


def _create_commit(call: Call) -> Answer:
    project, sent = call.project, call.sent
    call.needs(DEVELOPER)
    branch, start, again = sent["branch"], sent.get("start_branch"), sent.get("force", False)
    if branch not in project.branches or (again and start):
        if start not in project.branches:
            said = "You can only create or edit files when you are on a branch"
            raise Refusal(400, message=said)
        _fork(project, branch, of=start)
    elif start:
        said = f"A branch called '{branch}' already exists. Switch to that branch in order to make changes"
        raise Refusal(400, message=said)
    files = dict(project.files[branch])
    for action in sent["actions"]:
        _act(files, action)
    project.files[branch] = files
    sha = project.add_commit(branch, message=sent["commit_message"])
    for request in project.merge_requests.values():
        if request["source_branch"] == branch and request["state"] == "opened":
            request["sha"] = sha
    return Answer(201, project.branches[branch][-1])


def _act(files: dict[str, str], action: object) -> None:
    if not isinstance(action, dict) or action.get("action") not in _ACTIONS:
        raise Refusal(400, error="actions[0][action] does not have a valid value")
    if unknown := action.keys() - {"action", "file_path", "content", "encoding", "previous_path"}:
        raise Refusal(400, error=f"actions[0][{min(unknown)}] is not known")
    path = action.get("file_path")
    if not isinstance(path, str):
        raise Refusal(400, error="actions[0][file_path] is missing")
    match action["action"]:
        case "create" if path in files:
            raise Refusal(400, message="A file with this name already exists")
        case "update" | "delete" if path not in files:
            raise Refusal(400, message="A file with this name doesn't exist")
        case "delete":
            del files[path]
        case _:
            files[path] = action.get("content", "")


ROUTES = (
    Route("GET", PROJECT + r"/repository/branches/(?P<branch>[^/]+)", _show_branch),
    Route(
        "POST",
        PROJECT + "/repository/branches",
        _create_branch,
        (Parameter("branch", needed=True), Parameter("ref", needed=True)),
    ),
    Route(
        "POST",
        PROJECT + "/repository/commits",
        _create_commit,
        (
            Parameter("branch", needed=True),
            Parameter("commit_message", needed=True),
            Parameter("actions", list, needed=True),
            Parameter("start_branch"),
            Parameter("force", bool),
            Parameter("author_name"),
            Parameter("author_email"),
        ),
    ),
)
