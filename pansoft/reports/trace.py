# SPDX-License-Identifier: BSD-3-Clause
"""The id of a run: what its events share, with those of other commands that belong to it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from core.events import checked_trace

VARIABLE = "PANSOFT_TRACE"
_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)
_PIPELINE = re.compile(r"[0-9]{1,20}")


def trace_of(given: str | None, environment: Mapping[str, str]) -> str:
    """Return the id of this run.

    Who says it, the first of these: the command line, the variable `PANSOFT_TRACE`, a W3C trace context
    in `TRACEPARENT`, the number of a GitLab pipeline, so that its jobs are one run. Else it is a new
    one. A trace context that is not well formed is passed over, as its standard asks for.

    Raises:
        UserError: what the command line or `PANSOFT_TRACE` says is no id.
    """
    said = given if given is not None else environment.get(VARIABLE)
    if said:
        return checked_trace(said)
    if parent := _PARENT.fullmatch(environment.get("TRACEPARENT", "")):
        return parent[1]
    if _PIPELINE.fullmatch(number := environment.get("CI_PIPELINE_ID", "")):
        return f"pipeline-{number}"
    return secrets.token_hex(16)
