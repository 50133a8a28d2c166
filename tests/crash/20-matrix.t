#!/usr/bin/env bash
# A sample of the crash matrix, the same one each time: see matrix.py. `make crash` runs all of it.
set -euo pipefail
exec "$(dirname "$0")/matrix.py" --sample 44
