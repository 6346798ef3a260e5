# SPDX-License-Identifier: BSD-3-Clause
"""The partner's side: from nothing but an address and the federation's root to "may I run this, and why".

- `settings`: what a site was set up with, and where its files are
- `publisher`: what is believed of a repository, from the federation's root upward
- `acceptance`: what the site accepts, `acceptance.yaml`; `rules`: the same, for the judge
- `system_files`: the files of the CVMFS client and of Apptainer; `writing`: files that people may edit
- `setup`: all of it together
"""
