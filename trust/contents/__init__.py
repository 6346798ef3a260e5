# SPDX-License-Identifier: BSD-3-Clause
"""Verified without being read: the content hashes that a CVMFS client shows, against a signed table.

- `content_table`: under which hashes a repository stores what was signed
- `cvmfs_attributes`: what a mount says of itself and of its files
"""
