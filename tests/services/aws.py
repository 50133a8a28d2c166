#!/usr/bin/env python3
"""moto's AWS behind a layer that refuses what AWS would refuse.

    aws.py --dir DIR [--creating N] [--tls CERTIFICATE KEY]

Listens on a free port of 127.0.0.1, writes DIR/env (AWS_ENDPOINT_URL and throw-away credentials) once it serves, and
DIR/requests.log with one JSON line a request. Stop it by the process id in DIR/pid.

moto lets bad requests pass, so each one is checked first:
- its Signature Version 4, independently of the client under test, with the throw-away keys or those of a role that was
  assumed here, whose token has to be signed along;
- its shape against botocore's published service model: missing, unknown and mistyped members, enums, ranges, patterns.

What moto lets pass by, kept here: a table's class and its encryption, as UpdateTable sets them. What it says wrongly: the
capacity that a request consumed (capacity.py), and the key attributes after an UpdateTable: those of the table and of the
indexes that it has then, whether the request names them or not.

Scripted behaviour, to be like the service where moto is too kind:
- --creating N: a new table answers CREATING to the first N DescribeTable calls; a new index likewise, at first without
  and then with Backfilling, during which no other index can be made or deleted, and a deleted one DELETING.
- POST /_script {"fail": [{"action": A, "after": K, "times": T, "status": 500, "type": "InternalServerError"}]}: of the
  requests for A ("*": any), the K+1st and the T-1 after it fail so, before they reach moto. Instead of status and type,
  "cut": true ends the answer in its middle, "corrupt": true changes a byte of it, "lose": true does what was asked and
  answers nothing, "delay_ms": N waits first.
- POST /_script {"creating": N}: as the option, from now on, also for what is under way.
- Each script is answered by how many requests there were since the last one: {"seen": {ACTION: N, "*": N}}.
- POST /_script {"revoke": true}: keys of roles that were assumed so far have expired.
"""
import argparse
import datetime
import hashlib
import hmac
import io
import json
import os
import re
import secrets
import ssl
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree
import zlib

import botocore.loaders
import botocore.model
import botocore.validate
from moto.dynamodb.models import dynamodb_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from capacity import ACCOUNT, Consumption  # pylint: disable=wrong-import-position

ACCESS_KEY = "AKIA" + secrets.token_hex(8).upper()
SECRET_KEY = secrets.token_urlsafe(30)
LOADER = botocore.loaders.Loader()
FORM_SERVICES = ("sts", "sns", "rds")
UNSIGNED = ("AssumeRoleWithWebIdentity",)
TARGETS = {
    "DynamoDB_20120810": "dynamodb",
    "secretsmanager": "secretsmanager",
    "GraniteServiceVersion20100801": "cloudwatch",
}


class Refused(Exception):
    def __init__(self, status, kind, message):
        super().__init__(message)
        self.status, self.kind = status, kind


def hmac_sha256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_query(query):
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    quoted = sorted((urllib.parse.quote(k, safe="-_.~"), urllib.parse.quote(v, safe="-_.~")) for k, v in pairs)
    return "&".join(f"{k}={v}" for k, v in quoted)


