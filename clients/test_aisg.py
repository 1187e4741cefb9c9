"""The published `aisg` and `occludra` clients against a real gateway: their names for the answer, their errors."""

import asyncio
import hashlib
import hmac
import json
import time

import aisg
import httpx
import occludra
import pytest
from conftest import CLEAN, INJECTION, PERSONAL, says
from fake_provider import CONTENT
from gateway import Gateway

MODEL = "gpt-4o-mini"
# A finding in every word. The first is several seconds of reading for a debug build, the last for any.
TOO_MANY_WORDS = (500_000, 1_500_000, 4_000_000)


@pytest.fixture(params=[aisg.AISG, occludra.Occludra], ids=["aisg", "occludra"])
def connect(request, site):
    """Opens a client with a key, and closes it after the check."""
    clients = []

    def connect(key):
        clients.append(request.param(api_key=key, base_url=site.base_url))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def test_a1_a_clean_request_is_answered(site, connect):
    answer = connect(site.redact_key).chat.create(model=MODEL, messages=says(CLEAN))
    assert answer.content == CONTENT
    assert answer.usage.total_tokens == 29
    assert answer.x_request_id.startswith("req_")
    assert answer.aisg_metadata.pii_detected is False
    assert answer.aisg_metadata.dlp_action is None
    assert site.provider.last()["messages"] == says(CLEAN)


def test_a2_personal_data_is_redacted_on_its_way_out(site, connect):
    answer = connect(site.redact_key).chat.create(model=MODEL, messages=says(PERSONAL))
    metadata = answer.aisg_metadata
    assert metadata.pii_detected is True
    assert metadata.dlp_action == "redact"
    assert metadata.violations_count == 2
    assert {"EMAIL_ADDRESS", "US_SSN"} <= set(metadata.entity_types_detected)
    assert site.provider.last()["messages"] == says("Write to [REDACTED]; her SSN is [REDACTED].")


def check_block(error, text):
    """A block tells kinds and places, an id, and nothing of the text."""
    assert error.status_code == 400
    assert error.request_id.startswith("req_")
    for violation in error.violations:
        # Of an injection the rule is told, too: Wardbell's own word, which the clients pass on.
        is_injection = violation["entity_type"] == "PROMPT_INJECTION"
        assert set(violation) == {"entity_type", "start", "end", "score"} | ({"reason"} if is_injection else set())
    assert text not in json.dumps(error.body)


def test_a3_personal_data_is_blocked_and_never_leaves(site, connect):
    with pytest.raises(aisg.DLPBlockError) as caught:
        connect(site.block_key).chat.create(model=MODEL, messages=says(PERSONAL))
    check_block(caught.value, "jane.doe@example.com")
    found = {PERSONAL[each["start"]:each["end"]] for each in caught.value.violations}
    assert found == {"jane.doe@example.com", "536-22-8726"}
    assert site.provider.bodies == []


def test_a4_an_injection_is_blocked_where_personal_data_is_only_redacted(site, connect):
    with pytest.raises(aisg.DLPBlockError) as caught:
        connect(site.redact_key).chat.create(model=MODEL, messages=says(INJECTION))
    check_block(caught.value, INJECTION)
    assert "PROMPT_INJECTION" in {violation["entity_type"] for violation in caught.value.violations}
    assert "injection" in str(caught.value).lower()
    assert site.provider.bodies == []


@pytest.mark.parametrize("policy, text", [("block", PERSONAL), ("redact", INJECTION)])
def test_a5_a_block_of_a_stream_is_raised_when_iteration_starts(site, connect, policy, text):
    key = site.block_key if policy == "block" else site.redact_key
    stream = connect(key).chat.create(model=MODEL, messages=says(text), stream=True)
    with pytest.raises(aisg.DLPBlockError) as caught:
        next(iter(stream))
    check_block(caught.value, text)
    assert site.provider.bodies == []


