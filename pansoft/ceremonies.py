# SPDX-License-Identifier: BSD-3-Clause
"""The ceremonies of the federation, for people who do one a year: propose, read, sign, in force.

A change is proposed into the project's folder and travels by git; each facility reads what it will do and
signs with its own key. The last signature puts all of it in force at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from builder.state import State
from core.canonical import Json, readable_json
from core.errors import EXIT_DONE, UserError
from pansoft import clock, federation
from pansoft.context import Context
from pansoft.federation import agreed_of, folder_of
from trust.federation import ceremony, changes, documents, known_roots, rules
from trust.federation.ceremony import Need
from trust.federation.charter import Charter
from trust.federation.documents import Agreed, Proposal
from trust.federation.keys import open_signer


def change(
    context: Context,
    edit: Callable[[Charter], Charter],
    *,
    why: str,
    weaken: str | None = None,
    renew: bool = False,
    as_json: bool = False,
) -> None:
    """Propose a changed charter, and show what it does and who has to sign.

    Raises:
        Refused: no facility should sign it; nothing was written.
        UserError: something else is proposed already, or there is no federation.
    """
    agreed, at = agreed_of(context.policy), clock.now()
    after = edit(rules.charter_of(agreed))
    made = ceremony.propose(agreed, after, at=at, why=why, weaken=weaken, renew=renew)
    propose(context, agreed, made, at=at, as_json=as_json)


def propose(
    context: Context,
    agreed: Agreed | None,
    proposal: Proposal,
    *,
    at: datetime,
    as_json: bool = False,
) -> None:
    """Write a proposal, if it is one that may be signed, and show it."""
    folder = folder_of(context.policy)
    if documents.load_proposal(folder) is not None:
        raise UserError(
            "something else is proposed already, and not signed by all",
            hint="read and sign it, or take it back: pansoft trust sign-metadata --withdraw",
        )
    rules.check(agreed, proposal, at=at)
    documents.write_proposal(folder, proposal)
    show(agreed, proposal, as_json=as_json)


def sign(
    context: Context, key: Path, *, passphrase_file: Path | None, expect: str, as_json: bool = False
) -> None:
    """Sign what is proposed; with the last signature that is needed it is in force.

    Raises:
        Refused: it is another proposal than the one that was read, none that may be signed, or it stands
            on another history than the one that was signed here before.
        UserError: nothing is proposed, or the key has no say in it.
    """
    folder = folder_of(context.policy)
    agreed, proposal = _waiting(folder)
    seen = federation.known_roots(State(context.state))
    if agreed is not None:
        known_roots.check(seen, agreed)
    signer = open_signer(key, passphrase_file=passphrase_file)
    signed = ceremony.sign(agreed, proposal, signer, expect=expect, at=clock.now())
    if agreed is not None:
        known_roots.remember(seen, agreed)
    if ceremony.is_complete(agreed, signed):
        in_force = documents.put_in_force(folder, signed)
        _say_in_force(signed, in_force, as_json=as_json)
        return
    documents.write_proposal(folder, signed)
    show(agreed, signed, as_json=as_json)


def read(context: Context, *, as_json: bool = False) -> None:
    """Show what is proposed and who has to sign; nothing is signed.

    Raises:
        Refused: it is none that may be signed.
        UserError: nothing is proposed.
    """
    agreed, proposal = _waiting(folder_of(context.policy))
    rules.check(agreed, proposal, at=clock.now())
    show(agreed, proposal, as_json=as_json)


def show(agreed: Agreed | None, proposal: Proposal, *, as_json: bool) -> None:
    """Print what a proposal changes, who has signed, who has to, and how."""
    needs = ceremony.needs(agreed, proposal)
    words = changes.in_words(agreed, proposal)
    afterwards = changes.afterwards(agreed, proposal)
    if as_json:
        answer: dict[str, Json] = {
            "proposal": proposal.id,
            "in_force": False,
            "changes": list(words),
            "afterwards": list(afterwards),
            "needs": [need_json(need) for need in needs],
        }
        click.echo(readable_json(answer), nl=False)
        return
    click.echo("what is proposed:")
    for each in words:
        click.echo(f"  {each}")
    click.echo("who has which say then:")
    for each in afterwards:
        click.echo(f"  {each}")
    click.echo("who signs:")
    for line in need_lines(needs):
        click.echo(f"  {line}")
    click.echo("each of them, having read this:")
    click.echo(f"  pansoft trust sign-metadata --key FILE --expect {proposal.id}")


def need_lines(needs: tuple[Need, ...]) -> tuple[str, ...]:
    """Return, a line each, how many signatures a document has and who may still sign."""
    return tuple(
        f"{need.role} {need.version}, by {need.by}: {len(need.signed)} of {need.threshold}"
        + (f", signed by {', '.join(need.signed)}" if need.signed else "")
        + ("" if need.is_met else f"; still {need.threshold - len(need.signed)} of ")
        + ("" if need.is_met else ", ".join(need.missing))
        for need in needs
    )


def need_json(need: Need) -> Json:
    """Return the JSON of a need."""
    return {
        "role": need.role,
        "version": need.version,
        "by": need.by,
        "threshold": need.threshold,
        "signed": list(need.signed),
        "missing": list(need.missing),
    }


def finish(folder: Path) -> int:
    """Take back what is proposed and return the exit status."""
    documents.withdraw(folder)
    click.echo("the proposal is taken back; what is in force is as it was")
    return EXIT_DONE


def _waiting(folder: Path) -> tuple[Agreed | None, Proposal]:
    proposal = documents.load_proposal(folder)
    if proposal is None:
        raise UserError("nothing is proposed", hint="pansoft trust status shows what is in force")
    return documents.load_agreed(folder), proposal


def _say_in_force(proposal: Proposal, agreed: Agreed, *, as_json: bool) -> None:
    roles = [f"{role} {each.signed.version}" for role, each in proposal.documents.items()]
    if as_json:
        answer: dict[str, Json] = {
            "proposal": proposal.id,
            "in_force": True,
            "roles": list(roles),
            "root": agreed.root.version,
        }
        click.echo(readable_json(answer), nl=False)
        return
    click.echo(f"in force: {', '.join(roles)}")
    click.echo("commit trust-policy/federation; the next pansoft apply publishes it to all sites")
