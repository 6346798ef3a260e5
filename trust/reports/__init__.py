# SPDX-License-Identifier: BSD-3-Clause
"""The same verdict for everybody who asks for it.

- as text: `trust.verdict.text`; as JSON: `trust.codec.to_json`
- as problems with their places, for a merge request or an editor: `problems`, which `core.reports` then
  writes as GitLab's Code Quality report or as SARIF
"""