def test_a6_a_clean_stream_joins_to_the_whole_and_stops(site, connect):
    chunks = list(connect(site.redact_key).chat.create(model=MODEL, messages=says(CLEAN), stream=True))
    assert all(isinstance(chunk, dict) and chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    pieces = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(pieces) == CONTENT


def test_a7_a_wrong_key_opens_nothing(site, connect):
    with pytest.raises(aisg.AuthenticationError) as caught:
        connect("oah_this_key_was_never_issued").chat.create(model=MODEL, messages=says(CLEAN))
    assert caught.value.status_code in (401, 403)
    assert site.provider.bodies == []


def test_a8_an_exhausted_project_is_told_and_nothing_leaves(site, connect):
    project, key = site.gateway.project("exhausted", {}, site.provider.url)
    site.gateway.api("PUT", f"/projects/{project}/budget", {"balance_usd": 0.000001})
    with pytest.raises(aisg.BudgetExhaustedError) as caught:
        connect(key).chat.create(model=MODEL, messages=says(CLEAN))
    assert caught.value.status_code == 402
    assert caught.value.body["detail"]["error"] == "budget_exhausted"
    assert not site.provider.bodies
    site.gateway.api("POST", f"/projects/{project}/budget/top-up", {"amount_usd": 5})
    assert connect(key).chat.create(model=MODEL, messages=says(CLEAN)).content == CONTENT


def test_a9_the_sixth_identical_call_is_refused_and_another_passes(site, connect):
    _, key = site.gateway.project("a loop", {"loop": {"enabled": True}}, site.provider.url)
    client = connect(key)
    for _ in range(5):
        client.chat.create(model=MODEL, messages=says(CLEAN))
    for _ in range(2):
        with pytest.raises(aisg.RateLimitError) as caught:
            client.chat.create(model=MODEL, messages=says(CLEAN))
        assert caught.value.body["detail"]["error"] == "recursive_loop_detected"
        assert 0 < caught.value.body["detail"]["cooldown_seconds"] <= 30
    assert client.chat.create(model=MODEL, messages=says("Who painted the ceiling?")).content == CONTENT
    assert len(site.provider.bodies) == 6


def test_a10_a_burst_over_the_rate_is_refused_and_not_passed_on(site, connect):
    # Ten a second and ten at once: AISG's rate, and the default.
    policy = {"loop": {"enabled": False}}
    project = site.gateway.api("POST", "/projects", {"name": "a burst", "policy": policy})["id"]
    site.gateway.provider(project, "openai", "openai", site.provider.url)
    client = connect(site.gateway.key(project))
    refused = []
    for _ in range(30):
        try:
            client.chat.create(model=MODEL, messages=says(CLEAN))
        except aisg.RateLimitError as error:
            refused.append(error)
    assert refused, "thirty calls in a row take less than two seconds"
    for error in refused:
        assert error.status_code == 429
        assert error.body["error"] == "rate_limit_exceeded"
    assert len(site.provider.bodies) == 30 - len(refused) >= 10


def test_a11_an_unknown_model_is_told_with_the_nearest_one(site, connect):
    site.provider.status = 404
    message = "The model `gpt-4o-mni` does not exist or you do not have access to it."
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "model_not_found"}
    site.provider.error = {"error": error}
    with pytest.raises(aisg.ModelNotFoundError) as caught:
        connect(site.redact_key).chat.create(model="gpt-4o-mni", messages=says(CLEAN))
    assert caught.value.status_code == 400
    assert caught.value.suggested_model == "gpt-4o-mini"
    assert message in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
def test_a12_a_failing_provider_is_an_upstream_error(site, connect, stream):
    site.provider.status = 500
    with pytest.raises(aisg.UpstreamError) as caught:
        answer = connect(site.redact_key).chat.create(model=MODEL, messages=says(CLEAN), stream=stream)
        list(answer)
    assert caught.value.status_code == 502


def test_a12_a_silent_provider_is_a_504(site, connect):
    site.provider.pause = 3.0
    with pytest.raises(aisg.AISGError) as caught:
        connect(site.redact_key).chat.create(model=MODEL, messages=says(CLEAN))
    assert caught.value.status_code == 504


@pytest.fixture(scope="module")
def catalogue(whole_site):
    """A key of a project with two providers of unlike models."""
    project, key = whole_site.gateway.project("two providers", {}, whole_site.provider.url)
    whole_site.gateway.provider(project, "anthropic", "anthropic", whole_site.provider.url)
    return key


def check_models(every, claudes, seeing, at_openai):
    """What `models.list` gives: all, by family, by capability, by provider."""
    assert all(isinstance(model, aisg.ModelInfo) and model.object == "model" for model in every)
    by_id = {model.id: model for model in every}
    mini = by_id[MODEL]
    assert mini.providers == ["openai"]
    # $0.15 and $0.60 for a million: OpenAI's public price list.
    assert (mini.pricing.input_per_1m_tokens, mini.pricing.output_per_1m_tokens) == (0.15, 0.6)
    assert claudes and all(model.family == "claude" and model.providers == ["anthropic"] for model in claudes)
    assert mini in seeing and all(model.supports_vision for model in seeing) and len(seeing) < len(every)
    assert mini in at_openai and all("openai" in model.providers for model in at_openai)
    assert len(at_openai) < len(every)


def test_a13_models_are_listed_and_filtered(site, connect, catalogue):
    models = connect(catalogue).models
    check_models(
        models.list(), models.list(family="claude"), models.list(capability="vision"), models.list(provider="openai")
    )
    assert models.list(family="no-such-family") == []
    assert site.provider.requests == []


