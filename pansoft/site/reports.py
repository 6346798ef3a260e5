# SPDX-License-Identifier: BSD-3-Clause
"""What people and programs are told about a site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from core.canonical import Json
from pansoft.site.health import Sign
from pansoft.site.setup import Site
from pansoft.site.verify import Answer
from pansoft.site.writing import Change
from trust.codec import to_json
from trust.programs.execution_list import Mode
from trust.verdict import Outcome


def setup_text(site: Site, *, kept: Sequence[Path], is_done: bool) -> str:
    """Return what setup did, or would do."""
    return "\n".join(_setup_lines(site, kept, is_done=is_done))


def setup_json(site: Site, *, kept: Sequence[Path], is_done: bool) -> dict[str, Json]:
    """Return the same for programs."""
    found = site.publisher
    return {
        "repository": found.fqrn,
        "revision": found.revision,
        "namespace": found.namespace,
        "root_version": found.root_version,
        "facilities": list(found.facilities),
        "expires": {"role": found.expires[0], "at": to_json(found.expires[1])},
        "whitelist_expires": to_json(found.whitelist_expires),
        "execution_list": str(site.settings.execution_list),
        "policy": {"version": site.policy.version, "sha256": site.policy.sha256},
        "written": is_done,
        "files": [
            {"path": str(each.wanted.path), "change": each.change.name.lower()}
            for each in site.changes
        ],
        "removed": [str(path) for path in site.left_over],
        "kept": [str(path) for path in kept],
    }


def answer_text(answer: Answer) -> str:
    """Return an answer as people read it."""
    return "\n".join(_answer_lines(answer))


def answer_line(answer: Answer, title: str, channel: str | None) -> str:
    """Return an answer in one line."""
    mark = "ok" if answer.accepted else "NO"
    signer = answer.report.signer.name if answer.report else "nobody"
    said = f"signed by {signer}" if answer.accepted else (answer.reason or "").replace("\n", " ")
    return f"{mark}  {title}  {channel or '-'}  {said}"


def answer_json(answer: Answer) -> dict[str, Json]:
    """Return an answer for programs."""
    target, report, seen = answer.target, answer.report, answer.bytes
    return {
        "path": str(answer.path),
        "accepted": answer.accepted,
        "reason": answer.reason,
        "hint": answer.hint,
        "namespace": target.namespace if target else None,
        "name": target.package if target else None,
        "version": target.version if target else None,
        "signer": {"name": report.signer.name, "fingerprint": report.signer.fingerprint}
        if report
        else None,
        "signed_at": to_json(report.signed_at) if report else None,
        "approvals": [to_json(each) for each in answer.approvals],
        "read": seen.compared is None if seen else None,
        "bytes": seen.said if seen else None,
        "verdict": to_json(answer.verdict) if answer.verdict else None,
    }


def health_text(signs: Sequence[Sign]) -> str:
    """Return how it stands with a site as people read it."""
    width = max(len(sign.what) for sign in signs)
    lines = []
    for sign in signs:
        lines.append(f"{sign.state:>4}  {sign.what:<{width}}  {sign.said}")
        if sign.mend:
            lines.append(f"      {'':<{width}}  to mend it: {sign.mend}")
    return "\n".join(lines)


def health_json(signs: Sequence[Sign]) -> list[Json]:
    """Return the same for programs."""
    return [
        {"what": sign.what, "state": sign.state.name.lower(), "said": sign.said, "mend": sign.mend}
        for sign in signs
    ]


def _setup_lines(site: Site, kept: Sequence[Path], *, is_done: bool) -> Iterator[str]:
    found = site.publisher
    role, ends = found.expires
    yield f"{found.fqrn}, revision {found.revision}, verified from the federation's root"
    yield f"  federation  root {found.root_version}, of {', '.join(found.facilities)}"
    yield f"  key         {found.namespace} answers for it"
    yield f"  counts      {role} until {ends:%Y-%m-%d %H:%M} UTC"
    yield f"              whitelist until {found.whitelist_expires:%Y-%m-%d %H:%M} UTC"
    yield f"  policy      version {site.policy.version}, {len(site.policy.signers)} signers"
    yield f"  Apptainer   Execution Control List {site.settings.execution_list}"
    changed = [each for each in site.changes if each.change is not Change.NONE]
    for each in changed:
        yield f"  {'wrote' if is_done else 'would write'}  {each.wanted.path} ({each.change})"
    for path in site.left_over:
        yield f"  {'removed' if is_done else 'would remove'}  {path}"
    for path in kept:
        yield f"  kept   {path}"
    if not changed and not site.left_over:
        yield f"  files       all {len(site.changes)} are as they should be"
    if not any(signer.disabled is None for signer in site.policy.signers):
        yield "  nobody's signature counts here yet: list a signer in acceptance.yaml"
    elif site.settings.execution_list is Mode.OFF:
        yield "  to have Apptainer refuse what nobody here trusts: pansoft site setup --ecl whitelist"


def _answer_lines(answer: Answer) -> Iterator[str]:
    target, report = answer.target, answer.report
    title = f"{target.package} {target.version}" if target else str(answer.path)
    yield f"{title}: {'yes, it may be run here' if answer.accepted else 'NO'}"
    if answer.reason:
        yield f"because    {answer.reason}"
    if target:
        yield f"published  by {target.namespace}, in {target.repository} at {target.location}"
    if report:
        image, evidence = report.statement.image, report.evidence
        commit = evidence.provenance.commit if evidence.provenance else None
        yield f"built      from {image.base}, plan {image.plan[:12]}, commit {commit or 'not said'}"
        yield f"signed     by {report.signer.name} ({report.signer.fingerprint})"
        yield f"           on {report.signed_at:%Y-%m-%d %H:%M:%S} UTC"
        for given in answer.approvals:
            yield f"approved   by {given.name} of {given.facility} ({', '.join(given.roles)})"
    if answer.bytes:
        yield f"bytes      {answer.bytes.said}"
        if answer.bytes.compared is not None:
            yield f"           {answer.bytes.compared} bytes are what was signed"
    if answer.verdict:
        yield from _verdict_lines(answer)


def _verdict_lines(answer: Answer) -> Iterator[str]:
    verdict = answer.verdict
    if verdict is None:
        return
    yield f"policy     version {verdict.policy_version}, as this site accepts it"
    for finding in verdict.findings:
        if finding.outcome is Outcome.PASSED:
            yield f"           ok  {finding.rule}: {finding.message}"
        elif finding.outcome is not Outcome.NOT_APPLICABLE:
            yield f"           {finding.outcome}  {finding.rule}: {finding.message}"
