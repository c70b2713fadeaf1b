"""boto3 as a client of the key server, driven from standard input, one JSON object a line.

A line: {"key": [access key id, secret, session token or null], "operation": "Decrypt", "parameters": {...}}. Its answer:
{"answer": {...}} or {"error": name, "message": text, "status": HTTP status}. Bytes are {"$bytes": base64} both ways, times
are seconds. The server's address is the only argument. boto3 signs, sends, retries nothing and checks no parameter.
"""

import base64
import datetime
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(region_name="us-east-1", parameter_validation=False, retries={"total_max_attempts": 1})
clients = {}


def client(key):
    if key[0] not in clients or clients[key[0]][0] != key:
        session = boto3.session.Session(
            aws_access_key_id=key[0], aws_secret_access_key=key[1], aws_session_token=key[2]
        )
        clients[key[0]] = (key, session.client("kms", endpoint_url=sys.argv[1], config=CONFIG))
    return clients[key[0]][1]


def decoded(value):
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        return {name: decoded(inner) for name, inner in value.items()}
    return [decoded(inner) for inner in value] if isinstance(value, list) else value


def encoded(value):
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: encoded(inner) for name, inner in value.items()}
    return [encoded(inner) for inner in value] if isinstance(value, list) else value


def called(work):
    kms = client(work["key"])
    methods = {operation: method for method, operation in kms.meta.method_to_api_mapping.items()}
    try:
        answer = getattr(kms, methods[work["operation"]])(**decoded(work["parameters"]))
    except ClientError as error:
        told, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"error": told["Code"], "message": told["Message"], "status": status}
    request = answer.pop("ResponseMetadata")
    assert request["RequestId"], "an answer has a request id"
    return {"answer": encoded(answer)}


for line in sys.stdin:
    print(json.dumps(called(json.loads(line))), flush=True)
