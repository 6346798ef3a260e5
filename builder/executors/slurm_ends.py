# SPDX-License-Identifier: BSD-3-Clause
"""Why a job ended without an image: from SLURM's word for it, what it answered, and its log."""

from __future__ import annotations

from collections.abc import Mapping

from builder.executors.slurm_cli import Seen
from builder.executors.slurm_journal import Open
from core.canonical import Json
from core.errors import UserError

NOT_SHARED = 78
NO_PROGRAM = 79
_SLURMD_CANNOT_WRITE = 53  # the signal that slurmd names when it cannot open a job's output
_OWN_STATUSES = frozenset({0, 1, 2, 3})  # of pansoft, which answers before it ends
_LOG_LINES = 15
_AGAIN = "run the same command again: it submits what is missing"


def why(ended: Open, seen: Seen | None, *, patient: bool) -> UserError | None:
    """Return why a task left nothing; None while its answer may still be on its way.

    Args:
        ended: the task.
        seen: how SLURM saw it end; None where SLURM does not know it any more.
        patient: whether to wait for files: on a network file system they arrive late.
    """
    job = f"job {ended.array.job}_{ended.number}"
    node = ended.array.node(ended.number) or (seen.node if seen else "")
    where = f"{job} on {node}" if node else job
    by_state = _by_state(where, node, seen) if seen else None
    if by_state is not None:
        return by_state
    answer = ended.array.answer(ended.number)
    if answer is not None and answer.get("plan") != ended.task.plan:
        return UserError(
            f"the recipe of {ended.task.name} or its lock was changed after {job} was submitted",
            hint=_AGAIN,
        )
    if answer is not None and "failed" in answer:
        return _answered(answer, where, node, ended.array.complaints(ended.number))
    may_have_answered = seen is None or (seen.status in _OWN_STATUSES and not seen.signal)
    if patient and may_have_answered:
        return None
    tail = _tail(ended)
    if seen is None:
        return UserError(
            f"SLURM does not know {job} any more, and it left nothing{tail}", hint=_AGAIN
        )
    if may_have_answered and not tail:
        return _not_shared(where, node)
    how = f"by signal {seen.signal}" if seen.signal else f"with status {seen.status}"
    return UserError(
        f"{where} ended {how}{tail}", hint=f"its log is {ended.array.log(ended.number)}"
    )


def _by_state(where: str, node: str, seen: Seen) -> UserError | None:
    """Return what SLURM's state of an ended task says by itself."""
    match seen.state:
        case "TIMEOUT" | "DEADLINE":
            return UserError(
                f"{where} ran into its time limit",
                hint="give it more with --time, as in --time 2:00:00",
            )
        case "OUT_OF_MEMORY":
            return UserError(
                f"{where} had too little memory",
                hint="give it more with --memory, as in --memory 8G",
            )
        case "NODE_FAIL" | "BOOT_FAIL":
            return UserError(f"the node of {where} failed", hint=_AGAIN)
        case "PREEMPTED" | "REVOKED":
            return UserError(f"{where} had to make room for other jobs", hint=_AGAIN)
        case "CANCELLED" if seen.reason == "DependencyNeverSatisfied":
            return UserError(f"{where} was held back: its base could not be made", hint=_AGAIN)
        case "CANCELLED":
            return UserError(f"{where} was cancelled", hint=_AGAIN)
        case _:
            pass
    if (
        seen.status == NOT_SHARED
        or seen.signal == _SLURMD_CANNOT_WRITE
        or seen.reason == "JobLaunchFailure"
    ):
        return _not_shared(where, node)
    if seen.status == NO_PROGRAM:
        return UserError(
            f"pansoft does not run on {node or 'its node'} ({where})",
            hint="keep the checkout with its .venv where every node sees it under the same name, "
            "and Python 3.11 on every node",
        )
    return None


def _not_shared(where: str, node: str) -> UserError:
    return UserError(
        f"{node or 'the node'} does not see the state folder, or may not write into it ({where})",
        hint="name a folder that all nodes share: pansoft --state DIR …",
    )


def _answered(
    answer: Mapping[str, Json], where: str, node: str, complaints: tuple[Mapping[str, Json], ...]
) -> UserError:
    """Return the error that the command on the node reported, and what that node lacks."""
    bad = [item for item in complaints if item.get("health") == "bad"]
    lacks = "".join(f"\n    {node} lacks: {item['check']} {item['message']}" for item in bad)
    hint = answer.get("hint")
    mend = next((item["mend"] for item in bad if item.get("mend")), None)
    return UserError(
        f"{answer.get('message')}\n    ({where}){lacks}",
        hint=f"on {node}: {mend}" if mend else (str(hint) if hint else None),
    )


def _tail(ended: Open) -> str:
    """Return the end of a task's log, each line on its own and indented."""
    try:
        text = ended.array.log(ended.number).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in text.strip().splitlines()[-_LOG_LINES:])
