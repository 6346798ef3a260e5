# SPDX-License-Identifier: BSD-3-Clause
"""May this be executed here?"""

from __future__ import annotations

from typing import Final

from trust.rules.rule import Rule
from trust.rules.safety import (
    base_allowed,
    build_offline,
    inputs_pinned,
    no_build_paths,
    no_capabilities,
    no_dangling_links,
    no_foreign_programs,
    no_secrets,
    no_setuid,
    no_world_writable,
    not_vulnerable,
    plan_matches,
    provenance_present,
    publisher_allowed,
    ref_protected,
    sbom_present,
    signer_trusted,
    signers_enough,
    tests_complete,
    tests_passed,
    tests_required,
)

RULES: Final[tuple[Rule, ...]] = (
    signer_trusted.RULE,
    signers_enough.RULE,
    inputs_pinned.RULE,
    build_offline.RULE,
    tests_passed.RULE,
    tests_complete.RULE,
    tests_required.RULE,
    base_allowed.RULE,
    no_setuid.RULE,
    no_world_writable.RULE,
    no_capabilities.RULE,
    no_secrets.RULE,
    no_foreign_programs.RULE,
    no_build_paths.RULE,
    no_dangling_links.RULE,
    sbom_present.RULE,
    not_vulnerable.RULE,
    provenance_present.RULE,
    ref_protected.RULE,
    plan_matches.RULE,
    publisher_allowed.RULE,
)
