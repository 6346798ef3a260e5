# SPDX-License-Identifier: BSD-3-Clause
"""Who runs builds: plans go in, and how each went comes out.

- `executor`: what every executor is given and yields
- `local`: threads of this process
- `slurm`: jobs of a cluster; `slurm_cli` is its command line, `slurm_journal` what was submitted,
  `slurm_ends` why a job left no image, `slurm_job.sh` what a job runs
"""
