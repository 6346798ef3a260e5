# SPDX-License-Identifier: BSD-3-Clause
"""The loop that makes the repository equal to git: build, test, sign and publish what is not yet.

Every stage keeps its result under the plan's id, so a run that was killed goes on where it was and
a second run does nothing. A package that fails does not hold the others back, and is reported.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from builder import sign
from builder.evidence.gather import build_facts, gather
from builder.evidence.origin import origin_of
from builder.executors.executor import BaseDone, Executor, Failed, PackageDone, named
from builder.executors.local import Local
from builder.images.build import build
from builder.images.build_user import BuildUser
from builder.images.built import Built
from builder.recipes.recipe import Delivery, Recipe
from builder.sign_tree import sign_tree
from builder.stages import SignedImage, SignedTree, TestReport
from builder.state import State
from builder.testing import reports
from builder.testing.run import known_report, test_image
from core.console import Board, Console
from core.errors import UserError
from core.event_log import EventLog, Note
from core.events import Result, Stage
from core.files import identity_of, shared_lock
from pansoft import journal, planning, publish, published, target, workspace
from pansoft.consent import Consent, consent_in, tell
from pansoft.context import Context
from pansoft.holding import held_after
from pansoft.identity import publisher_of
from pansoft.journal import Journal
from pansoft.planning import Blocked, Planned, Planning, Status
from pansoft.provenance import provenance_of
from pansoft.publish import Candidate, Outcome
from pansoft.retiring import Retiring
from pansoft.shipping import KEPT, LOAD, Shipping
from pansoft.shown import Shown, check_shown, unseen
from trust.codec import to_json
from trust.decisions.decision import pgp
from trust.evidence import Purpose
from trust.keys import SigningKey, local_key, local_policy
from trust.policy import TrustPolicy, load_policy


@dataclass(frozen=True, slots=True)
class Failure:
    """A package that could not be brought along: at which stage, and why."""

    name: str
    stage: str
    error: UserError


@dataclass(frozen=True, slots=True)
class Brought:
    """A package that is ready to be published; `fresh` is whether it was built just now.

    `seconds` is what its build took, where that is known.
    """

    candidate: Candidate
    fresh: bool
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LoopReport:
    """What the loop did; `outcome` is None where there was nothing to publish into.

    `for_sites` are the packages that only a site with a licence of its own can install, `retired` those
    that git has retired.
    """

    planned: tuple[Planned, ...]
    brought: tuple[Brought, ...]
    failures: tuple[Failure, ...]
    outcome: Outcome | None
    for_sites: tuple[Blocked, ...] = ()
    retired: tuple[Blocked, ...] = ()


def apply(
    context: Context,
    recipes: Sequence[Recipe],
    *,
    at: datetime,
    jobs: int,
    executor: Executor | None = None,
    key: SigningKey | None = None,
    identity_file: Path | None = None,
    shown: Shown | None = None,
    load: int = LOAD,
    kept: int = KEPT,
) -> LoopReport:
    """Bring every recipe into the repository that is not there yet.

    Args:
        context: the project and its state.
        recipes: what to bring.
        at: the time that the policy is asked for.
        jobs: how many packages are built, tested and signed at once.
        executor: who builds; this machine where it is left out.
        key: signs; the local key where it is left out.
        identity_file: holds the token of whoever publishes, where no variable does.
        shown: what merge requests showed of images; another image of the same plan is not published, and
            packages that none showed are named.
        load: bytes of signed images that are published together.
        kept: bytes that published images may take in the state folder.

    Raises:
        UserError: the machine cannot build at all. What one package lacks is in the report.
    """
    state, user = workspace.state_of(context), workspace.builder_of(context)
    events = context.events
    with events.stage(Stage.PLAN):
        todo = planning.plan(context, recipes, at=at)
    _tell_planned(todo, events)
    wanted = [item for item in todo.planned if item.status in planning.UNPUBLISHED]
    if shown is not None and (line := unseen([item.plan for item in wanted], shown)):
        context.console.say(line)
    shown = shown or Shown()
    for item in wanted:
        if doubt := shown.doubt(item.plan):
            context.console.say(f"warning: {doubt}")
    key = key or local_key(state.folder)  # lists itself, so it comes before the policy is read
    policy = policy_of(context, state)
    consent = consent_in(
        context.policy,
        policy,
        at=at,
        recipes=recipes,
        publisher=publisher_of(
            policy, state, repository=target.fqrn(state), file=identity_file, at=at
        ),
    )
    tell(consent, context.console)
    unbuilt = [item.plan for item in wanted if item.status is Status.NEW]
    failures = [Failure(item.recipe.key, "plan", item.error) for item in todo.blocked]
    maker = Maker(context, state, user, policy, key, context.console, at, consent, shown)
    executor = executor or Local(state, user, context.console, jobs, events=events)
    book = Journal(state.journal, at, context.console.say)
    publish_all = partial(
        publish.publish,
        state=state,
        policy=policy,
        policy_folder=context.policy,
        key=key,
        held=held_after(state, recipes, todo.for_sites, at=at),
        retiring=Retiring(tuple(recipes)),
        promoting=tuple((item.recipe, item.plan.id) for item in todo.planned),
        lost=todo.lost,
        at=at,
        consent=consent,
    )
    shipping = Shipping(
        _noted(book, publish_all),
        state,
        user,
        context.console,
        load=load,
        kept=kept,
        events=events,
    )
    by_plan = {item.plan.id: item for item in wanted}
    with (
        _begun(book, context, state, consent, key, todo, at=at) as end,
        shared_lock(state.in_use),
        context.console.board("apply", len(wanted)) as board,
        concurrent.futures.ThreadPoolExecutor(jobs) as pool,
    ):
        way = _Way(pool, maker, board, shipping, failures)
        for item in wanted:
            if item.status is Status.BUILT:
                way.bring(item, None)
        for ended in executor.run(unbuilt):
            match ended:
                case Failed(plan=plan, stage=stage, error=error):
                    way.failed(Failure(plan.key, stage, error))
                case PackageDone(plan=plan, built=made):
                    way.bring(by_plan[plan.id], made)
                case BaseDone():
                    pass  # nobody asked for a base
            way.wait(jobs)
        way.wait(0)
        outcome = shipping.end() if way.brought or target.exists(state) else None
        _note_end(end, failures, outcome)
    return LoopReport(
        todo.planned, tuple(way.brought), tuple(failures), outcome, todo.for_sites, todo.retired
    )


def _begun(
    book: Journal,
    context: Context,
    state: State,
    consent: Consent,
    key: SigningKey,
    todo: Planning,
    *,
    at: datetime,
) -> contextlib.AbstractContextManager[journal.Ending]:
    """Record what this run sets out to do, and who it is."""
    origin = origin_of(context.project, [context.recipes, context.policy])
    lines = planning.lines(todo)
    return book.begun(
        trace=context.events.trace,
        by=consent.publisher.by if consent.publisher else pgp(key.fingerprint),
        commit=origin.commit,
        changed=origin.changed,
        revision=published.revision_in(state, at=at),
        todo=[
            journal.Package(line.name, line.version, line.status, line.plan)
            for line in lines
            if line.status in planning.TODO
        ],
        committed=_committed_at(context.project, origin.commit) if origin.commit else None,
    )


def _committed_at(project: Path, commit: str) -> str | None:
    """Return when a commit was made; None where git does not say, for which nobody's work stops."""
    # imported here: what reads git is slow to load, and --help does not wait for it
    from pansoft.checkout import Checkout
    from pansoft.forward import committed_at

    try:
        return committed_at(Checkout(project), commit)
    except UserError:
        return None


