#!/usr/bin/env bash
# A sample of AWS's answers disturbed, the same one each time: see answers.py. `make check-deep` runs more.
set -euo pipefail
exec "$(dirname "$0")/answers.py" --sample 24
