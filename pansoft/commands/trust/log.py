# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust log`: what was decided, and that nobody has changed it since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from builder.state import State
from catalog.entry import CatalogEntry
from core.canonical import Json, readable_json
from core.errors import Refused, UserError
from pansoft import clock, decisions
from pansoft.context import Context
from pansoft.days import moment_of
from pansoft.log_sources import LogSource, log_source
from trust.codec import to_json
from trust.decisions import memory, waiting
from trust.decisions.chain import Link
from trust.decisions.decision import Decision, Kind
from trust.decisions.log import Log, check_holds, read_log
from trust.keys import local_policy
from trust.policy import TrustPolicy, load_policy


@dataclass(frozen=True, slots=True)
class Compared:
    """The log beside what is published: versions that it does not know, and those older than it."""

    agreeing: int
    older: int
    unknown: tuple[str, ...]


@click.command()
@click.option("--verify", is_flag=True, help="Compare it with every published version as well.")
@click.option("--since", "day", metavar="DATE", help="Only what was logged since (YYYY-MM-DD).")
@click.option("--package", help="Only what is about this package.")
@click.option(
    "--source",
    help="A mount, or the folder or address of a repository, instead of the site's own.",
)
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public key of the repository at an address, by default that of the site's.",
)
@click.option("--fqrn", help="The repository's name, by default the end of SOURCE.")
@click.option(
    "--policy",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Another policy folder than the project's: whose keys may sign the log.",
)
@click.option(
    "--expect", metavar="SHA256", help="Refuse a log that does not hold the entry with this hash."
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def log(
    context: Context,
    *,
    verify: bool,
    day: str | None,
    package: str | None,
    source: str | None,
    public_key: Path | None,
    fqrn: str | None,
    policy: Path | None,
    expect: str | None,
    as_json: bool,
) -> None:
    """Show what was decided about packages: signed, published, refused, waived, approved.

    The chain of entries is checked each time, and that it continues what this machine saw of it
    before: an entry that was altered, removed or moved is named, and refused (exit 3).

    Example: pansoft trust log --package hdf5-tools
    """
    state, at = State(context.state), clock.now()
    since = moment_of(day) if day else None
    trusted = load_policy(policy or context.policy, local=local_policy(context.state))
    with log_source(state, source, public_key=public_key, fqrn=fqrn, at=at) as place:
        found = _checked(place, trusted, state, expect)
        compared = _compare(found, place.entries()) if verify else None
    waits = waiting.waiting(state.decisions) if source is None else ()
    shown = [
        link
        for link in found.links
        if (since is None or link.entry.logged >= since) and _is_about(link.entry.decision, package)
    ]
    if as_json:
        click.echo(readable_json(_json(found, trusted, shown, waits, compared)), nl=False)
    else:
        click.echo("\n".join(_lines(found, trusted, shown, waits, compared)))
    decisions.check_signed(found)
    if compared is not None and compared.unknown:
        raise Refused(
            f"published, and not in the log: {', '.join(compared.unknown)}",
            hint="it came into the repository by another way than pansoft apply",
        )
    _remember(context, state, place, found)


def _checked(place: LogSource, policy: TrustPolicy, state: State, expect: str | None) -> Log:
    """Return the log, whole and continuing what was seen.

    Raises:
        BrokenLog: it is not.
        UserError: there is none.
    """
    found = read_log(place.read, public_keys=policy.public_keys, repository=place.repository)
    repository = found.repository if found else place.repository
    if repository is not None:
        name = memory.name_of(repository, place.public_key)
        memory.check_continues(memory.remembered(state.seen_logs, name), found)
    if found is None:
        raise UserError(
            "the repository holds no decision log yet", hint="it begins with: pansoft apply"
        )
    if expect is not None:
        check_holds(found, expect.lower())
    return found


def _remember(context: Context, state: State, place: LogSource, found: Log) -> None:
    """Keep the head that was seen, where the state can be written to."""
    try:
        name = memory.name_of(found.repository, place.public_key)
        memory.remember(state.seen_logs, name, found.head)
    except OSError as err:
        context.console.say(f"the head is not remembered: {err.strerror}")


def _compare(found: Log, entries: Sequence[CatalogEntry]) -> Compared:
    """Look for every published version in the log, by name, version and plan."""
    decided = {
        (each.subject, each.plan)
        for each in (link.entry.decision for link in found.links)
        if each.kind is Kind.PUBLISH and each.accepted
    }
    began = to_json(found.links[0].entry.logged)
    missing = [e for e in entries if (f"{e.name} {e.version}", e.plan) not in decided]
    unknown = tuple(f"{e.name} {e.version}" for e in missing if e.published >= str(began))
    return Compared(len(entries) - len(missing), len(missing) - len(unknown), unknown)


def _is_about(decision: Decision, package: str | None) -> bool:
    return package is None or package in decision.subject.split()


def _lines(
    found: Log,
    policy: TrustPolicy,
    shown: Sequence[Link],
    waits: Sequence[Decision],
    compared: Compared | None,
) -> Iterator[str]:
    for link in shown:
        yield f"{link.entry.sequence:>5}  {_line(link.entry.decision)}"
    for decision in waits:
        yield f"    -  {_line(decision)}  (waits to be published)"
    head = found.head
    yield (
        f"{found.repository}: {head.entries} entries in a whole chain, the last logged "
        f"{head.at:%Y-%m-%d %H:%M} UTC, sha256 {head.last}"
    )
    yield f"head signed by {_signed_by(found, policy)}"
    if compared is not None:
        older = f", {compared.older} older than the log" if compared.older else ""
        yield f"published versions: {compared.agreeing} as logged{older}"


def _line(decision: Decision) -> str:
    answer = "yes" if decision.accepted else "NO"
    said = [f"{decision.at:%Y-%m-%d %H:%M}  {decision.kind:<8} {answer:<3}  {decision.subject}"]
    if decision.refused:
        said.append(f"refused by {', '.join(decision.refused)}")
    if decision.waivers:
        said.append(f"waiver {', '.join(each[:12] for each in decision.waivers)}")
    if decision.note:
        said.append(decision.note)
    if decision.who:
        said.append(f"by {decision.who}")
    return "  ".join(said)


def _signed_by(found: Log, policy: TrustPolicy) -> str:
    signature = found.signed.signature
    if signature is None:
        return f"nobody whom the policy lists: {found.signed.said}"
    signer = policy.signer(signature.fingerprint)
    name = signer.name if signer else "a key of the policy"
    gone = "" if signer and signer.signs_new(clock.now()) else ", whose key signs nothing new today"
    return f"{name} ({signature.fingerprint}) on {signature.made:%Y-%m-%d %H:%M:%S} UTC{gone}"


def _json(
    found: Log,
    policy: TrustPolicy,
    shown: Sequence[Link],
    waits: Sequence[Decision],
    compared: Compared | None,
) -> dict[str, Json]:
    signature = found.signed.signature
    answer: dict[str, Json] = {
        "schema": 1,
        "repository": found.repository,
        "head": {
            "entries": found.head.entries,
            "last": found.head.last,
            "at": to_json(found.head.at),
            "signed": signature is not None,
            "signer": signature.fingerprint if signature else None,
            "said": _signed_by(found, policy),
        },
        "entries": [{**_object(link.entry), "sha256": link.hash} for link in shown],
        "waiting": [to_json(each) for each in waits],
    }
    if compared is not None:
        answer["published"] = {
            "as_logged": compared.agreeing,
            "older_than_the_log": compared.older,
            "not_in_the_log": list(compared.unknown),
        }
    return answer


def _object(value: object) -> dict[str, Json]:
    said = to_json(value)
    assert isinstance(said, dict)  # noqa: S101 - for mypy: a dataclass becomes an object
    return said
