# SPDX-License-Identifier: BSD-3-Clause
"""In a pipeline the branch is known, if the pipeline runs for the commit that is built."""

from __future__ import annotations

import pytest

from builder.evidence.origin import Origin
from pansoft.provenance import with_pipeline

ORIGIN = Origin("c" * 40, changed=False)
PIPELINE = {"CI_COMMIT_SHA": "c" * 40, "CI_COMMIT_REF_NAME": "main"}


@pytest.mark.parametrize(
    ("more", "ref", "protected"),
    [
        pytest.param({"CI_COMMIT_REF_PROTECTED": "true"}, "main", True, id="protected"),
        pytest.param({"CI_COMMIT_REF_PROTECTED": "false"}, "main", False, id="not protected"),
        pytest.param({}, "main", None, id="nobody says"),
        pytest.param({"CI_COMMIT_REF_PROTECTED": "yes"}, "main", None, id="another word"),
        pytest.param({"CI_COMMIT_SHA": "d" * 40}, None, None, id="another commit"),
        pytest.param({"CI_COMMIT_REF_NAME": ""}, None, None, id="no ref"),
    ],
)
def test_the_ref_is_that_of_the_pipeline(
    more: dict[str, str], ref: str | None, protected: bool | None
) -> None:
    found = with_pipeline(ORIGIN, {**PIPELINE, **more})

    assert (found.ref, found.protected) == (ref, protected)


def test_outside_of_a_pipeline_nothing_is_known() -> None:
    assert with_pipeline(ORIGIN, {}) == ORIGIN
