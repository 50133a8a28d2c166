#!/usr/bin/env bash
# A sample of the connections cut at their messages, the same one each time: see cuts.py. `make check-deep` runs more.
set -euo pipefail
exec "$(dirname "$0")/cuts.py" --sample 40
