# SPDX-License-Identifier: BSD-3-Clause
"""The decision log: what was decided about which package, by whom, under which policy, in a chain.

It is published beside what it speaks of, and a publication writes one segment of it and the head:

    trust/log/0000.jsonl   entries 0 to 255, one JSON object a line
    trust/log/0001.jsonl   entries 256 to 511
    trust/log/head.json    how many entries there are and the hash of the last, signed

- `decision`: what one entry says
- `chain`: entries, each with the hash of the one before; which one was tampered with
- `head`: the signed end of the chain
- `log`: the whole log, read, checked and grown
- `waiting`: decisions of this machine that are not published yet
- `memory`: the last head that this machine has seen, so that a log cannot lose or change its past
"""
