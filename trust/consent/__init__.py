# SPDX-License-Identifier: BSD-3-Clause
"""What people sign for: files in git with a content that the first signer fixes, and signatures of it.

- `documents`   the form of such a file, read with the place of everything in it, and written
- `voices`      who has signed: PGP keys of the policy, or tokens that are bound to the content
- `counting`    whether those who signed are enough, and who else could

`trust.consent.approvals` and `trust.consent.waivers` are the two kinds of it.
"""
