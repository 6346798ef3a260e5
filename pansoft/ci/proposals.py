# SPDX-License-Identifier: BSD-3-Clause
"""Changes of recipes that are proposed: each a branch with one commit, and a merge request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from builder.recipes.folders import RECIPES
from core.errors import UserError
from pansoft.checkout import Checkout
from pansoft.ci.gitlab import Commit, Gitlab, Posted, Text
from pansoft.ci.job import Job
from pansoft.context import Context


@dataclass(frozen=True, slots=True)
class Place:
    """What proposals are made on: the commit `start`, for the branch `target`.

    `inside` is the folder of the project in its repository, as the beginning of paths.
    """

    start: str
    inside: str
    target: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A branch with what it changes, files by their path in the project, and what its merge request says."""

    branch: str
    message: str
    files: Mapping[str, str]
    text: Text
    marker: str
    assignees: tuple[int, ...] = ()


def place_of(context: Context, job: Job) -> Place:
    """Return what proposals of a checkout are made on.

    Raises:
        UserError: recipes are not as they were committed, and would go into proposals.
    """
    checkout = Checkout(context.project)
    start = checkout.commit_of("HEAD")
    if changed := [
        path for path in checkout.changed_since(start) if path.startswith(f"{RECIPES}/")
    ]:
        raise UserError(
            f"{changed[0]} is not as it was committed, and would go into merge requests",
            hint="commit it, or take it back with: git stash",
        )
    return Place(start, checkout.inside(), job.default_branch)


def propose(proposal: Proposal, place: Place, gitlab: Gitlab) -> Posted:
    """Let a proposal have its branch and its merge request, and return that.

    Raises:
        BranchOfOthers: somebody else has committed to the branch: it and its merge request are left alone.
        GitlabFailed: GitLab does not do what it is asked; what it did before stays.
    """
    files = {f"{place.inside}{path}": text for path, text in proposal.files.items()}
    gitlab.put_commit(Commit(proposal.branch, place.start, proposal.message, files))
    return gitlab.put_merge_request(
        proposal.text,
        branch=proposal.branch,
        target=place.target,
        marker=proposal.marker,
        assignees=proposal.assignees,
    )
