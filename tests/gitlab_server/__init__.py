# SPDX-License-Identifier: BSD-3-Clause
"""A GitLab on a real socket: the part of its REST API, version 4, that the pipeline talks to.

It keeps projects, merge requests, notes, commit statuses, labels, issues, branches and pipelines in plain
objects, checks every request as GitLab does, and answers refusals in GitLab's own shapes:

    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        token = server.add_token("bot", level=DEVELOPER)
        request = project.add_merge_request(source="update-pyfai")
        server.faults += [Limited(after="1"), HangUp(method="POST", done=True)]

What it is stricter about than GitLab: a parameter that GitLab would silently leave alone is refused with 400,
for it is a misspelling. What it does as GitLab and is easily forgotten:

- a job token writes nothing here, and a project that a token may not see is a 404 like one that is not there
- quick actions (`/close` at the beginning of a line) of a note are carried out, and not part of it
- a commit status that is running cannot begin to run again: 400
- lists come in pages of 20, at most 100, with `X-Next-Page` and `Link`

`state` is what there is, `server` the whole of it; `routes` has a module for each kind of thing, in the
terms of `calls`; `faults` go wrong on the way, and `handler` puts it on a socket.
"""

from __future__ import annotations

from tests.gitlab_server.faults import Down, Fault, Gibberish, HangUp, Limited, Moved, Silent
from tests.gitlab_server.handler import gitlab_server
from tests.gitlab_server.server import GitlabServer
from tests.gitlab_server.state import (
    DEVELOPER,
    GUEST,
    MAINTAINER,
    REPORTER,
    Login,
    Project,
    Thing,
)

__all__ = [
    "DEVELOPER",
    "GUEST",
    "MAINTAINER",
    "REPORTER",
    "Down",
    "Fault",
    "Gibberish",
    "GitlabServer",
    "HangUp",
    "Limited",
    "Login",
    "Moved",
    "Project",
    "Silent",
    "Thing",
    "gitlab_server",
]
