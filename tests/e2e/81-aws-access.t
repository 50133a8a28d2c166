#!/usr/bin/env bash
# How AWS is reached: roles assumed on a real STS, a process, profiles with endpoints for each service; TLS with an authority
# of one's own, the wrong host, an expired certificate. The server checks every signature.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
[ -n "${TEST_AWS_ENDPOINT:-}" ] || skip_all "moto is not installed: TEST_AWS_ENDPOINT is not set"
access=$AWS_ACCESS_KEY_ID secret=$AWS_SECRET_ACCESS_KEY
services=$root/tests/services/aws
trap '"$services" stop "$work/tls"; cleanup' EXIT

mkdir -p "$work/project" && cd "$work/project" || exit 1
cat >migrations.yaml <<YAML
invplan: 1
project: access
targets:
  store: { engine: dynamodb, ledger: access_$$ }
environments:
  local: { targets: { store: { region: us-east-1 } } }
migrations:
  - id: 1700000000000-CreateThings
    target: store
    steps: [{ create_table: { name: access_$$_things, key: { id: S }, billing: on_demand } }]
YAML
"$invplan" compile --all >/dev/null || exit 1
export AWS_ENDPOINT_URL=$TEST_AWS_ENDPOINT
run "$invplan" apply -e local --init
is "$status" 0 "with keys of the environment"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL AWS_REGION AWS_CA_BUNDLE
export AWS_EC2_METADATA_DISABLED=true HOME=$work AWS_CONFIG_FILE=$work/config
requests() { wc -l <"$TEST_AWS_LOG"; }

cat >"$work/config" <<CONFIG
[profile base]
aws_access_key_id = $access
aws_secret_access_key = $secret
[profile deployer]
role_arn = arn:aws:iam::123456789012:role/deployer
source_profile = base
endpoint_url = $TEST_AWS_ENDPOINT
[profile chained]
role_arn = arn:aws:iam::123456789012:role/second
source_profile = deployer
services = here
[services here]
dynamodb =
  endpoint_url = $TEST_AWS_ENDPOINT
sts =
  endpoint_url = $TEST_AWS_ENDPOINT
[profile process]
credential_process = sh -c "cat $work/keys.json"
endpoint_url = $TEST_AWS_ENDPOINT
[profile broken]
credential_process = $work/no-such-program
CONFIG
echo "{\"Version\":1,\"AccessKeyId\":\"$access\",\"SecretAccessKey\":\"$secret\"}" >"$work/keys.json"

for profile in deployer chained process; do
    before=$(requests)
    AWS_PROFILE=$profile run "$invplan" status -e local
    is "$status" 0 "by the profile '$profile'"
    is "$(tail -n +$((before + 1)) "$TEST_AWS_LOG" | grep -cv '"refused": null')" 0 "no request of it was refused"
done
is "$(tail -n +$((before + 1)) "$TEST_AWS_LOG" | grep -c AssumeRole)" 0 "a process needs no role"
is "$(grep -c '"action": "AssumeRole"' "$TEST_AWS_LOG")" 3 "a chain of roles is assumed link by link, once each"
AWS_PROFILE=broken run "$invplan" status -e local
is "$status" 51 "a program that is not there: exit status 51"
like "$output" "no-such-program" "the message names it"

echo "eyJhbGciOiJub25lIn0.web-identity-token" >"$work/token"
AWS_WEB_IDENTITY_TOKEN_FILE=$work/token AWS_ROLE_ARN=arn:aws:iam::123456789012:role/pod AWS_ENDPOINT_URL=$TEST_AWS_ENDPOINT \
    run "$invplan" status -e local
is "$status" 0 "by a web identity"
AWS_WEB_IDENTITY_TOKEN_FILE=$work/none AWS_ROLE_ARN=arn:aws:iam::123456789012:role/pod AWS_ENDPOINT_URL=$TEST_AWS_ENDPOINT \
    run "$invplan" status -e local
is "$status" 51 "a token file that is not there: exit status 51"
like "$output" "$work/none" "the message names it"
run "$invplan" status -e local
is "$status" 51 "no credentials at all: exit status 51"

# --- TLS ---
"$services" certificates "$work/certificates" || exit 1
export AWS_ACCESS_KEY_ID=$access AWS_SECRET_ACCESS_KEY=$secret
# serve_with CERTIFICATE: sets AWS_ENDPOINT_URL and the keys of a server with it
serve_with() {
    "$services" start "$work/tls" --tls "$work/certificates/$1.pem" "$work/certificates/$1.key" || exit 1
    # shellcheck source=/dev/null
    . "$work/tls/env"
}
serve_with good
AWS_CA_BUNDLE=$work/certificates/ca.pem run "$invplan" apply -e local --init
is "$status" 0 "TLS with an authority of one's own"
run "$invplan" status -e local
is "$status" 50 "an authority that nobody knows: exit status 50"
like "$output" "AWS_CA_BUNDLE" "the message says how to name its file"
AWS_CA_BUNDLE=$work/certificates/none.pem run "$invplan" status -e local
is "$status" 50 "a file of authorities that is not there: exit status 50"
printf '[default]\nca_bundle = %s\n' "$work/certificates/ca.pem" >"$work/config"
run "$invplan" status -e local
is "$status" 0 "the authority may be named by the profile"
AWS_ENDPOINT_URL=${AWS_ENDPOINT_URL/127.0.0.1/localhost} run "$invplan" status -e local
is "$status" 13 "another name of the same server that the certificate has: reached, and not what was recorded at init"
"$services" stop "$work/tls"
serve_with other
run "$invplan" status -e local
is "$status" 50 "a certificate of another host: exit status 50"
like "$output" "127.0.0.1|host name" "the message says so"
"$services" stop "$work/tls"
serve_with expired
run "$invplan" status -e local
is "$status" 50 "an expired certificate: exit status 50"
like "$output" "expired" "the message says so"
finish
