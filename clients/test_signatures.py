"""What a running gateway sends, judged by libraries that others wrote."""

import base64
import hashlib
import hmac
import importlib.util
import json
import os
import subprocess
import time
from pathlib import Path

import node
import pytest
import standardwebhooks
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECEIVERS = Path(__file__).parent.parent / "docs/guide/receivers"
OTHER_SECRET = "whsec_" + base64.b64encode(b"not the secret of any webhook").decode()


def load(path):
    """A module by its path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python_referee(webhook_class, error_class):
    def accepts(secret, headers, body):
        try:
            webhook_class(secret).verify(body, headers)
        except error_class:
            return False
        return True

    return lambda cases: [accepts(*case) for case in cases]


def node_referee(library):
    def judge(cases):
        question = [
            {"library": library, "secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
            for secret, headers, body in cases
        ]
        return [answer == "good" for answer in node.answers("referee.cjs", question)]

    return judge


REFEREES = {
    "python-standardwebhooks": python_referee(standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError),
    "python-svix": python_referee(svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError),
    "node-standardwebhooks": node_referee("standardwebhooks"),
    "node-svix": node_referee("svix"),
}


@pytest.fixture(params=REFEREES)
def judge(request):
    """Which of some (secret, headers, body) a library of Standard Webhooks accepts."""
    return REFEREES[request.param]


def test_w1_a_delivery_verifies_and_a_changed_one_does_not(alarm, receive, judge):
    receiver = receive()
    secret = alarm.webhook(receiver.url)["secret"]
    request_id = alarm.ring()
    [delivery] = receiver.wait_for(1)
    headers, body = delivery.headers, delivery.body
    assert json.loads(body)["request_id"] == request_id
    assert json.loads(body)["webhook_id"] == headers["webhook-id"]
    assert headers["user-agent"].startswith("Wardbell/")
    assert headers["content-type"] == "application/json"
    assert headers["x-wardbell-delivery"] == "1"
    older = str(int(headers["webhook-timestamp"]) - 1)
    assert judge([
        (secret, headers, body),
        (OTHER_SECRET, headers, body),
        (secret, headers, body.replace(b'"high"', b'"low"')),
        (secret, {**headers, "webhook-id": "wh_another"}, body),
        (secret, {**headers, "webhook-timestamp": older}, body),
    ]) == [True, False, False, False, False]


def test_w2_a_retry_has_the_same_id_and_a_signature_of_its_own_time(alarm, receive, judge):
    receiver = receive(fails_once=True)
    # This profile's pause is a second, so the two times differ.
    secret = alarm.webhook(receiver.url, retry="aisg")["secret"]
    alarm.ring()
    first, second = receiver.wait_for(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"]
    assert first.body == second.body
    assert judge([(secret, each.headers, each.body) for each in (first, second)]) == [True, True]


def test_w3_through_a_rotation_both_secrets_verify_and_after_it_the_new_one_does(alarm, receive, judge):
    receiver = receive()
    webhook = alarm.webhook(receiver.url)
    old, new = webhook["secret"], alarm.rotate(webhook, overlap_seconds=3600)
    alarm.ring()
    newest = alarm.rotate(webhook, overlap_seconds=0)
    receiver.wait_for(1)
    alarm.ring()
    during, after = receiver.wait_for(2)
    cases = [(secret, each.headers, each.body) for each in (during, after) for secret in (old, new, newest)]
    assert judge(cases) == [True, True, False, False, False, True]


def body_tag(secret, body):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_w4_x_aisg_signature_is_by_the_newest_secret_as_it_is_shown(alarm, receive):
    receiver = receive()
    webhook = alarm.webhook(receiver.url)
    alarm.ring()
    [delivery] = receiver.wait_for(1)
    assert delivery.headers["x-aisg-signature"] == body_tag(webhook["secret"], delivery.body)
    new = alarm.rotate(webhook, overlap_seconds=3600)
    alarm.ring()
    _, delivery = receiver.wait_for(2)
    assert delivery.headers["x-aisg-signature"] == body_tag(new, delivery.body)


def test_w5_the_page_verifies_a_v1a_token_that_another_library_made():
    private = Ed25519PrivateKey.generate()
    verified = load(RECEIVERS / "ed25519.py").verified
    stamp = int(time.time())

    def headers(at, key=private):
        token = base64.b64encode(key.sign(f"wh_1.{at}.".encode() + b"{}")).decode()
        return {"webhook-id": "wh_1", "webhook-timestamp": str(at), "webhook-signature": f"v1,AAAA v1a,! v1a,{token}"}

    assert verified(public_key(private), headers(stamp), b"{}")
    assert not verified(public_key(private), headers(stamp), b"{ }")
    assert not verified(public_key(private), headers(stamp - 302), b"{}")
    assert not verified(public_key(private), headers(stamp + 302), b"{}")
    assert not verified(public_key(private), headers(stamp, Ed25519PrivateKey.generate()), b"{}")
    assert not verified(public_key(private), {}, b"{}")


def public_key(private):
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "whpk_" + base64.b64encode(raw).decode()


def test_w6_profile_ed25519_verifies_with_the_public_key(alarm, receive):
    receiver = receive()
    seed = bytes(range(32))
    private = Ed25519PrivateKey.from_private_bytes(seed)
    secret = "whsk_" + base64.b64encode(seed).decode()
    alarm.webhook(receiver.url, signature="ed25519", secret=secret)
    alarm.ring()
    [delivery] = receiver.wait_for(1)
    verified = load(RECEIVERS / "ed25519.py").verified
    assert verified(public_key(private), delivery.headers, delivery.body)
    assert not verified(public_key(Ed25519PrivateKey.generate()), delivery.headers, delivery.body)
    assert not verified(public_key(private), delivery.headers, delivery.body + b" ")


def test_w7_profile_github_signs_the_body_with_the_secret_as_it_is_shown(alarm, receive):
    receiver = receive()
    secret = alarm.webhook(receiver.url, signature="github")["secret"]
    alarm.ring()
    [delivery] = receiver.wait_for(1)
    assert delivery.headers["x-hub-signature-256"] == body_tag(secret, delivery.body)
    assert "webhook-signature" not in delivery.headers and "x-aisg-signature" not in delivery.headers


def test_w8_profile_lockllm_sends_the_secret_as_it_is(alarm, receive):
    receiver = receive()
    secret = "a secret of 16 to 256 letters"
    alarm.webhook(receiver.url, signature="lockllm", secret=secret)
    alarm.ring()
    [delivery] = receiver.wait_for(1)
    assert delivery.headers["x-lockllm-signature"] == secret
    assert delivery.headers["webhook-id"].startswith("wh_")
    assert "webhook-signature" not in delivery.headers and "x-aisg-signature" not in delivery.headers


def test_w9_wardbell_verify_judges_each_profile(whole_site, tmp_path):
    """Deliveries that are signed here, by other hands than the gateway's."""
    body = b'{"webhook_id":"wh_1"}'
    stamp = str(int(time.time()))
    secret = "whsec_" + base64.b64encode(b"the secret of a webhook").decode()
    private = Ed25519PrivateKey.generate()
    v1a = "v1a," + base64.b64encode(private.sign(f"wh_1.{stamp}.".encode() + body)).decode()
    key = public_key(private)
    ids = {"webhook-id": "wh_1", "webhook-timestamp": stamp}

    def judge(headers, key, *flags):
        saved = tmp_path / "delivery.txt"
        lines = [f"{name}: {value}" for name, value in {**ids, **headers}.items()]
        saved.write_bytes("\r\n".join([*lines, "", ""]).encode() + body)
        ran = subprocess.run(
            [whole_site.gateway.binary, "verify", saved, "--max-age", "300", *flags], capture_output=True, text=True,
            env={"PATH": os.environ.get("PATH", ""), "WARDBELL_WEBHOOK_SECRET": key}, timeout=20,
        )
        assert (ran.returncode == 0) == ran.stdout.startswith("good: verified by"), ran
        return ran.returncode == 0

    github, lockllm = ("--profile", "github"), ("--profile", "lockllm")
    assert judge({"webhook-signature": v1a}, key)
    assert not judge({"webhook-signature": v1a}, public_key(Ed25519PrivateKey.generate()))
    assert judge({"x-hub-signature-256": body_tag(secret, body)}, secret, *github)
    assert not judge({"x-hub-signature-256": body_tag(OTHER_SECRET, body)}, secret, *github)
    assert not judge({"x-hub-signature-256": body_tag(secret, body)}, secret)
    assert judge({"x-lockllm-signature": "a secret of letters"}, "a secret of letters", *lockllm)
    assert not judge({"x-lockllm-signature": "a secret of letter"}, "a secret of letters", *lockllm)