def test_a13_a_price_has_its_two_keys_and_no_other(site, catalogue):
    # The client fails on a third.
    answer = httpx.get(f"{site.base_url}/models", headers={"authorization": f"Bearer {catalogue}"})
    assert {key for model in answer.json()["data"] for key in model["pricing"]} == {
        "input_per_1m_tokens", "output_per_1m_tokens",
    }


def test_a14_a_header_names_the_provider(site, connect):
    project, key = site.gateway.project("a choice", {}, site.provider.url)
    site.gateway.provider(project, "groq", "groq", site.provider.origin)
    answer = connect(key).chat.create(
        model="llama-3.3-70b-versatile", messages=says(CLEAN), extra_headers={"x-provider": "groq"}
    )
    assert answer.aisg_metadata.provider_selected == "groq"
    sent = site.provider.requests[-1]
    assert (sent.path, sent.headers["authorization"]) == ("/openai/v1/chat/completions", "Bearer sk-groq-provider-key")
    assert connect(key).chat.create(model=MODEL, messages=says(CLEAN)).aisg_metadata.provider_selected == "openai"
    assert site.provider.requests[-1].path == "/v1/chat/completions"


def test_a15_what_could_not_be_checked_is_not_passed_on(site, binary, tmp_path, stops):
    # The detectors get the shortest time that can be set, a second, and more text than they can read in it.
    gateway = Gateway(binary, tmp_path, WARDBELL_LIMITS_DETECT_SECONDS_MAX="1")
    stops.append(gateway)
    _, key = gateway.project("too much to read", {}, site.provider.url)
    with aisg.AISG(api_key=key, base_url=f"{gateway.url}/v1") as client:
        assert client.chat.create(model=MODEL, messages=says(CLEAN)).content == CONTENT
        with pytest.raises(aisg.AISGError) as caught:
            for words in TOO_MANY_WORDS:
                site.provider.reset()
                client.chat.create(model=MODEL, messages=says("536-22-8726 " * words))
    assert caught.value.status_code == 500
    assert caught.value.body["detail"]["error"] == "security_processing_error"
    assert site.provider.requests == []


def test_a16_the_name_of_the_loop_error_is_there():
    from occludra import LoopDetectedError

    assert issubclass(LoopDetectedError, aisg.AISGError)


@pytest.mark.parametrize("client_class", [aisg.AsyncAISG, occludra.AsyncOccludra], ids=["aisg", "occludra"])
def test_a17_the_asynchronous_clients_do_the_same(site, client_class, catalogue):
    async def check():
        async with client_class(api_key=site.redact_key, base_url=site.base_url) as client:
            answer = await client.chat.create(model=MODEL, messages=says(CLEAN))
            assert answer.content == CONTENT
            pieces = []
            async for chunk in await client.chat.create(model=MODEL, messages=says(CLEAN), stream=True):
                pieces += [choice["delta"].get("content") or "" for choice in chunk["choices"]]
            assert "".join(pieces) == CONTENT
        async with client_class(api_key=site.block_key, base_url=site.base_url) as client:
            with pytest.raises(aisg.DLPBlockError) as caught:
                await client.chat.create(model=MODEL, messages=says(PERSONAL))
            check_block(caught.value, "jane.doe@example.com")
        async with client_class(api_key=catalogue, base_url=site.base_url) as client:
            lists = [{}, {"family": "claude"}, {"capability": "vision"}, {"provider": "openai"}]
            check_models(*[await client.models.list(**by) for by in lists])

    asyncio.run(check())


@pytest.fixture
def wired(site, receive, request):
    """Makes a project with a webhook: a key, the receiver, the webhook's secret, the project."""
    def wire(action, settings=None, **how):
        policy = {"dlp": {"action": action}}
        project, key = site.gateway.project(f"{request.node.name[:50]} {action}", policy, site.provider.url)
        receiver = receive(**how)
        webhook = {"url": receiver.url, **(settings or {})}
        secret = site.gateway.api("POST", f"/projects/{project}/webhooks", webhook)["secret"]
        return key, receiver, secret, project

    return wire


