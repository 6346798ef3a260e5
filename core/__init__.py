# SPDX-License-Identifier: BSD-3-Clause
"""What every layer needs and nothing more.

- `errors`: the two families of errors and the exit codes they end in
- `problems`: a fault in a file, with its place, its rule and the way to mend it
- `strict_yaml`: YAML without YAML's surprises, every value with its position
- `process`: the one door to other programs
- `files`: atomic writes, hashes, locks
- `canonical`: the one JSON text of a value, and its sha256
- `console`: talk and progress on standard error
"""
