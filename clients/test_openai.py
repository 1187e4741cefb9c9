"""The published `openai` client against a real gateway."""

import asyncio

import openai
import pytest
from conftest import CLEAN, INJECTION, PERSONAL, says
from fake_provider import CONTENT

MODEL = "gpt-4o-mini"
# A response that the provider keeps.
BEFORE = "resp_67cb32528d6881909eb2859a55e18a85"


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


def test_openai_a_clean_request_is_answered_with_our_metadata_beside(site, connect):
    answer = connect(site.redact_key).chat.completions.create(model=MODEL, messages=says(CLEAN))
    assert answer.choices[0].message.content == CONTENT
    assert answer.model == MODEL
    assert answer.usage.total_tokens == 29
    assert answer.model_extra["aisg_metadata"]["pii_detected"] is False
    assert answer.model_extra["x_request_id"].startswith("req_")


def test_openai_personal_data_is_redacted(site, connect):
    raw = connect(site.redact_key).chat.completions.with_raw_response.create(model=MODEL, messages=says(PERSONAL))
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse().model_extra["aisg_metadata"]["dlp_action"] == "redact"
    assert b"jane.doe" not in site.provider.bodies[-1]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("policy, text", [("block", PERSONAL), ("redact", INJECTION)])
def test_openai_a_block_is_a_bad_request_with_the_aisg_body(site, connect, policy, text, stream):
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


def test_openai_a_stream_joins_to_the_whole(site, connect):
    stream = connect(site.redact_key).chat.completions.create(
        model=MODEL, messages=says(CLEAN), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == CONTENT
    assert chunks[-1].usage.total_tokens == 29


def test_openai_a_response_names_the_one_before(site, connect):
    answer = connect(site.redact_key).responses.create(
        model=MODEL, input=PERSONAL, instructions="Be brief.", previous_response_id=BEFORE
    )
    assert answer.output_text == CONTENT
    assert answer.previous_response_id == BEFORE
    assert answer.usage.total_tokens == 29
    sent = site.provider.requests[-1]
    assert (sent.path, sent.headers["authorization"]) == ("/v1/responses", "Bearer sk-openai-provider-key")
    assert sent.json() == {
        "model": MODEL,
        "input": "Write to [REDACTED]; her SSN is [REDACTED].",
        "instructions": "Be brief.",
        "previous_response_id": BEFORE,
    }


def test_openai_a_response_streams(site, connect):
    events = list(connect(site.redact_key).responses.create(model=MODEL, input=CLEAN, stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == CONTENT
    assert events[-1].type == "response.completed" and events[-1].response.output_text == CONTENT
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_openai_a_completion_is_answered(site, connect):
    answer = connect(site.redact_key).completions.create(model="gpt-3.5-turbo-instruct", prompt=PERSONAL)
    assert (answer.choices[0].text, answer.usage.total_tokens) == (CONTENT, 29)
    assert site.provider.requests[-1].path == "/v1/completions"
    assert site.provider.last()["prompt"] == "Write to [REDACTED]; her SSN is [REDACTED]."


def test_openai_a_completion_streams(site, connect):
    chunks = connect(site.redact_key).completions.create(model="gpt-3.5-turbo-instruct", prompt=CLEAN, stream=True)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == CONTENT


@pytest.mark.parametrize("how", [{}, {"encoding_format": "float"}], ids=["base64", "floats"])
def test_openai_embeddings_are_answered(site, connect, how):
    answer = connect(site.redact_key).embeddings.create(model="text-embedding-3-small", input=[PERSONAL, CLEAN], **how)
    assert [each.embedding for each in answer.data] == [[0.25, -0.5, 0.125]] * 2
    assert site.provider.requests[-1].path == "/v1/embeddings"
    assert site.provider.last()["input"] == ["Write to [REDACTED]; her SSN is [REDACTED].", CLEAN]


@pytest.mark.parametrize("stream", [False, True])
def test_openai_other_calls_are_blocked_alike(site, connect, stream):
    client = connect(site.redact_key)
    calls = [
        lambda: client.responses.create(model=MODEL, input=INJECTION, stream=stream),
        lambda: client.completions.create(model=MODEL, prompt=INJECTION, stream=stream),
        lambda: client.embeddings.create(model="text-embedding-3-small", input=INJECTION),
    ]
    for call in calls:
        with pytest.raises(openai.BadRequestError) as caught:
            call()
        assert (caught.value.code, caught.value.body) == (None, "pii_policy_violation")
    assert site.provider.requests == []


def test_openai_models_are_listed(site, connect):
    models = {model.id: model for model in connect(site.redact_key).models.list()}
    assert models[MODEL].object == "model"
    assert models[MODEL].model_extra["providers"] == ["openai"]
    assert site.provider.requests == []


def test_openai_a_model_is_retrieved_or_the_nearest_one_named(site, connect):
    models = connect(site.redact_key).models
    assert models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError) as caught:
        models.retrieve("gpt-4o-minj")
    assert caught.value.response.json()["detail"]["suggested_model"] == MODEL
    assert site.provider.requests == []


def test_openai_the_asynchronous_client_does_the_same(site):
    async def check():
        async with openai.AsyncOpenAI(base_url=site.base_url, api_key=site.redact_key, max_retries=0) as client:
            answer = await client.chat.completions.create(model=MODEL, messages=says(CLEAN))
            assert answer.choices[0].message.content == CONTENT
            stream = await client.chat.completions.create(model=MODEL, messages=says(CLEAN), stream=True)
            pieces = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
            assert "".join(pieces) == CONTENT
            with pytest.raises(openai.BadRequestError):
                await client.responses.create(model=MODEL, input=INJECTION)

    asyncio.run(check())


def test_openai_a_wrong_key_is_told_as_such(site, connect):
    with pytest.raises((openai.AuthenticationError, openai.PermissionDeniedError)):
        connect("sk-this-key-was-never-issued").chat.completions.create(model=MODEL, messages=says(CLEAN))
    assert site.provider.bodies == []


def test_openai_a_block_is_not_repeated_by_a_client_that_retries(site):
    with openai.OpenAI(base_url=site.base_url, api_key=site.block_key) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=MODEL, messages=says(PERSONAL))
    assert caught.value.response.headers.get("x-should-retry") == "false"


def test_openai_tools_and_unknown_fields_pass_untouched(site, connect):
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


def test_the_gateways_own_time_leaves_out_the_wait_for_the_provider(site, connect):
    # Some providers send the head at once, and the body when the model is done.
    site.provider.halt = 0.5
    raw = connect(site.redact_key).chat.completions.with_raw_response.create(model=MODEL, messages=says(CLEAN))
    assert raw.parse().choices[0].message.content == CONTENT
    assert float(raw.headers["x-aisg-latency"]) < 400
