#!/usr/bin/env python3
"""moto's AWS behind a layer that refuses what AWS would refuse.

    aws.py --dir DIR [--creating N]

Listens on a free port of 127.0.0.1, writes DIR/env (AWS_ENDPOINT_URL and throw-away credentials) once it serves, and
DIR/requests.log with one JSON line a request. Stop it by the process id in DIR/pid.

moto lets bad requests pass, so each one is checked first:
- its Signature Version 4, with botocore's signer, independently of the client under test;
- its shape against botocore's published service model: missing, unknown and mistyped members, enums, ranges, patterns.

Scripted behaviour, to be like the service where moto is too kind:
- --creating N: a new table answers CREATING to the first N DescribeTable calls, and a new index likewise.
- POST /_script {"fail": [{"action": A, "after": K, "times": T, "status": 500, "type": "InternalServerError"}]}: of the
  requests for A, the K+1st and the T-1 after it fail so, before they reach moto.
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
import sys
import threading
import urllib.parse
import zlib

import botocore.loaders
import botocore.model
import botocore.validate
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ACCESS_KEY = "AKIA" + secrets.token_hex(8).upper()
SECRET_KEY = secrets.token_urlsafe(30)
LOADER = botocore.loaders.Loader()
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


def check_signature(environ, body):
    """Signature Version 4 of the header form, computed anew from what arrived."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
        r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", header)
    if not match:
        raise Refused(400, "IncompleteSignatureException", "the Authorization header is missing or malformed")
    access_key, day, region, service, signed, signature = match.groups()
    if access_key != ACCESS_KEY:
        raise Refused(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
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
    key = ("AWS4" + SECRET_KEY).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac_sha256(key, part)
    if not hmac.compare_digest(hmac_sha256(key, to_sign).hex(), signature):
        raise Refused(403, "InvalidSignatureException", "The request signature we calculated does not match")


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


class Layer:
    def __init__(self, directory, creating):
        self.app = DomainDispatcherApplication(create_backend_app)
        self.shapes, self.creating = Shapes(), creating
        self.pending, self.faults, self.seen = {}, [], {}
        self.log = open(os.path.join(directory, "requests.log"), "a", encoding="utf-8")
        self.lock = threading.Lock()
        self.serving = threading.Lock()  # moto's conditions and transactions are not atomic between threads

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ.get("PATH_INFO") == "/_script":
            self.faults, self.seen = json.loads(body).get("fail", []), {}
            return self.answer(start_response, 200, b"{}")
        service, action, params = self.parse(environ, body)
        refusal = None
        try:
            check_signature(environ, body)
            if service:
                self.shapes.check(service, action, params)
            self.script(action)
        except Refused as error:
            refusal = error
        with self.lock:
            self.log.write(json.dumps({"action": action, "body": body.decode("utf-8", "replace"),
                                       "refused": refusal and str(refusal)}) + "\n")
            self.log.flush()
        if refusal:
            text = json.dumps({"__type": "com.amazonaws." + (service or "aws") + "#" + refusal.kind, "message": str(refusal)})
            return self.answer(start_response, refusal.status, text.encode())
        return self.forward(environ, body, start_response, action, params)

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

    def script(self, action):
        with self.lock:
            count = self.seen[action] = self.seen.get(action, 0) + 1
        for fault in self.faults:
            if fault["action"] == action and fault["after"] < count <= fault["after"] + fault.get("times", 1):
                raise Refused(fault.get("status", 500), fault.get("type", "InternalServerError"), "scripted")

    def forward(self, environ, body, start_response, action, params):
        environ["wsgi.input"] = io.BytesIO(body)
        captured = {}

        def capture(status, headers, exc_info=None):
            captured["status"], captured["headers"] = status, headers

        with self.serving:
            answer = b"".join(self.app(environ, capture))
        if self.creating and captured["status"].startswith("200"):
            answer = self.slow_states(action, params, answer)
        headers = [(k, v) for k, v in captured["headers"] if k.lower() not in ("content-length", "x-amz-crc32")]
        start_response(captured["status"], headers + [("Content-Length", str(len(answer))),
                                                      ("x-amz-crc32", str(zlib.crc32(answer)))])
        return [answer]

    def slow_states(self, action, params, answer):
        if action == "CreateTable":
            self.pending[params["TableName"]] = self.creating
        if action == "UpdateTable":
            for update in params.get("GlobalSecondaryIndexUpdates", []):
                if "Create" in update:
                    self.pending[params["TableName"] + "/" + update["Create"]["IndexName"]] = self.creating
        if action != "DescribeTable":
            return answer
        description = json.loads(answer)
        table = description["Table"]
        if self.count_down(table["TableName"]):
            table["TableStatus"] = "CREATING"
        for index in table.get("GlobalSecondaryIndexes", []):
            if self.count_down(table["TableName"] + "/" + index["IndexName"]):
                index["IndexStatus"], index["Backfilling"] = "CREATING", True
                table["TableStatus"] = "UPDATING"
        return json.dumps(description).encode()

    def count_down(self, name):
        with self.lock:
            left = self.pending.get(name, 0)
            if left:
                self.pending[name] = left - 1
            return left > 0

    @staticmethod
    def answer(start_response, status, body):
        start_response(f"{status} scripted", [("Content-Type", "application/x-amz-json-1.0"),
                                              ("Content-Length", str(len(body)))])
        return [body]


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--creating", type=int, default=0)
    options = parser.parse_args()
    os.makedirs(options.dir, exist_ok=True)
    os.environ.setdefault("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    server = make_server("127.0.0.1", 0, Layer(options.dir, options.creating), threaded=True, request_handler=Quiet)
    with open(os.path.join(options.dir, "pid"), "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    temporary = os.path.join(options.dir, "env.new")
    with open(temporary, "w", encoding="ascii") as file:
        file.write(f"export AWS_ENDPOINT_URL=http://127.0.0.1:{server.server_port}\n"
                   f"export TEST_AWS_ENDPOINT=http://127.0.0.1:{server.server_port}\n"
                   f"export AWS_ACCESS_KEY_ID={ACCESS_KEY}\nexport AWS_SECRET_ACCESS_KEY={SECRET_KEY}\n"
                   "export AWS_REGION=us-east-1\n")
    os.rename(temporary, os.path.join(options.dir, "env"))
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
