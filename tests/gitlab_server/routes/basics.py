# SPDX-License-Identifier: BSD-3-Clause
"""Who asks, which GitLab this is, and which project."""

from __future__ import annotations

from tests.gitlab_server.calls import (
    PROJECT,
    Answer,
    Call,
    Route,
)


def _user(call: Call) -> Answer:
    email = call.login.email
    return Answer(200, {**call.login.author(), "email": email, "commit_email": email})


def _show_user(call: Call) -> Answer:
    number = int(call.where["user"])
    address = call.server.addresses.get(number)
    return Answer(200, {"id": number, "username": f"user{number}", "public_email": address})


def _version(call: Call) -> Answer:
    return Answer(200, {"version": "18.5.0", "revision": "0123abc"})


def _show_project(call: Call) -> Answer:
    project = call.project
    return Answer(
        200,
        {
            "id": project.id,
            "path_with_namespace": project.path,
            "default_branch": project.default_branch,
            "web_url": f"{project.address}/{project.path}",
        },
    )


ROUTES = (
    Route("GET", "/user", _user),
    Route("GET", r"/users/(?P<user>[0-9]+)", _show_user),
    Route("GET", "/version", _version),
    Route("GET", PROJECT, _show_project),
)
