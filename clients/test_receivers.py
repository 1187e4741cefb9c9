"""Receivers as the documents of both products and our own page show them, in processes of their own, with real alerts."""

import base64
import importlib.util
import json
import os
import re
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alarm import INJECTION
from node import NODE
from receiver import post
from standardwebhooks import Webhook

HERE = Path(__file__).parent
ROOT = HERE.parent
PAGE = ROOT / "docs/guide/receive-alerts.md"
DOCUMENTED = ROOT / "docs/guide/receivers"


def rust():
    binary = Path(os.environ.get("WARDBELL_RECEIVER_BIN") or ROOT / "target/debug/examples/receiver").absolute()
    if not binary.exists():
        pytest.fail(f"{binary} is not there: build it with `cargo build --package wardbell --example receiver`")
    return [binary]


OURS = {
    "python": lambda: [sys.executable, DOCUMENTED / "receiver.py"],
    "node": lambda: [NODE, DOCUMENTED / "receiver.mjs"],
    "rust": rust,
}
AISG = {
    "flask": lambda: [sys.executable, HERE / "receivers/aisg_flask.py"],
    "express": lambda: [NODE, HERE / "receivers/aisg_express.cjs"],
}
LOCKLLM = {
    "flask": lambda: [sys.executable, HERE / "receivers/lockllm_flask.py"],
    "express": lambda: [NODE, HERE / "receivers/lockllm_express.cjs"],
}


class Scene:
    """A receiver behind a front that loses its first answer, and a webhook that points to the front."""

    def __init__(self, alarm, receive, run, command, **settings):
        # The receiver must know the secret before it starts, and the webhook where the receiver is.
        self.secret = settings.setdefault("secret", "whsec_" + base64.b64encode(os.urandom(32)).decode())
        self.receiver = run(command(), self.secret)
        self.front = receive(target=self.receiver.url, fails_once=True)
        self.webhook = alarm.webhook(self.front.url, **settings)


def check_retry(alarm, scene):
    """The first answer is lost: the delivery comes twice, is accepted twice, and is handled once."""
    alarm.ring()
    first, second = scene.front.wait_for(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.answer in (200, 204) and second.answer == first.answer
    [handled] = scene.receiver.alerts(1)
    return second, handled


@pytest.mark.parametrize("command", OURS.values(), ids=OURS)
def test_r1_the_receivers_of_our_page_verify_and_handle_a_retry_once(alarm, receive, run, command):
    scene = Scene(alarm, receive, run, command)
    delivery, handled = check_retry(alarm, scene)
    assert handled == f"dlp.pii_blocked high {delivery.headers['webhook-id']}"

    # The old secret is accepted while it still signs.
    alarm.rotate(scene.webhook, overlap_seconds=3600)
    alarm.ring(INJECTION)
    *_, third = scene.front.wait_for(3)
    assert len(third.headers["webhook-signature"].split(" ")) == 2
    handled = scene.receiver.alerts(2)
    assert len(handled) == 2 and handled[1] == f"dlp.injection_blocked high {third.headers['webhook-id']}"


@pytest.mark.parametrize("command", OURS.values(), ids=OURS)
def test_r2_the_receivers_of_our_page_refuse_what_is_forged_or_old(run, command):
    secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
    receiver = run(command(), secret)
    body = json.dumps({"event": "dlp.pii_blocked", "severity": "high", "webhook_id": "wh_1"})
    now = datetime.now(timezone.utc)

    def headers(id, at=now, secret=secret):
        signature = Webhook(secret).sign(id, at, body)
        stamp = str(int(at.timestamp()))
        return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature}

    def send(headers, body=body):
        return post(receiver.url, {"content-type": "application/json", **headers}, body.encode())

    assert send(headers("wh_1")) == 204
    assert send(headers("wh_2"), body.replace("high", "low")) == 401
    assert send(headers("wh_3", now - timedelta(seconds=310))) == 401
    assert send(headers("wh_4", now + timedelta(seconds=310))) == 401
    assert send(headers("wh_5", secret="whsec_" + base64.b64encode(b"somebody else").decode())) == 401
    assert send({**headers("wh_6"), "webhook-id": "wh_7"}) == 401
    for name in headers("wh_8"):
        assert send({key: value for key, value in headers("wh_8").items() if key != name}) == 401
    for stamp in ["now", "-1", "", "9" * 5000]:
        assert send({**headers("wh_9"), "webhook-timestamp": stamp}) == 401
    for tokens in ["v1,", "v1", "v1,!!!!", "v1a,AAAA", "", " "]:
        assert send({**headers("wh_10"), "webhook-signature": tokens}) == 401
    # The right token among strange ones, and a delivery of the time before the last one.
    tokens = f"v2,x v1a,AAAA {headers('wh_11')['webhook-signature']}"
    assert send({**headers("wh_11"), "webhook-signature": tokens}) == 204
    assert send(headers("wh_12", now - timedelta(seconds=250))) == 204
    assert send(headers("wh_13"), "x" * (1024 * 1024 + 1)) == 413
    assert len(receiver.alerts(3)) == 3