def _noted(
    book: Journal, publish_all: Callable[[Sequence[Candidate]], Outcome]
) -> Callable[[Sequence[Candidate]], Outcome]:
    """Return how packages are published so that the journal tells of it, before and after."""

    def publish_noted(candidates: Sequence[Candidate]) -> Outcome:
        if candidates:
            book.publishing([f"{each.recipe.name} {each.recipe.version}" for each in candidates])
        outcome = publish_all(candidates)
        if outcome.publication.is_new:
            book.published(
                revision=outcome.publication.revision,
                root=str(outcome.publication.root_hash),
                packages=[
                    *(f"{entry.name} {entry.version}" for entry in outcome.fresh),
                    *(f"{e.name} {e.version} to {e.channel}" for e in outcome.promoted),
                    *(f"{item.name} {item.version} retired" for item in outcome.retired),
                ],
            )
        return outcome

    return publish_noted


def _note_end(end: journal.Ending, failures: Sequence[Failure], outcome: Outcome | None) -> None:
    """Note how the run ended: what failed, and what the policy refused."""
    end.said += [f"{each.name}: {each.stage}: {each.error.message}" for each in failures]
    if failures:
        end.result = journal.Result.FAILED
    if outcome is not None and outcome.refused:
        end.result = journal.Result.REFUSED
        end.said += [
            f"{each.name} {each.version}: the policy refuses it" for each in outcome.refused
        ]


