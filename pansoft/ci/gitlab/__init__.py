# SPDX-License-Identifier: BSD-3-Clause
"""The one door to GitLab: notes, commit statuses, labels, issues, merge requests, branches of one project.

What is asked for is a state, not an action: run twice, nothing is there twice. These are the rules:

- What was written earlier is found again by a marker, an HTML comment that nobody sees, in the first line of
  a text whose author is the owner of the token. Anybody can copy a marker; nobody can be that author.
- Two pipelines of one moment may write a note each; the next one keeps the first and deletes the other.
- A request that GitLab did not take (429) is sent again, after the time that GitLab names.
- A request whose answer was lost (5xx, a connection that ended, no answer in time, nonsense) may have been
  carried out. One that says how something shall be is sent again. One that creates something is sent again
  only after a look has shown that nothing was created.
- All waiting of one `Gitlab` together has an end, and whatever stays wrong is explained.
- The token goes to the server that was named and nowhere else: no redirection is followed.

`project` has all that is asked of GitLab, in the terms of `states`: what is committed in `branches`, what
pipelines left in `pipelines`, what people ask for in `issues`. `connection` makes requests, `answers`
reads what comes back, and `failures` says what went wrong. Nothing else knows the library.
"""

from __future__ import annotations

from pansoft.ci.gitlab.branches import BranchOfOthers, Commit
from pansoft.ci.gitlab.connection import Login, Patience
from pansoft.ci.gitlab.failures import GitlabFailed
from pansoft.ci.gitlab.pipelines import RequestHead
from pansoft.ci.gitlab.project import NOTE_LENGTH, Gitlab
from pansoft.ci.gitlab.states import (
    Author,
    CommitState,
    CommitStatus,
    How,
    Issue,
    MergeRequest,
    Posted,
    Text,
)

__all__ = [
    "NOTE_LENGTH",
    "Author",
    "BranchOfOthers",
    "Commit",
    "CommitState",
    "CommitStatus",
    "Gitlab",
    "GitlabFailed",
    "How",
    "Issue",
    "Login",
    "MergeRequest",
    "Patience",
    "Posted",
    "RequestHead",
    "Text",
]
