# SPDX-License-Identifier: BSD-3-Clause
"""Known vulnerabilities: records in the OSV form, and how bad each is.

- `advisories`: the records of `trust-policy/advisories/`, matched against what an image holds
- `cvss`: the score of a vector
"""