@pytest.mark.parametrize("action, text, event, types, severity", [
    ("redact", PERSONAL, "dlp.pii_redacted", ["EMAIL_ADDRESS", "US_SSN"], "medium"),
    ("block", PERSONAL, "dlp.pii_blocked", ["EMAIL_ADDRESS", "US_SSN"], "high"),
    # An order to ignore and an order to reveal.
    ("redact", INJECTION, "dlp.injection_blocked", ["PROMPT_INJECTION"], "high"),
], ids=["redacted", "blocked", "injection"])
def test_aw_each_finding_is_one_signed_webhook(connect, wired, action, text, event, types, severity):
    key, receiver, secret, project = wired(action)
    try:
        request_id = connect(key).chat.create(model=MODEL, messages=says(text)).x_request_id
    except aisg.DLPBlockError as error:
        request_id = error.request_id
    [delivery] = receiver.wait_for(1)
    # As the first product's page verifies it: the whole secret, the raw body.
    tag = hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    assert delivery.headers["x-aisg-signature"] == f"sha256={tag}"
    body = delivery.json()
    assert (body["event"], body["project_id"], body["request_id"]) == (event, project, request_id)
    assert body["webhook_id"].startswith("wh_") and body["timestamp"].endswith("Z")
    assert (body["data"]["entity_types"], body["data"]["model"], body["severity"]) == (types, MODEL, severity)
    assert body["data"]["violation_count"] == 2
    assert b"jane.doe" not in delivery.body and b"previous instructions" not in delivery.body


def test_aw_an_exhausted_budget_and_a_loop_are_one_signed_webhook_each(site, connect, wired):
    key, receiver, secret, project = wired("redact")
    site.gateway.api("PUT", f"/projects/{project}/budget", {"balance_usd": 0.000001})
    for _ in range(3):
        with pytest.raises(aisg.BudgetExhaustedError):
            connect(key).chat.create(model=MODEL, messages=says(CLEAN))
    [exhausted] = receiver.wait_for(1)
    site.gateway.api("PUT", f"/projects/{project}/budget", {"balance_usd": 100})
    site.gateway.api("PATCH", f"/projects/{project}", {"policy": {"loop": {"enabled": True}}})
    for number in range(7):
        try:
            connect(key).chat.create(model=MODEL, messages=says(CLEAN))
        except aisg.RateLimitError:
            assert number >= 5
    _, looped = receiver.wait_for(2)
    wanted = {"balance_usd", "model"}, {"fingerprint", "hit_count", "model", "cooldown_seconds"}
    for delivery, event, keys in zip((exhausted, looped), ("budget.exhausted", "loop.detected"), wanted):
        tag = hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
        assert delivery.headers["x-aisg-signature"] == f"sha256={tag}"
        body = delivery.json()
        assert (body["event"], body["project_id"], body["severity"]) == (event, project, "medium")
        assert keys <= set(body["data"])
    time.sleep(0.3)
    assert len(receiver.deliveries) == 2, "once in an episode"


def test_aw_a_failing_receiver_is_tried_three_times_with_one_id(site, wired):
    key, receiver, _, project = wired("block", {"retry": "aisg"}, status=500)
    with aisg.AISG(api_key=key, base_url=site.base_url) as client:
        with pytest.raises(aisg.DLPBlockError):
            client.chat.create(model=MODEL, messages=says(PERSONAL))
    deliveries = receiver.wait_for(3)
    assert len({delivery.json()["webhook_id"] for delivery in deliveries}) == 1
    assert len({delivery.body for delivery in deliveries}) == 1
    # The third is the last: what was given up is a dead letter, with three attempts.
    until = time.monotonic() + 10
    while not (dead := site.gateway.api("GET", f"/projects/{project}/deliveries?state=dead")["data"]):
        assert time.monotonic() < until, "no dead letter"
        time.sleep(0.1)
    assert len(dead) == 1 and len(receiver.deliveries) == 3


def test_aw_a_slow_receiver_makes_no_call_wait(site, wired):
    key, receiver, _, _ = wired("redact", pause=2.0)
    with aisg.AISG(api_key=key, base_url=site.base_url) as client:
        started = time.monotonic()
        for _ in range(2):
            assert client.chat.create(model=MODEL, messages=says(PERSONAL)).content == CONTENT
        took = time.monotonic() - started
    receiver.wait_for(2)
    assert took < 1.5


def test_the_variables_of_the_client_are_enough(site, monkeypatch):
    monkeypatch.setenv("AISG_API_KEY", site.redact_key)
    monkeypatch.setenv("AISG_BASE_URL", site.base_url)
    with aisg.AISG() as client:
        assert client.chat.create(model=MODEL, messages=says(CLEAN)).content == CONTENT


def test_no_prompt_reaches_the_log(site, connect):
    connect(site.redact_key).chat.create(model=MODEL, messages=says(PERSONAL))
    with pytest.raises(aisg.DLPBlockError):
        connect(site.redact_key).chat.create(model=MODEL, messages=says(INJECTION))
    logs = site.gateway.logs()
    for secret in ["jane.doe@example.com", "536-22-8726", INJECTION, site.redact_key, CONTENT]:
        assert secret not in logs
