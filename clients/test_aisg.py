"""The published `aisg` and `occludra` clients against a real gateway: their names for the answer, their errors."""

import asyncio
import json

import aisg
import occludra
import pytest
from conftest import CLEAN, INJECTION, PERSONAL, says
from fake_provider import CONTENT

MODEL = "gpt-4o-mini"


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
        assert set(violation) == {"entity_type", "start", "end", "score"}
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


@pytest.mark.parametrize("client_class", [aisg.AsyncAISG, occludra.AsyncOccludra], ids=["aisg", "occludra"])
def test_a17_the_asynchronous_clients_do_the_same(site, client_class):
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

    asyncio.run(check())


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
