# SPDX-License-Identifier: BSD-3-Clause
"""Signed trees: a manifest with a line for each file, folder and link, and the check against it.

- `mtree`: the form of a line, mtree(5)
- `tree_manifest`: the manifest, read line by line
- `tree_check`: a tree against its manifest, wholly or in part
"""
