# SPDX-License-Identifier: BSD-3-Clause
"""The rules, one small module each. A new rule is a module, a line here and its cases in the tests."""

from __future__ import annotations

from typing import Final

from trust.rules import (
    base_allowed,
    build_offline,
    channel_allowed,
    inputs_pinned,
    licence_allowed,
    licence_known,
    no_build_paths,
    no_capabilities,
    no_dangling_links,
    no_foreign_programs,
    no_secrets,
    no_setuid,
    no_world_writable,
    plan_matches,
    provenance_present,
    redistribution,
    sbom_present,
    signer_trusted,
    support_date_valid,
    tests_complete,
    tests_passed,
    version_immutable,
)
from trust.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    signer_trusted.RULE,
    inputs_pinned.RULE,
    build_offline.RULE,
    tests_passed.RULE,
    tests_complete.RULE,
    base_allowed.RULE,
    no_setuid.RULE,
    no_world_writable.RULE,
    no_capabilities.RULE,
    no_secrets.RULE,
    no_foreign_programs.RULE,
    no_build_paths.RULE,
    no_dangling_links.RULE,
    sbom_present.RULE,
    provenance_present.RULE,
    plan_matches.RULE,
    channel_allowed.RULE,
    support_date_valid.RULE,
    version_immutable.RULE,
    licence_known.RULE,
    licence_allowed.RULE,
    redistribution.RULE,
)
