# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of updates in GitLab: each a branch and a merge request that is opened once.

- One that is open and says what it should is left as it is, so that nobody reviews it twice.
- One that somebody has closed is not opened again for the same versions.
- A branch with a commit of somebody else is left alone, and so is its merge request.
- One whose packages have no update any more is closed, and its branch deleted.
- At most so many are open at a time; the others wait for a later run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import UserError
from pansoft.ci import proposals
from pansoft.ci.gitlab import BranchOfOthers, Gitlab, GitlabFailed, How, MergeRequest
from pansoft.ci.proposals import Place, Proposal
from pansoft.ci.updates import making, text
from pansoft.ci.updates.bundles import BRANCHES, Bundle
from pansoft.ci.updates.making import Made
from pansoft.ci.updates.outcome import Became, Outcome, failed, steps_of
from pansoft.context import Context

_CLOSED = "<!-- pansoft:update-closed -->"


@dataclass(frozen=True, slots=True)
class Terms:
    """How updates are proposed.

    `place` is what they are made on; at most `most` are open at a time. `test` is whether they are
    built and tested first; `is_all` says that every package was looked at, so what has no update any more
    is closed, except where nobody knows, which is the case for the packages `unsure`.
    """

    place: Place
    most: int
    test: bool
    is_all: bool
    unsure: frozenset[str]
    at: datetime


def propose(
    context: Context, bundles: Sequence[Bundle], terms: Terms, *, gitlab: Gitlab
) -> tuple[Outcome, ...]:
    """Let every bundle have its merge request, and return what became of each.

    Raises:
        GitlabFailed: GitLab does not do what it is asked; what it did before stays.
    """
    ours = [
        request
        for request in gitlab.own_merge_requests(beginning=text.MARKER)
        if request.branch.startswith(BRANCHES)
    ]
    open_now = {request.branch: request for request in ours if request.is_open}
    dismissed = frozenset(
        version
        for request in ours
        if request.is_dismissed
        for version in text.versions_in(request.description)
    )
    outcomes: list[Outcome] = []
    left: list[Bundle] = []
    for bundle in bundles:
        refused = tuple(each for each in bundle.wanted if each.version in dismissed)
        outcomes += [Outcome(each.name, Became.DISMISSED, steps_of([each])) for each in refused]
        rest = tuple(each for each in bundle.wanted if each not in refused)
        left += [replace(bundle, wanted=rest)] if rest else []
    if terms.is_all:
        outcomes += _close(open_now, {bundle.branch for bundle in left}, terms, gitlab)
    for bundle in left:
        if bundle.branch not in open_now and len(open_now) >= terms.most:
            outcomes.append(Outcome(bundle.name, Became.WAITING, steps_of(bundle.wanted)))
            continue
        for outcome in _put(context, bundle, open_now.get(bundle.branch), terms, gitlab):
            outcomes.append(outcome)
            if outcome.became is Became.OPENED:
                open_now[bundle.branch] = MergeRequest(0, bundle.branch, "", True, False)
    return tuple(outcomes)


def _close(
    open_now: dict[str, MergeRequest], wanted: set[str], terms: Terms, gitlab: Gitlab
) -> Iterator[Outcome]:
    """Close what has no update any more, unless somebody else works on it."""
    for branch in sorted(open_now.keys() - wanted):
        request, name = open_now[branch], branch.removeprefix(BRANCHES)
        if not terms.unsure.isdisjoint(each for each, _ in text.versions_in(request.description)):
            continue
        if not gitlab.delete_branch(branch, start=terms.place.start):
            why = f"the branch {branch} has commits of others"
            yield Outcome(name, Became.TAKEN, why=why, link=request.link)
            continue
        said = f"{_CLOSED}\n\nClosed: there is nothing left to update, or it is held by now.\n"
        gitlab.close_merge_request(request.number, said, marker=_CLOSED)
        del open_now[branch]
        yield Outcome(name, Became.CLOSED, link=request.link)


def _put(
    context: Context, bundle: Bundle, request: MergeRequest | None, terms: Terms, gitlab: Gitlab
) -> Iterator[Outcome]:
    """Let one bundle have its merge request."""
    if request is not None and _stands(context, bundle, request, terms, gitlab):
        yield Outcome(bundle.name, Became.UNCHANGED, steps_of(bundle.wanted), link=request.link)
        return
    made: list[Made] = []
    for wanted in bundle.wanted:
        try:
            made.append(making.make(context, wanted, at=terms.at, test=terms.test))
        except UserError as err:
            yield failed(wanted, making.words_of(err))
    if not made:
        return
    said = text.text_of(bundle, made)
    proposal = Proposal(
        bundle.branch,
        f"recipes: {said.title.removeprefix('Draft: ')}\n",
        {path: content for each in made for path, content in each.files},
        said,
        text.marker_of(bundle),
    )
    told = Outcome(
        bundle.name,
        Became.UPDATED,
        steps_of([each.wanted for each in made]),
        changes=tuple(change for each in made for change in each.changes),
        passed=_passed(made),
    )
    try:
        posted = proposals.propose(proposal, terms.place, gitlab)
    except BranchOfOthers as err:
        yield replace(told, became=Became.TAKEN, why=err.message, changes=(), passed=None)
        return
    became = Became.OPENED if posted.how is How.CREATED else Became.UPDATED
    yield replace(told, became=became, link=posted.link)


def _stands(
    context: Context, bundle: Bundle, request: MergeRequest, terms: Terms, gitlab: Gitlab
) -> bool:
    """Return whether an open merge request has just these versions, in files that are still good."""
    if text.versions_in(request.description) != {each.version for each in bundle.wanted}:
        return False
    for wanted in bundle.wanted:
        recipe, lock = (
            gitlab.text_of(f"{terms.place.inside}{path}", branch=bundle.branch)
            for path in making.paths_of(wanted)
        )
        try:
            if not making.fits(context, wanted, recipe_text=recipe, lock=lock):
                return False
        except GitlabFailed:
            raise
        except UserError:  # told when it is made
            return False
    return True


def _passed(made: Sequence[Made]) -> bool | None:
    trials = [each.trial for each in made if each.trial is not None]
    return all(trial.passed for trial in trials) if trials else None
