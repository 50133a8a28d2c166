# A DynamoDB for the benches: dynalite behind server.mjs, on a free port of 127.0.0.1. Source it after ../lib.sh; where dynalite
# cannot be had the bench ends here, and says so.
#     start_server DELAY [TABLE …]   a new and empty one, each answer so many milliseconds later; sets AWS_ENDPOINT_URL.
#                                    The TABLEs are kept by store.mjs, for when dynalite's speed must not be the limit
# shellcheck shell=bash disable=SC2154

export AWS_ACCESS_KEY_ID=nobody AWS_SECRET_ACCESS_KEY=nothing AWS_REGION=us-east-1
if ! command -v npm >/dev/null ||
    ! npm install --silent --prefix "$peers/dynalite" dynalite@4 @aws-sdk/client-dynamodb@3 >/dev/null 2>&1; then
    echo "LEFT OUT: dynalite cannot be had, and there is no endpoint that is fast enough" >&2
    exit 0
fi
dynalite=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dynalite_server=
stop_server() {
    [ -n "$dynalite_server" ] || return 0
    kill "$dynalite_server" 2>/dev/null || true
    wait "$dynalite_server" 2>/dev/null || true
    dynalite_server=
}
finish_bench() { stop_server; }
start_server() {
    stop_server
    rm -f "$work/port"
    mkfifo "$work/port"
    node "$dynalite/server.mjs" "$peers/dynalite" "$@" >"$work/port" &
    dynalite_server=$!
    AWS_ENDPOINT_URL=http://127.0.0.1:$(head -1 "$work/port")
    export AWS_ENDPOINT_URL
}