def _tell_planned(todo: Planning, events: EventLog) -> None:
    """Record what cannot be planned, and what was published before."""
    for item in todo.blocked:
        note = Note()
        note.ended_with(item.error)
        events.tell(Stage.PLAN, note, item.recipe.name, item.recipe.version)
    for known in todo.planned:
        if known.status is Status.PUBLISHED:
            events.tell(Stage.PUBLISH, Note(Result.REUSED), *named(known.plan))


@dataclass
class _Way:
    """The packages between their build and the repository: tested and signed in a pool, then shipped."""

    pool: concurrent.futures.ThreadPoolExecutor
    maker: Maker
    board: Board
    shipping: Shipping
    failures: list[Failure]
    brought: list[Brought] = field(default_factory=list)
    _running: set[concurrent.futures.Future[Brought | Failure]] = field(default_factory=set)

    def bring(self, item: Planned, made: Built | None) -> None:
        """Let a package be tested and signed."""
        self._running.add(self.pool.submit(self.maker.bring, item, made))

    def failed(self, failure: Failure) -> None:
        """Note that a package comes no further."""
        self.failures.append(failure)
        self.board.advance(failed=True)

    def wait(self, most: int) -> None:
        """Take what has ended, and wait until at most so many are left: images wait on the disk."""
        self._take({future for future in self._running if future.done()})
        while len(self._running) > most:
            ended, _ = concurrent.futures.wait(
                self._running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            self._take(ended)

    def _take(self, ended: set[concurrent.futures.Future[Brought | Failure]]) -> None:
        self._running -= ended
        for future in ended:
            result = future.result()
            if isinstance(result, Failure):
                self.failed(result)
                continue
            self.brought.append(result)
            self.board.advance()
            self.shipping.add(result.candidate)


def as_json(report: LoopReport) -> dict[str, object]:
    """Return what the loop did as JSON; sizes in bytes."""
    outcome = report.outcome
    return {
        "planned": [
            {"name": item.recipe.name, "version": item.recipe.version, "status": item.status}
            for item in report.planned
        ],
        "built": [item.candidate.recipe.key for item in report.brought if item.fresh],
        "failures": [
            {
                "name": failure.name,
                "stage": failure.stage,
                "message": failure.error.message,
                "hint": failure.error.hint,
            }
            for failure in report.failures
        ],
        "installed_by_sites": [item.recipe.name for item in report.for_sites],
        "retired": [item.recipe.key for item in report.retired],
        "refused": [to_json(verdict) for verdict in outcome.refused] if outcome else [],
        "published": [entry.name for entry in outcome.fresh] if outcome else [],
        "promoted": [entry.name for entry in outcome.promoted] if outcome else [],
        "newly_retired": [item.name for item in outcome.retired] if outcome else [],
        "federation": list(outcome.notes) if outcome else [],
        "revision": outcome.publication.revision if outcome else None,
        "new_bytes": outcome.publication.new_bytes if outcome else 0,
    }


def policy_of(context: Context, state: State) -> TrustPolicy:
    """Return the project's trust policy with the local signers of this state."""
    return load_policy(context.policy, local=local_policy(state.folder))


@dataclass(frozen=True, slots=True)
class Maker:
    """Brings one package from its plan to a signed image; used by several threads at once."""

    context: Context
    state: State
    user: BuildUser
    policy: TrustPolicy
    key: SigningKey
    console: Console
    at: datetime
    consent: Consent
    shown: Shown

    def bring(self, item: Planned, made: Built | None) -> Brought | Failure:
        """Return the signed image of a package, or at which stage it failed.

        Args:
            item: the package.
            made: its image; None where it was built by an earlier run.
        """
        stage, events = "build", self.context.events
        try:
            with self.console.task(item.recipe.key):
                if made is None:
                    with events.stage(Stage.BUILD, *named(item.plan)) as note:
                        made = build(item.plan, self.state, user=self.user, console=self.console)
                        note.bytes = made.image.delta_size if made.fresh else 0
                        note.reused(not made.fresh)
                stage = "compare"
                check_shown(made.image, self.shown)
                stage = "test"
                with events.stage(Stage.TEST, *named(item.plan)) as note:
                    report = self.test(item.recipe, made, note)
                stage = "sign"
                with events.stage(Stage.SIGN, *named(item.plan)) as note:
                    folder = self.state.signed(item.plan.id)
                    before = identity_of(folder)
                    signed = self.sign(item, made, report)
                    tree = self.sign_tree(item, signed)
                    note.reused(before is not None and identity_of(folder) == before)
        except UserError as err:
            self.console.say(f"{item.recipe.key}: {stage} failed")
            return Failure(item.recipe.key, stage, err)
        ready = Candidate(item.recipe, item.plan.id, signed, report, tree)
        return Brought(ready, made.fresh, made.seconds)

    def test(self, recipe: Recipe, made: Built, note: Note) -> TestReport:
        """Return how the recipe's tests go on its image, from an earlier run where there was one."""
        known = known_report(recipe, made.image, self.state)
        if known is not None and known.passed:
            note.reused()
            return known
        report = test_image(recipe, made.image, self.state, user=self.user, console=self.console)
        if failures := reports.failures(report):
            self.console.say(failures)
        if not report.passed:
            note.failed(reports.summary(report))
        return report

    def sign(self, item: Planned, made: Built, report: TestReport) -> SignedImage:
        """Return the signed image, if the policy lets it be signed."""
        provenance = provenance_of(self.context, item.recipe, item.plan, made)
        evidence = gather(
            item.recipe,
            purpose=Purpose.SIGN,
            facts=build_facts(item.plan, made.findings),
            expected_plan=item.plan.id,
            image=made.image,
            findings=made.findings,
            provenance=provenance.facts,
            report=report,
            repository=target.fqrn(self.state),
            bases=[base.name for base in reversed(item.plan.base.layers)],
        )
        return sign.sign(
            made.image,
            evidence=self.consent.about(evidence),
            policy=self.policy,
            key=self.key,
            folder=self.state.signed(item.plan.id),
            at=self.at,
            provenance=provenance,
            journal=self.state.decisions,
        )

    def sign_tree(self, item: Planned, signed: SignedImage) -> SignedTree | None:
        """Return the signed tree of a package that is delivered as one, else None."""
        if item.recipe.delivery is Delivery.IMAGE:
            return None
        return sign_tree(
            signed,
            policy=self.policy,
            key=self.key,
            folder=self.state.tree(item.plan.id),
            user=self.user,
            scratch=self.state.scratch,
            at=self.at,
        )