class Keys:
    """Access keys that may sign: the throw-away ones, and those of assumed roles with their tokens."""

    def __init__(self):
        self.sessions, self.revoked = {}, set()

    def learn(self, answer):
        """From the answer to AssumeRole and its like."""
        found = {}
        for element in xml.etree.ElementTree.fromstring(answer).iter():
            found[element.tag.rsplit("}", 1)[-1]] = (element.text or "").strip()
        if "AccessKeyId" in found:
            self.sessions[found["AccessKeyId"]] = (found["SecretAccessKey"], found["SessionToken"])

    def secret_for(self, access_key, token):
        if access_key == ACCESS_KEY:
            return SECRET_KEY
        if access_key not in self.sessions:
            raise Refused(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
        secret, wanted = self.sessions[access_key]
        if token != wanted:
            raise Refused(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
        if access_key in self.revoked:
            raise Refused(400, "ExpiredTokenException", "The security token included in the request is expired")
        return secret


def check_signature(environ, body, keys):
    """Signature Version 4 of the header form, computed anew from what arrived. Returns service and region."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
        r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", header)
    if not match:
        raise Refused(400, "IncompleteSignatureException", "the Authorization header is missing or malformed")
    access_key, day, region, service, signed, signature = match.groups()
    values = {}
    for name in signed.split(";"):
        key = {"host": "HTTP_HOST", "content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}.get(
            name, "HTTP_" + name.upper().replace("-", "_"))
        if key not in environ:
            raise Refused(403, "InvalidSignatureException", f"the signed header {name} was not sent")
        values[name] = " ".join(environ[key].split())
    for name in ("host", "x-amz-date"):
        if name not in values:
            raise Refused(403, "InvalidSignatureException", f"the header {name} is not signed")
    stamp = values["x-amz-date"]
    sent = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((datetime.datetime.now(datetime.timezone.utc) - sent).total_seconds()) > 300 or stamp[:8] != day:
        raise Refused(403, "InvalidSignatureException", "Signature expired")
    canonical = "\n".join([
        environ["REQUEST_METHOD"], urllib.parse.quote(environ.get("PATH_INFO") or "/", safe="/-_.~"),
        canonical_query(environ.get("QUERY_STRING", "")),
        "".join(f"{name}:{values[name]}\n" for name in sorted(values)), ";".join(sorted(values)),
        hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + keys.secret_for(access_key, values.get("x-amz-security-token", ""))).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac_sha256(key, part)
    if not hmac.compare_digest(hmac_sha256(key, to_sign).hex(), signature):
        raise Refused(403, "InvalidSignatureException", "The request signature we calculated does not match")
    return service, region


class Shapes:
    """Requests against the service models that botocore publishes."""

    def __init__(self):
        self.models, self.validator = {}, botocore.validate.ParamValidator()

    def input_shape(self, service, action):
        if service not in self.models:
            self.models[service] = botocore.model.ServiceModel(LOADER.load_service_model(service, "service-2"))
        if action not in self.models[service].operation_names:
            raise Refused(400, "UnknownOperationException", f"{service} has no operation {action}")
        return self.models[service].operation_model(action).input_shape

    def check(self, service, action, params):
        shape = self.input_shape(service, action)
        report = self.validator.validate(params, shape)
        if report.has_errors():
            raise Refused(400, "ValidationException", report.generate_report())
        self.walk(params, shape, action)

    def check_form(self, service, action, form):
        """Of a query request: its version, and the names of its parameters."""
        shape = self.input_shape(service, action)
        version = self.models[service].metadata["apiVersion"]
        if form.get("Version") != version:
            raise Refused(400, "InvalidParameterValue", f"{service} has the version {version}")
        names = {name.split(".")[0] for name in form} - {"Action", "Version"}
        members = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        unknown = names - set(members)
        missing = {name for name in shape.required_members if shape.members[name].serialization.get("name", name) not in names}
        if unknown or missing:
            raise Refused(400, "ValidationError", f"{action}: unknown {sorted(unknown)}, missing {sorted(missing)}")

    def walk(self, value, shape, path):
        meta = shape.metadata
        if shape.type_name == "structure":
            if shape.is_tagged_union and len(value) != 1:
                raise Refused(400, "ValidationException", f"{path}: exactly one member is wanted")
            for name, member in value.items():
                if name not in shape.members:
                    raise Refused(400, "SerializationException", f"{path}: unknown member {name}")
                self.walk(member, shape.members[name], f"{path}.{name}")
        elif shape.type_name == "list":
            self.limits(len(value), meta, path)
            for i, member in enumerate(value):
                self.walk(member, shape.member, f"{path}[{i}]")
        elif shape.type_name == "map":
            for name, member in value.items():
                self.walk(member, shape.value, f"{path}.{name}")
        elif shape.type_name == "string":
            self.limits(len(value), meta, path)
            if shape.enum and value not in shape.enum:
                raise Refused(400, "ValidationException", f"{path}: {value!r} is none of {shape.enum}")
            if meta.get("pattern") and not re.search(meta["pattern"], value):
                raise Refused(400, "ValidationException", f"{path}: {value!r} does not match {meta['pattern']}")
        elif shape.type_name in ("integer", "long"):
            self.limits(value, meta, path)

    @staticmethod
    def limits(size, meta, path):
        if "max" in meta and size > meta["max"] or "min" in meta and size < meta["min"]:
            raise Refused(400, "ValidationException", f"{path}: {size} is outside {meta.get('min')}..{meta.get('max')}")


class KeyAttributes:
    """The definitions of a table's and its indexes' key attributes: made before moto changes the table."""

    def __init__(self, region, name):
        self.table = dynamodb_backends[ACCOUNT][region].tables.get(name)
        self.before = list(self.table.attr) if self.table else []

    def state_in(self, answer):
        if not self.table:
            return answer
        table, known = self.table, {one["AttributeName"]: one for one in self.before + list(self.table.attr)}
        schemas = [table.schema] + [index.schema for index in table.indexes + table.global_indexes]
        used = {key["AttributeName"] for schema in schemas for key in schema}
        table.attr = [one for name, one in known.items() if name in used]
        told = json.loads(answer)
        if "TableDescription" in told:
            told["TableDescription"]["AttributeDefinitions"] = table.attr
        return json.dumps(told).encode()


class Layer:
    def __init__(self, directory, creating):
        self.app = DomainDispatcherApplication(create_backend_app)
        self.shapes, self.creating, self.keys = Shapes(), creating, Keys()
        self.pending, self.leaving, self.faults, self.seen = {}, {}, [], {}
        self.settings = {}  # table name → what UpdateTable set and moto does not keep
        self.log = open(os.path.join(directory, "requests.log"), "a", encoding="utf-8")
        self.lock = threading.Lock()
        self.serving = threading.Lock()  # moto's conditions and transactions are not atomic between threads

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ.get("PATH_INFO") == "/_script":
            return self.take_script(json.loads(body), start_response)
        service, action, params = self.parse(environ, body)
        refusal, fault, region = None, {}, ""
        try:
            signed_for, region = ("sts", "") if action in UNSIGNED else check_signature(environ, body, self.keys)
            if service:
                self.shapes.check(service, action, params)
            elif signed_for in FORM_SERVICES:
                self.shapes.check_form(signed_for, action, params)
            fault = self.fault_for(action)
            if action == "UpdateTable":
                self.check_busy(params)
                self.keep_settings(params)
        except Refused as error:
            refusal = error
        with self.lock:
            self.log.write(json.dumps({"action": action, "body": body.decode("utf-8", "replace"),
                                       "refused": refusal and str(refusal)}) + "\n")
            self.log.flush()
        if refusal:
            return self.refuse(start_response, service, refusal)
        counted = service == "dynamodb" and params.get("ReturnConsumedCapacity", "NONE") != "NONE"
        return self.forward(environ, body, start_response, (action, params, region, counted), fault)

    def take_script(self, script, start_response):
        with self.lock:
            seen, self.faults, self.seen = self.seen, script.get("fail", []), {}
            if "creating" in script:
                self.creating = script["creating"]
                for states in (self.pending, self.leaving):
                    states.update({name: min(left, self.creating) for name, left in states.items()})
            if script.get("revoke"):
                self.keys.revoked |= set(self.keys.sessions)
        return self.answer(start_response, 200, json.dumps({"seen": seen}).encode())

    def refuse(self, start_response, service, refusal):
        if service:
            text = json.dumps({"__type": f"com.amazonaws.{service}#{refusal.kind}", "message": str(refusal)})
        else:
            text = ("<ErrorResponse><Error><Code>" + refusal.kind + "</Code><Message>scripted or refused</Message></Error>"
                    "</ErrorResponse>")
        return self.answer(start_response, refusal.status, text.encode())

    @staticmethod
    def parse(environ, body):
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if "." in target:
            prefix, action = target.rsplit(".", 1)
            try:
                return TARGETS.get(prefix), action, json.loads(body or b"{}")
            except ValueError:
                return None, action, {}
        form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace")))
        return None, form.get("Action", ""), form

    def fault_for(self, action):
        """The scripted fault of this request: raised, or returned where it is one of the answer."""
        with self.lock:
            counts = {name: self.seen.get(name, 0) + 1 for name in (action, "*")}
            self.seen.update(counts)
        for fault in self.faults:
            count = counts.get(fault["action"], 0)
            if not fault.get("after", 0) < count <= fault.get("after", 0) + fault.get("times", 1):
                continue
            if fault.get("delay_ms"):
                time.sleep(fault["delay_ms"] / 1000)
            if fault.get("cut") or fault.get("corrupt") or fault.get("lose"):
                return fault
            if fault.get("status") or fault.get("type") or not fault.get("delay_ms"):
                raise Refused(fault.get("status", 500), fault.get("type", "InternalServerError"), "scripted")
        return {}

    def check_busy(self, params):
        """One index at a time, and none deleted before its backfill has begun, as the service has it."""
        table, updates = params["TableName"], params.get("GlobalSecondaryIndexUpdates", [])
        with self.lock:
            busy = {name: left for name, left in self.pending.items() if name.startswith(table + "/") and left > 0}
            busy.update({name: left for name, left in self.leaving.items() if name.startswith(table + "/") and left > 0})
            for update in updates:
                name = table + "/" + update.get("Delete", {}).get("IndexName", "")
                if "Create" in update and busy:
                    raise Refused(400, "LimitExceededException",
                                  "Subscriber limit exceeded: Only 1 online index can be created simultaneously per table")
                if "Delete" in update and busy and not self.backfills(busy.get(name, 0)):
                    raise Refused(400, "ResourceInUseException", "Attempting to delete an index while another is not ready")

    def keep_settings(self, params):
        kept = {}
        if "SSESpecification" in params:
            if set(params) - {"TableName", "SSESpecification"}:
                raise Refused(400, "ValidationException",
                              "Server-Side Encryption modification must be the only operation in the request")
            wanted = params["SSESpecification"]
            kept["SSEDescription"] = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": wanted.get(
                "KMSMasterKeyId", "arn:aws:kms:us-east-1:123456789012:key/managed")} if wanted.get("Enabled") else None
        if "TableClass" in params:
            kept["TableClassSummary"] = {"TableClass": params["TableClass"]}
        with self.lock:
            self.settings.setdefault(params["TableName"], {}).update(kept)
            if "SSEDescription" in kept:
                self.pending[params["TableName"] + "#encryption"] = self.creating

    def backfills(self, left):
        return 0 < left <= (self.creating + 1) // 2

    def forward(self, environ, body, start_response, request, fault):
        action, params, region, counted = request
        environ["wsgi.input"] = io.BytesIO(body)
        captured = {}

        def capture(status, headers, exc_info=None):
            captured["status"], captured["headers"] = status, headers

        with self.serving:
            if action == "TagResource":  # moto would keep both values of a key
                self.internal(environ, "UntagResource", {"ResourceArn": params["ResourceArn"],
                                                         "TagKeys": [tag["Key"] for tag in params["Tags"]]})
            consumption = Consumption(region, action, params) if counted else None
            definitions = KeyAttributes(region, params["TableName"]) if action == "UpdateTable" else None
            answer = b"".join(self.app(environ, capture))
            if definitions:
                answer = definitions.state_in(answer)
            if consumption and captured["status"].startswith("200"):
                told = json.loads(answer)
                consumption.state_in(told)
                answer = json.dumps(told).encode()
        if captured["status"].startswith("200"):
            if action.startswith("AssumeRole"):
                with self.lock:
                    self.keys.learn(answer)
            if self.creating:
                answer = self.slow_states(action, params, answer)
            if action in ("DescribeTable", "DeleteTable"):
                answer = self.with_settings(action, params["TableName"], answer)
        headers = [(k, v) for k, v in captured["headers"] if k.lower() not in ("content-length", "x-amz-crc32")]
        headers += [("Content-Length", str(len(answer))), ("x-amz-crc32", str(zlib.crc32(answer)))]
        if fault.get("corrupt"):
            answer = answer[:-1] + bytes([answer[-1] ^ 1]) if answer else answer
        if fault.get("cut") or fault.get("lose"):
            return self.cut_short(start_response, captured["status"], headers, b"" if fault.get("lose") else answer)
        start_response(captured["status"], headers)
        return [answer]

    def internal(self, environ, action, params):
        """Another request on behalf of the one that came."""
        body = json.dumps(params).encode()
        inner = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)),
                 "HTTP_X_AMZ_TARGET": environ["HTTP_X_AMZ_TARGET"].rsplit(".", 1)[0] + "." + action}
        for _ in self.app(inner, lambda status, headers, exc_info=None: None):
            pass

    @staticmethod
    def cut_short(start_response, status, headers, answer):
        start_response(status, headers + [("Connection", "close")])
        yield answer[:len(answer) // 2]
        raise ConnectionAbortedError("scripted")

    def with_settings(self, action, name, answer):
        with self.lock:
            settings = self.settings.pop(name, {}) if action == "DeleteTable" else self.settings.get(name, {})
        if not settings or action == "DeleteTable":
            return answer
        description = json.loads(answer)
        description["Table"].update({key: dict(value) for key, value in settings.items() if value})
        if self.count_down(self.pending, name + "#encryption"):
            description["Table"].setdefault("SSEDescription", {})["Status"] = "UPDATING"
        return json.dumps(description).encode()

    def slow_states(self, action, params, answer):
        if action == "CreateTable":
            self.pending[params["TableName"]] = self.creating
        if action == "UpdateTable":
            for update in params.get("GlobalSecondaryIndexUpdates", []):
                if "Create" in update:
                    self.pending[params["TableName"] + "/" + update["Create"]["IndexName"]] = self.creating
                if "Delete" in update:
                    name = params["TableName"] + "/" + update["Delete"]["IndexName"]
                    self.pending.pop(name, None)
                    self.leaving[name] = self.creating
        if action == "DeleteTable":
            for states in (self.pending, self.leaving):
                for name in [n for n in states if n == params["TableName"] or n.startswith(params["TableName"] + "/")]:
                    states.pop(name)
        if action != "DescribeTable":
            return answer
        description = json.loads(answer)
        table = description["Table"]
        if self.count_down(self.pending, table["TableName"]):
            table["TableStatus"] = "CREATING"
        for index in table.get("GlobalSecondaryIndexes", []):
            left = self.count_down(self.pending, table["TableName"] + "/" + index["IndexName"])
            if left:
                index["IndexStatus"], index["Backfilling"] = "CREATING", self.backfills(left)
                table["TableStatus"] = "UPDATING"
        for name in [n for n in self.leaving if n.startswith(table["TableName"] + "/")]:
            if self.count_down(self.leaving, name):
                table.setdefault("GlobalSecondaryIndexes", []).append(
                    {"IndexName": name.split("/")[1], "IndexStatus": "DELETING", "KeySchema": [], "Projection": {}})
                table["TableStatus"] = "UPDATING"
        return json.dumps(description).encode()

    def count_down(self, states, name):
        """What was left before; 0 when it is over."""
        with self.lock:
            left = states.get(name, 0)
            if left:
                states[name] = left - 1
            return left

    @staticmethod
    def answer(start_response, status, body):
        start_response(f"{status} scripted", [("Content-Type", "application/x-amz-json-1.0"),
                                              ("Content-Length", str(len(body)))])
        return [body]


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def connection_dropped(self, error, environ=None):
        self.close_connection = True

    def log(self, *args):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--creating", type=int, default=0)
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    options = parser.parse_args()
    os.makedirs(options.dir, exist_ok=True)
    os.environ.setdefault("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    server = make_server("127.0.0.1", 0, Layer(options.dir, options.creating), threaded=True, request_handler=Quiet,
                         ssl_context=context)
    address = f"{'https' if options.tls else 'http'}://127.0.0.1:{server.server_port}"
    with open(os.path.join(options.dir, "pid"), "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    temporary = os.path.join(options.dir, "env.new")
    with open(temporary, "w", encoding="ascii") as file:
        file.write(f"export AWS_ENDPOINT_URL={address}\n"
                   f"export TEST_AWS_ENDPOINT={address}\n"
                   f"export AWS_ACCESS_KEY_ID={ACCESS_KEY}\nexport AWS_SECRET_ACCESS_KEY={SECRET_KEY}\n"
                   "export AWS_REGION=us-east-1\n")
    os.rename(temporary, os.path.join(options.dir, "env"))
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
