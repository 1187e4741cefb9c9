"""The published `openai` client against a real gateway."""

import openai
import pytest
from conftest import CLEAN, INJECTION, PERSONAL, says
from fake_provider import CONTENT

MODEL = "gpt-4o-mini"


@pytest.fixture
def connect(site):
    """Opens a client with a key that does not retry, and closes it after the check."""
    clients = []

    def connect(key):
        clients.append(openai.OpenAI(base_url=site.base_url, api_key=key, max_retries=0))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def test_a_clean_request_is_answered_with_our_metadata_beside(site, connect):
    answer = connect(site.redact_key).chat.completions.create(model=MODEL, messages=says(CLEAN))
    assert answer.choices[0].message.content == CONTENT
    assert answer.model == MODEL
    assert answer.usage.total_tokens == 29
    assert answer.model_extra["aisg_metadata"]["pii_detected"] is False
    assert answer.model_extra["x_request_id"].startswith("req_")


def test_personal_data_is_redacted(site, connect):
    raw = connect(site.redact_key).chat.completions.with_raw_response.create(model=MODEL, messages=says(PERSONAL))
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse().model_extra["aisg_metadata"]["dlp_action"] == "redact"
    assert b"jane.doe" not in site.provider.bodies[-1]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("policy, text", [("block", PERSONAL), ("redact", INJECTION)])
def test_a_block_is_a_bad_request_with_the_aisg_body(site, connect, policy, text, stream):
    key = site.block_key if policy == "block" else site.redact_key
    with pytest.raises(openai.BadRequestError) as caught:
        connect(key).chat.completions.create(model=MODEL, messages=says(text), stream=stream)
    error = caught.value
    assert error.status_code == 400
    assert error.code is None
    # The client looks for `error` in the body and finds the string that AISG has there.
    assert error.body == "pii_policy_violation"
    assert error.request_id.startswith("req_")
    body = error.response.json()
    assert body["error"] == "pii_policy_violation"
    assert body["violations"]
    assert site.provider.bodies == []


def test_a_stream_joins_to_the_whole(site, connect):
    stream = connect(site.redact_key).chat.completions.create(
        model=MODEL, messages=says(CLEAN), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == CONTENT
    assert chunks[-1].usage.total_tokens == 29


def test_a_wrong_key_is_told_as_such(site, connect):
    with pytest.raises((openai.AuthenticationError, openai.PermissionDeniedError)):
        connect("sk-this-key-was-never-issued").chat.completions.create(model=MODEL, messages=says(CLEAN))
    assert site.provider.bodies == []


def test_a_block_is_not_repeated_by_a_client_that_retries(site):
    with openai.OpenAI(base_url=site.base_url, api_key=site.block_key) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=MODEL, messages=says(PERSONAL))
    assert caught.value.response.headers.get("x-should-retry") == "false"


def test_tools_and_unknown_fields_pass_untouched(site, connect):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
    messages = [
        *says(CLEAN),
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"a\": 1.0}"}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    connect(site.redact_key).chat.completions.create(
        model=MODEL, messages=messages, tools=tools, seed=7, extra_body={"a_field_of_tomorrow": {"deep": [1, 2.50]}}
    )
    sent = site.provider.last()
    assert sent["messages"] == messages
    assert sent["tools"] == tools
    assert (sent["seed"], sent["a_field_of_tomorrow"]) == (7, {"deep": [1, 2.50]})
