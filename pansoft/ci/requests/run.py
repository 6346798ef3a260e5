# SPDX-License-Identifier: BSD-3-Clause
"""One run of requests: read the issues, and make of each what is asked for.

- An issue that has its merge request is not done again. While its form is edited and nobody else commits to
  the branch, the merge request follows; one that was merged or closed is not opened again.
- An issue is told in one note what became of it. What was said of a form is not looked up again for the same
  form.
- Confidential issues are left alone: a merge request would show their text to everybody.
- At most so many issues are answered or become merge requests in a run; the others wait for a later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from builder.recipes.recipe import Recipe
from core.errors import InvalidInput, UserError
from core.files import write_atomic
from pansoft import workspace
from pansoft.ci.gitlab import BranchOfOthers, Gitlab, How, Issue, MergeRequest
from pansoft.ci.job import Job
from pansoft.ci.posting import login_of
from pansoft.ci.proposals import Place, Proposal, place_of, propose
from pansoft.ci.requests import answers, credit, making, text
from pansoft.ci.requests.answers import INCOMPLETE, Answer
from pansoft.ci.requests.form import MARK, NAME_THERE, Fault, Form, read
from pansoft.ci.requests.known import standing
from pansoft.ci.requests.making import Made, NotThere
from pansoft.ci.requests.outcome import Became, Outcome
from pansoft.context import Context

_STATES = ("opened", "closed", "merged")


def look(context: Context, job: Job) -> tuple[Outcome, ...]:
    """Return what open issues ask for; nothing is made, looked up or written.

    Raises:
        UserError: GitLab cannot be asked.
    """
    recipes = workspace.recipes_named(context, ())
    return tuple(_looked(issue, recipes) for issue in _issues(Gitlab(login_of(job))))


def _looked(issue: Issue, recipes: Sequence[Recipe]) -> Outcome:
    reading = read(issue.text)
    if reading.form is None:
        return Outcome(issue.number, Became.INCOMPLETE, why=_words(reading.faults))
    known = standing(reading.form, recipes)
    became = Became.FOUND if known is None else Became.KNOWN
    return Outcome(issue.number, became, known.name if known else reading.form.name)


def write(context: Context, content: str, *, at: datetime) -> Outcome:
    """Let the checkout have the recipe that a form asks for.

    Raises:
        UserError: the package cannot be looked for.
    """
    reading = read(content)
    if reading.form is None:
        return Outcome(None, Became.INCOMPLETE, why=_words(reading.faults))
    form = reading.form
    known = standing(form, workspace.recipes_named(context, ()))
    if known is not None:
        return Outcome(None, Became.KNOWN, known.name)
    try:
        made = _make(context, form, author=None, at=at)
    except NotThere as err:
        return Outcome(None, Became.INCOMPLETE, form.name, why=_words([err.fault]))
    for path, written in made.files:
        write_atomic(context.project / path, written)
    return Outcome(None, Became.WRITTEN, form.name, left=made.left)


def post(context: Context, job: Job, *, most: int, at: datetime) -> Iterator[Outcome]:
    """Let every issue have its merge request, or its answer, and yield what became of each.

    Args:
        context: the project and where its run state is.
        job: where merge requests go.
        most: how many issues are answered or become merge requests; the others wait.
        at: the time, of package lists.

    Raises:
        UserError: the checkout is not as it was committed, or GitLab does not do what it is asked.
    """
    place = place_of(context, job)
    gitlab = Gitlab(login_of(job))
    desk = _Desk(context, gitlab, place, job.server or "", most=most, at=at)
    for issue in _issues(gitlab):
        yield desk.serve(issue)


def _issues(gitlab: Gitlab) -> tuple[Issue, ...]:
    found = gitlab.open_issues(label=text.LABEL, words=MARK)
    return tuple(issue for issue in found if issue.is_public)


class _Desk:
    """Where issues are served one after the other, until enough was done."""

    def __init__(
        self,
        context: Context,
        gitlab: Gitlab,
        place: Place,
        server: str,
        *,
        most: int,
        at: datetime,
    ) -> None:
        self._context = context
        self._gitlab = gitlab
        self._place = place
        self._server = server
        self._at = at
        self._left = most
        self._recipes = workspace.recipes_named(context, ())
        found = gitlab.own_merge_requests(beginning=text.MARKER, states=_STATES)
        self._open = {each.branch: each for each in found if each.is_open}
        self._ended = {each.branch for each in found if not each.is_open}
        self._asked = dict(_asked(self._open.values()))

    def serve(self, issue: Issue) -> Outcome:
        """Let an issue have what it asks for, or be told why not."""
        branch = text.branch_of(issue.number)
        request = self._open.get(branch)
        if request is None and branch in self._ended:
            return Outcome(issue.number, Became.ENDED)
        reading = read(issue.text)
        form = reading.form
        if form is None:
            told = Outcome(issue.number, Became.INCOMPLETE, why=_words(reading.faults))
            return self._tell(issue, answers.wrong(reading.faults), told)
        if request is not None and text.form_in(request.description) == (form.digest, form.name):
            told = Outcome(issue.number, Became.UNCHANGED, form.name, link=request.link)
            return self._tell(issue, answers.is_made(request.number, form.name), told)
        known = standing(form, self._recipes)
        if known is not None:
            told = Outcome(issue.number, Became.KNOWN, known.name)
            return self._tell(issue, answers.is_known(known, issue, self._place.target), told)
        other = self._asked.get(form.name)
        if other is not None and (request is None or other != request.number):
            told = Outcome(issue.number, Became.ASKED, form.name)
            return self._tell(issue, answers.is_asked_for(form.name, other), told)
        return self._put(issue, form, request)

    def _put(self, issue: Issue, form: Form, request: MergeRequest | None) -> Outcome:
        """Let an issue have its merge request."""
        note = self._gitlab.note_of_issue(issue.number, marker=answers.MARKER)
        if note is not None and text.form_in(note) == (form.digest, form.name):
            became = Became.INCOMPLETE if INCOMPLETE in issue.labels else Became.TAKEN
            return Outcome(issue.number, became, form.name)
        if not self._left:
            return Outcome(issue.number, Became.WAITING, form.name)
        self._left -= 1
        try:
            author = credit.name_of(issue.author)
            made = _make(self._context, form, author=author, at=self._at)
        except NotThere as err:
            told = Outcome(issue.number, Became.INCOMPLETE, form.name, why=_words([err.fault]))
            return self._tell(issue, answers.not_there(form, err.fault), told, is_paid=True)
        except UserError as err:
            why = (err.message, *([err.hint] if err.hint else []))
            return Outcome(issue.number, Became.FAILED, form.name, why=why)
        if made.no_lock is not None:
            self._context.console.say(f"#{issue.number} {form.name}: no lock: {made.no_lock}")
        return self._propose(issue, made, request)

    def _propose(self, issue: Issue, made: Made, request: MergeRequest | None) -> Outcome:
        name = made.form.name
        proposal = Proposal(
            text.branch_of(issue.number),
            text.message_of(issue, made, self._server),
            dict(made.files),
            text.text_of(issue, made),
            text.marker_of(issue.number),
            assignees=(issue.author.id,),
        )
        try:
            posted = propose(proposal, self._place, self._gitlab)
        except BranchOfOthers:
            number = request.number if request else None
            told = Outcome(issue.number, Became.TAKEN, name, link=request.link if request else None)
            return self._tell(issue, answers.is_taken(made.form, number), told, is_paid=True)
        became = Became.OPENED if posted.how is How.CREATED else Became.UPDATED
        self._asked[name] = posted.number
        told = Outcome(issue.number, became, name, link=posted.link, left=made.left)
        return self._tell(issue, answers.is_made(posted.number, name), told, is_paid=True)

    def _tell(
        self, issue: Issue, answer: Answer, told: Outcome, *, is_paid: bool = False
    ) -> Outcome:
        """Let an issue have the answer in its note, and its labels."""
        note = self._gitlab.note_of_issue(issue.number, marker=answers.MARKER)
        is_said = note is not None and note.strip() == answer.body.strip()
        wanted = {text.LABEL, *([INCOMPLETE] if answer.is_incomplete else [])}
        add = sorted(wanted - set(issue.labels))
        remove = [INCOMPLETE] if INCOMPLETE in set(issue.labels) - wanted else []
        if is_said and not add and not remove:
            return told
        if not is_paid:
            if not self._left:
                return Outcome(issue.number, Became.WAITING, told.name)
            self._left -= 1
        # the labels last: what is not labelled yet is told again
        self._gitlab.put_issue_note(issue.number, answer.body, marker=answers.MARKER)
        if add or remove:
            self._gitlab.set_issue_labels(issue.number, add=add, remove=remove)
        return told


def _make(context: Context, form: Form, *, author: str | None, at: datetime) -> Made:
    """Return what a form becomes.

    Raises:
        NotThere: there is no such package, or it takes a packager.
        UserError: it cannot be looked for.
    """
    try:
        return making.make(context, form, author=author, at=at)
    except InvalidInput as err:
        for problem in err.problems:
            context.console.say(f"{form.name}: {problem.rule}: {problem.message}")
        said = "what the package says of itself makes no recipe: a packager has to look at it"
        raise NotThere(Fault(NAME_THERE, said)) from err


def _asked(requests: Iterable[MergeRequest]) -> Iterator[tuple[str, int]]:
    """Yield the packages that open merge requests add, with their numbers."""
    for request in requests:
        found = text.form_in(request.description)
        if found is not None:
            yield found[1], request.number


def _words(faults: Sequence[Fault]) -> tuple[str, ...]:
    """Return what is wrong, without what the author of the form wrote."""
    return tuple(": ".join(filter(None, (fault.heading, fault.said))) for fault in faults)
