"""An AWS Lambda function behind API Gateway that receives alerts of the first product's kind."""

import base64
import hashlib
import hmac
import json
import os

seen = set()  # lives as long as the instance; a real function asks a table


def handler(event, context):
    # A REST API passes header names as they were sent, an HTTP API in lower case.
    headers = {name.lower(): value for name, value in event["headers"].items()}
    body = event["body"].encode()
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    secret = os.environ["WARDBELL_WEBHOOK_SECRET"].encode()
    expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), headers.get("x-aisg-signature", "").encode()):
        return {"statusCode": 401, "body": ""}
    alert = json.loads(body)
    if alert["webhook_id"] not in seen:
        seen.add(alert["webhook_id"])
        print("alert", alert["event"], alert["project_id"], ",".join(alert["data"]["entity_types"]), flush=True)
    return {"statusCode": 200, "body": ""}
