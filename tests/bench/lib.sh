# Common to the benches. A bench is a folder tests/bench/NAME with a program `run`, called as
#
#     tests/bench/NAME/run BUILD_DIR        below tests/services/with: TEST_DATABASE_URL and, with moto, TEST_AWS_ENDPOINT
#
# It measures what it compares in turn (A B A B …) in one run, and prints a line for each comparison by `row`; everything
# else it says goes to stderr. A peer that cannot be had is said there ("LEFT OUT: …") and has no line. Sizes and the
# number of rounds come from variables that have defaults, so that a short run is possible. Source this file after
# `set -euo pipefail`:
#
#     . "$(dirname "$0")/../lib.sh"
#
# Then $build is the folder of the programs, $invplan the program, $here the bench's own folder and $work a scratch folder
# that goes away at the end (define `finish_bench` for more to be cleared). What is installed from a registry goes
# into $peers, below the build folder.
# shellcheck shell=bash disable=SC2034

build=$(cd "$1" && pwd)
invplan=$build/invplan
here=$(cd "$(dirname "$0")" && pwd)
peers=$build/bench-peers
rounds=${BENCH_ROUNDS:-5}
work=$(mktemp -d /tmp/invplan-bench.XXXXXX)
finish_bench() { :; }
trap 'finish_bench; rm -rf "$work"' EXIT

# row WORK HERE BESIDE THERE RATIO GOAL: a line of the table. HERE and THERE are a number and a unit ("1.24 s"); BESIDE,
# THERE and RATIO are - where there is nothing to compare with. GOAL is "OPERATOR NUMBER" for the ratio, or
# "OPERATOR NUMBER UNIT" for HERE; it may be empty.
row() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" "$6"; }

# in_turn NAME …: runs each function NAME so many times as there are rounds, in turn, after prepare_NAME where that
# exists; only the function is timed. What it prints goes to $work/NAME.out. A failure ends the bench.
in_turn() {
    local round name start
    for ((round = 0; round < rounds; round++)); do
        for name; do
            if declare -F "prepare_$name" >/dev/null; then "prepare_$name" >&2; fi
            start=$EPOCHREALTIME
            "$name" >"$work/$name.out" 2>&1 || { tail -20 "$work/$name.out" >&2; return 1; }
            awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.4f\n", b - a }' >>"$work/$name.seconds"
        done
    done
}

# median NAME: of the seconds that in_turn measured
median() { sort -n "$work/$1.seconds" | awk '{ v[NR] = $1 } END { printf "%.4f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
# ratio A B: to two places
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
# seconds A: with its unit
seconds() { awk -v a="$1" 'BEGIN { printf "%.3f s", a }'; }
