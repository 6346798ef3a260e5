# SPDX-License-Identifier: BSD-3-Clause
"""Branches, and commits to them."""

from __future__ import annotations

import base64
import hashlib
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


def _delete_branch(call: Call) -> Answer:
    project, name = call.project, unquote(call.where["branch"])
    call.needs(DEVELOPER)
    if name not in project.branches:
        raise Refusal(404, message="404 Branch Not Found")
    del project.branches[name], project.files[name]
    return Answer(204, None)


def _create_commit(call: Call) -> Answer:
    project, sent = call.project, call.sent
    call.needs(DEVELOPER)
    branch, again = sent["branch"], sent.get("force", False)
    start = sent.get("start_branch") or sent.get("start_sha")
    if "start_branch" in sent and "start_sha" in sent:
        raise Refusal(400, error="start_branch, start_sha are mutually exclusive")
    if branch not in project.branches or (again and start):
        begin = project.history(start) if start else None
        if begin is None:
            said = "You can only create or edit files when you are on a branch"
            raise Refusal(400, message=said)
        begun, files = list(begin), dict(project.trees[begin[-1]["id"]])
    elif start:
        said = f"A branch called '{branch}' already exists. Switch to that branch in order to make changes"
        raise Refusal(400, message=said)
    else:
        begun, files = project.branches[branch], dict(project.files[branch])
    for action in sent["actions"]:
        _act(files, action)
    project.branches[branch], project.files[branch] = begun, files
    sha = project.add_commit(branch, message=sent["commit_message"], author=call.login)
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
        case "create" | "update" if not isinstance(action.get("content"), str):
            raise Refusal(400, error="actions[0][content] is missing")
        case "create" | "update" if action.get("encoding", "text") != "text":
            raise Refusal(400, error="this server of tests reads text only")
        case _:
            files[path] = action.get("content", "")


def _show_file(call: Call) -> Answer:
    project, path, ref = call.project, unquote(call.where["path"]), call.sent["ref"]
    commits = project.history(ref)
    if commits is None:
        raise Refusal(404, message="404 Commit Not Found")
    content = project.trees[commits[-1]["id"]].get(path)
    if content is None:
        raise Refusal(404, message="404 File Not Found")
    data = content.encode()
    return Answer(
        200,
        {
            "file_name": path.rpartition("/")[2],
            "file_path": path,
            "size": len(data),
            "encoding": "base64",
            "content": base64.b64encode(data).decode(),
            "content_sha256": hashlib.sha256(data).hexdigest(),
            "ref": ref,
            "commit_id": commits[-1]["id"],
        },
    )


def _compare(call: Call) -> Answer:
    """Return what `to` has that `from` has not, and how its files differ from where it left `from`."""
    project, sent = call.project, call.sent
    left, right = project.history(sent["from"]), project.history(sent["to"])
    if left is None or right is None:
        raise Refusal(404, message="404 Ref Not Found")
    known = {commit["id"] for commit in left}
    common = [commit for commit in right if commit["id"] in known]
    before = project.trees[common[-1]["id"]] if common else {}
    after = project.trees[right[-1]["id"]]
    differ = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    diffs = [
        {
            "old_path": path,
            "new_path": path,
            "new_file": path not in before,
            "deleted_file": path not in after,
        }
        for path in differ
    ]
    commits = [commit for commit in right if commit["id"] not in known]
    return Answer(
        200, {"commit": right[-1] if commits else None, "commits": commits, "diffs": diffs}
    )


def _show_commit(call: Call) -> Answer:
    sha, project = call.where["sha"], call.project
    if sha not in project.tries:
        raise Refusal(404, message="404 Commit Not Found")
    return Answer(200, {"id": sha, "parent_ids": project.tries[sha]})


ROUTES = (
    Route("DELETE", PROJECT + r"/repository/branches/(?P<branch>[^/]+)", _delete_branch),
    Route(
        "GET",
        PROJECT + r"/repository/files/(?P<path>[^/]+)",
        _show_file,
        (Parameter("ref", needed=True),),
    ),
    Route(
        "GET",
        PROJECT + "/repository/compare",
        _compare,
        (Parameter("from", needed=True), Parameter("to", needed=True), Parameter("straight", bool)),
    ),
    Route("GET", PROJECT + r"/repository/branches/(?P<branch>[^/]+)", _show_branch),
    Route("GET", PROJECT + r"/repository/commits/(?P<sha>[0-9a-f]+)", _show_commit),
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
            Parameter("start_sha"),
            Parameter("force", bool),
            Parameter("author_name"),
            Parameter("author_email"),
        ),
    ),
)