@pytest.mark.parametrize("command", AISG.values(), ids=AISG)
def test_r3_receivers_of_the_first_product_work_unchanged(alarm, receive, run, command):
    scene = Scene(alarm, receive, run, command)
    delivery, handled = check_retry(alarm, scene)
    assert handled == f"dlp.pii_blocked {alarm.project} EMAIL_ADDRESS,US_SSN"
    changed = delivery.body.replace(b'"high"', b'"low"')
    assert changed != delivery.body
    assert post(scene.receiver.url, delivery.headers, changed) == 401
    unsigned = {name: value for name, value in delivery.headers.items() if name != "x-aisg-signature"}
    assert post(scene.receiver.url, unsigned, delivery.body) == 401
    assert len(scene.receiver.alerts(1)) == 1


def test_r4_a_lambda_function_of_the_first_product_works_unchanged(alarm, receive, monkeypatch, capsys):
    receiver = receive(fails_once=True)
    webhook = alarm.webhook(receiver.url)
    monkeypatch.setenv("WARDBELL_WEBHOOK_SECRET", webhook["secret"])
    spec = importlib.util.spec_from_file_location("aisg_lambda", HERE / "receivers/aisg_lambda.py")
    function = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(function)
    alarm.ring()
    first, second = receiver.wait_for(2)

    # What a REST API hands over, and what an HTTP API does.
    titled = {name.title(): value for name, value in first.headers.items()}
    plain = {"resource": "/alerts", "httpMethod": "POST", "headers": titled, "body": first.body.decode()}
    encoded = {
        "version": "2.0", "rawPath": "/alerts", "headers": second.headers,
        "body": base64.b64encode(second.body).decode(), "isBase64Encoded": True,
    }
    assert function.handler(plain, None)["statusCode"] == 200
    assert function.handler(encoded, None)["statusCode"] == 200
    changed = {**plain, "body": plain["body"].replace("high", "low")}
    assert function.handler(changed, None)["statusCode"] == 401
    assert function.handler({**plain, "headers": {}}, None)["statusCode"] == 401
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("alert ")]
    assert said == [f"alert dlp.pii_blocked {alarm.project} EMAIL_ADDRESS,US_SSN"]


@pytest.mark.parametrize("command", LOCKLLM.values(), ids=LOCKLLM)
def test_r5_receivers_of_the_second_product_work_unchanged(alarm, receive, run, command):
    settings = {"format": "raw", "signature": "lockllm", "secret": "a secret of the operator's"}
    scene = Scene(alarm, receive, run, command, **settings)
    request_id = alarm.ring(INJECTION)
    first, second = scene.front.wait_for(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [first.answer, second.answer] == [200, 200]
    assert scene.receiver.alerts(1) == [f"prompt_injection_detected {request_id}"]
    assert post(scene.receiver.url, {**first.headers, "x-lockllm-signature": "another secret"}, first.body) == 401


@pytest.mark.parametrize("command", LOCKLLM.values(), ids=LOCKLLM)
def test_r6_receivers_of_the_second_product_tell_requests_and_secrets_apart(run, command):
    receiver = run(command(), "a secret of the operator's")

    def send(request_id, secret="a secret of the operator's"):
        body = json.dumps({"event": "prompt_injection_detected", "request_id": request_id}).encode()
        return post(receiver.url, {"content-type": "application/json", "x-lockllm-signature": secret}, body)

    assert [send("req_1"), send("req_1"), send("req_2")] == [200, 200, 200]
    assert [send("req_3", ""), send("req_3", "a secret of the operatorss")] == [401, 401]
    assert receiver.alerts(2) == ["prompt_injection_detected req_1", "prompt_injection_detected req_2"]


def test_r7_the_page_shows_the_files_that_these_checks_run():
    shown = re.findall(r"^```[a-z]+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for file in sorted(DOCUMENTED.iterdir()):
        if file.is_file():
            assert file.read_text() in shown, f"{PAGE.name} does not show {file.name} as it is"
