# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust`: keys, the policy in force, and why something was accepted or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from builder import sign as signing
from builder.state import State
from core.canonical import Json, readable_json
from core.errors import EXIT_DONE, EXIT_REFUSED, UserError
from pansoft import clock
from pansoft.context import Context
from trust import keys, verdict
from trust.codec import to_json
from trust.gnupg import read_key
from trust.judge import judge
from trust.policy import Origin, Signer, TrustPolicy, load_policy
from trust.rules import RULES

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@click.group("trust")
def trust() -> None:
    """Say whose signatures count, make keys, explain decisions."""


@trust.command("keygen")
@click.argument("name", default=keys.LOCAL_NAME)
@click.option(
    "--local", is_flag=True, help="A key without a passphrase, for this state folder only."
)
@click.option("--holder", help="Who holds the key, as people know them.")
@click.option("--email", help="Of the holder.")
@click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A file with the passphrase, which nobody else can read.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=keys.DEFAULT_VALID_DAYS,
    show_default=True,
    help="Until the key expires.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write the public key; by default keys/ in the project's trust policy.",
)
@_AS_JSON
@click.pass_obj
def keygen(
    context: Context,
    *,
    name: str,
    local: bool,
    holder: str | None,
    email: str | None,
    passphrase_file: Path | None,
    days: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make a PGP key pair for signing images; the private half stays in the state folder.

    With --local the key is trusted at once, in this state folder and for repositories that
    nobody else reads. Any other key counts when trust-policy/policy.yaml lists it.

    Example: pansoft trust keygen --local
    """
    if local:
        key = keys.local_key(context.state)
        info = keys.KeyInfo(
            keys.LOCAL_NAME,
            key.fingerprint,
            keys.local_policy(context.state) / "keys" / f"{keys.LOCAL_NAME}.asc",
            key.folder,
        )
        say = "it has no passphrase and counts in this state folder only, for local repositories"
    else:
        info = _release_key(context, name, holder, email, passphrase_file, days, output)
        say = f"to have it count, propose in trust-policy/policy.yaml:\n{keys.signer_entry(info)}"
    if as_json:
        answer: dict[str, Json] = {
            "fingerprint": info.fingerprint,
            "public_key": str(info.public_key_file),
            "private_folder": str(info.folder),
            "local": local,
        }
        click.echo(readable_json(answer), nl=False)
        return
    click.echo(f"key         {info.fingerprint}")
    click.echo(f"public key  {info.public_key_file}")
    click.echo(f"private key {info.folder}")
    context.console.say(say)


def _release_key(
    context: Context,
    name: str,
    holder: str | None,
    email: str | None,
    passphrase_file: Path | None,
    days: int,
    output: Path | None,
) -> keys.KeyInfo:
    if name == keys.LOCAL_NAME or not name.replace("-", "").isalnum() or not name.isascii():
        raise UserError(
            f"'{name}' is not a name for a release key",
            hint="letters, digits and '-', for example: pansoft trust keygen esrf-2026; "
            "a key for this machine only: pansoft trust keygen --local",
        )
    if not (holder and email and passphrase_file):
        raise UserError(
            "a key that others trust needs --holder, --email and --passphrase-file",
            hint="a key for this machine only, without a passphrase: pansoft trust keygen --local",
        )
    return keys.keygen(
        keys.private_folder(context.state, name),
        name=holder,
        email=email,
        public=(output or context.policy / "keys") / f"{name}.asc",
        passphrase_file=passphrase_file,
        valid_days=days,
    )


@trust.command("explain")
@click.argument("name")
@click.option("--rule", "rule_id", help="Only this rule, with what it asks and why.")
@click.option("--at", "day", metavar="DATE", help="Ask again as if it were that day (YYYY-MM-DD).")
@click.option(
    "--policy",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Ask another policy folder than the project's.",
)
@_AS_JSON
@click.pass_obj
def explain(
    context: Context,
    *,
    name: str,
    rule_id: str | None,
    day: str | None,
    policy: Path | None,
    as_json: bool,
) -> int:
    """Replay the last decision about a package: what was asked and seen, what mends a no.

    The same evidence is judged again by the policy as it is now. Exit 3 if that is a no.

    Example: pansoft trust explain hdf5-tools --rule licence-allowed
    """
    rule = next((each for each in RULES if each.id == rule_id), None)
    if rule_id is not None and rule is None:
        known = ", ".join(each.id for each in RULES)
        raise UserError(f"there is no rule '{rule_id}'", hint=f"the rules are: {known}")
    record = _last_record(State(context.state), name)
    trusted = load_policy(policy or context.policy, local=keys.local_policy(context.state))
    at = _moment(day) if day else clock.now()
    again = judge(trusted, record.evidence, at=at, rules=(rule,) if rule else RULES)
    if as_json:
        answer = {
            "evidence": to_json(record.evidence),
            "then": to_json(record.verdict),
            "now": to_json(again),
            "accepted": again.accepted,
        }
        click.echo(readable_json(answer), nl=False)
        return EXIT_DONE if again else EXIT_REFUSED
    then = "accepted" if record.verdict.accepted else "refused"
    click.echo(f"decided {record.verdict.at:%Y-%m-%d %H:%M} UTC: {then}; asked again:")
    click.echo(verdict.text(again))
    if rule:
        click.echo(f"\n{rule.asks}\nWhy: {rule.why}\nTo mend a no: {rule.fix}")
    return EXIT_DONE if again else EXIT_REFUSED


def _last_record(state: State, name: str) -> signing.Record:
    kept = [each for each in signing.records(state.folder / "signed") if each.verdict.name == name]
    if not kept:
        raise UserError(
            f"no decision about '{name}' is kept in this state folder",
            hint=f"pansoft sign {name} makes one",
        )
    return max(kept, key=lambda each: each.verdict.at)


def _moment(day: str) -> datetime:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as err:
        raise UserError(f"'{day}' is not a day", hint="for example: --at 2026-12-31") from err


@trust.command("status")
@_AS_JSON
@click.pass_obj
def status(context: Context, *, as_json: bool) -> None:
    """Show the policy in force and whose signatures count today.

    Example: pansoft trust status
    """
    policy = load_policy(context.policy, local=keys.local_policy(context.state))
    at = clock.now()
    rows = [_signer_row(signer, at) for signer in policy.signers]
    if as_json:
        answer: dict[str, Json] = {
            "policy": {"version": policy.version, "sha256": policy.sha256},
            "signers": list(rows),
        }
        click.echo(readable_json(answer), nl=False)
    else:
        click.echo(_status_text(policy, rows))


def _signer_row(signer: Signer, at: datetime) -> dict[str, Json]:
    key = read_key(signer.key_file)
    if key.fingerprint != signer.fingerprint:
        counts = f"no: {signer.key_file.name} is another key"
    elif signer.disabled is not None:
        counts = f"no: disabled, {signer.disabled}"
    elif key.revoked:
        counts = "no: revoked"
    elif key.expires is not None and key.expires <= at:
        counts = f"no: expired on {key.expires:%Y-%m-%d}"
    elif not signer.is_current(at):
        counts = "no: not in its days"
    elif signer.origin is Origin.LOCAL:
        counts = "for local repositories, in this state folder only"
    else:
        counts = "yes"
    return {
        "name": signer.name,
        "fingerprint": signer.fingerprint,
        "packages": list(signer.packages),
        "origin": str(signer.origin),
        "expires": to_json(key.expires),
        "counts": counts,
    }


def _status_text(policy: TrustPolicy, rows: list[dict[str, Json]]) -> str:
    lines = [f"policy version {policy.version}, sha256 {policy.sha256}, {len(RULES)} rules"]
    if not rows:
        lines.append(
            "nobody's signature counts yet; for this machine: pansoft trust keygen --local"
        )
    for row in rows:
        until = f", expires {str(row['expires'])[:10]}" if row["expires"] else ""
        lines.append(f"  {row['name']}  {row['fingerprint']}{until}")
        lines.append(f"    counts: {row['counts']}")
    return "\n".join(lines)
