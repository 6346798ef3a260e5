# SPDX-License-Identifier: BSD-3-Clause
"""The base score of a CVSS 3 vector, by the formula of the specification (first.org, CVSS 3.1, 7.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

_WEIGHTS: Final[Mapping[str, Mapping[str, float]]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "PR": {"N": 0.85, "L": 0.62, "H": 0.27},
    "UI": {"N": 0.85, "R": 0.62},
    "S": {"U": 0.0, "C": 1.0},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_RIGHTS_ACROSS: Final[Mapping[str, float]] = {"N": 0.85, "L": 0.68, "H": 0.5}


def base_score(vector: str) -> float | None:
    """Return the score from 0 to 10 of `CVSS:3.x/AV:N/…`; None for anything else, like CVSS 4."""
    version, *parts = vector.split("/")
    if version not in ("CVSS:3.0", "CVSS:3.1"):
        return None
    told = dict(part.partition(":")[::2] for part in parts)
    if any(told.get(metric) not in weights for metric, weights in _WEIGHTS.items()):
        return None
    weight = {metric: weights[told[metric]] for metric, weights in _WEIGHTS.items()}
    across = told["S"] == "C"
    if across:
        weight["PR"] = _RIGHTS_ACROSS[told["PR"]]
    lost = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if across else 6.42 * lost
    if impact <= 0:
        return 0.0
    reach = 8.22 * weight["AV"] * weight["AC"] * weight["PR"] * weight["UI"]
    return _up(min(1.08 * (impact + reach) if across else impact + reach, 10))


def _up(score: float) -> float:
    """Round up to one digit, in whole numbers as the specification demands (appendix A)."""
    exact = round(score * 100_000)
    return exact / 100_000 if exact % 10_000 == 0 else (math.floor(exact / 10_000) + 1) / 10
