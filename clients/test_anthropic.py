"""The published `anthropic` client against a real gateway, on both surfaces."""

import asyncio
import json

import anthropic
import pytest
from conftest import CLEAN, INJECTION, PERSONAL, says
from fake_provider import CONTENT

MODEL = "claude-sonnet-5"
ASK = {"model": MODEL, "max_tokens": 64}
# How a key travels: as the installed release of the client sends it, or as any release does.
KEYS = {
    "as it comes": lambda key: {},
    "bearer": lambda key: {"Authorization": f"Bearer {key}", "X-Api-Key": anthropic.Omit()},
    "x-api-key": lambda key: {"X-Api-Key": key, "Authorization": anthropic.Omit()},
}
SURFACES = ["gateway", "proxy"]


class Place:
    """A project of each policy on the gateway; on the proxy one project does, and headers ask."""

    def __init__(self, site):
        self.gateway = site.gateway
        self.keys = {}
        for action in ("redact", "block"):
            project, self.keys[action] = site.gateway.project(
                f"anthropic {action}", {"dlp": {"action": action}}, site.provider.url
            )
            site.gateway.provider(project, "anthropic", "anthropic", site.provider.origin)

    def client(self, surface, action="redact", how="as it comes", kind=anthropic.Anthropic, **headers):
        key = self.keys[action]
        base_url = self.gateway.url if surface == "gateway" else f"{self.gateway.url}/v1/proxy/anthropic"
        headers = {**headers, **KEYS[how](key)}
        if surface == "proxy":
            pii = "strip" if action == "redact" else "block"
            headers = {"x-lockllm-scan-action": "block", "x-lockllm-pii-action": pii, **headers}
        return kind(api_key=key, base_url=base_url, max_retries=0, default_headers=headers)


@pytest.fixture(scope="module")
def whole_place(whole_site):
    return Place(whole_site)


@pytest.fixture
def place(site, whole_place):
    return whole_place


def check_headers(request, how):
    """The client sent its key as `how` says, and not in the other way beside."""
    if how != "as it comes":
        ways = ("authorization" in request.headers, "x-api-key" in request.headers)
        assert ways == (how == "bearer", how == "x-api-key")


def check_sent(site):
    """The provider got its own key, in Anthropic's header, and none of ours."""
    sent = site.provider.requests[-1]
    assert (sent.method, sent.path) == ("POST", "/v1/messages")
    assert sent.headers["x-api-key"] == "sk-anthropic-provider-key"
    assert "authorization" not in sent.headers
    assert sent.headers["anthropic-version"]
    return sent.json()


@pytest.mark.parametrize("how", KEYS)
@pytest.mark.parametrize("surface", SURFACES)
def test_a_clean_message_passes_untouched(site, place, surface, how):
    with place.client(surface, how=how) as client:
        raw = client.messages.with_raw_response.create(messages=says(CLEAN), system="Be brief.", **ASK)
    check_headers(raw.http_request, how)
    message = raw.parse()
    assert message.content[0].text == CONTENT
    assert (message.model, message.stop_reason, message.usage.output_tokens) == (MODEL, "end_turn", 10)
    assert raw.headers["x-request-id"]
    assert check_sent(site) == {"messages": says(CLEAN), "system": "Be brief.", **ASK}


@pytest.mark.parametrize("how", KEYS)
@pytest.mark.parametrize("surface", SURFACES)
def test_a_stream_joins_to_the_whole(site, place, surface, how):
    with place.client(surface, how=how) as client:
        with client.messages.stream(messages=says(CLEAN), **ASK) as stream:
            assert "".join(stream.text_stream) == CONTENT
            message = stream.get_final_message()
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("end_turn", 19, 10)
    assert check_sent(site)["stream"] is True


@pytest.mark.parametrize("surface", SURFACES)
def test_personal_data_is_cut_out_on_its_way(site, place, surface):
    with place.client(surface) as client:
        client.messages.create(messages=says(PERSONAL), **ASK)
    email, ssn = ("[REDACTED]", "[REDACTED]") if surface == "gateway" else ("[EMAIL]", "[SSN]")
    assert check_sent(site)["messages"] == says(f"Write to {email}; her SSN is {ssn}.")


def check_refusal(surface, error, code, secret):
    """Each surface has its own words, and neither repeats the text."""
    assert error.response.headers["x-should-retry"] == "false"
    assert secret not in json.dumps(error.body)
    if surface == "gateway":
        assert error.status_code == 400
        assert error.body["error"] == "pii_policy_violation"
        assert error.body["request_id"].startswith("req_")
        assert error.body["violations"]
    else:
        assert error.body["error"]["code"] == code
        assert error.body["error"]["request_id"]
        assert error.response.headers["x-lockllm-blocked"] == "true"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", KEYS)
@pytest.mark.parametrize("surface", SURFACES)
def test_an_injection_is_blocked_and_never_leaves(site, place, surface, how, stream):
    with place.client(surface, how=how) as client:
        with pytest.raises(anthropic.BadRequestError) as caught:
            client.messages.create(messages=says(INJECTION), stream=stream, **ASK)
    check_refusal(surface, caught.value, "prompt_injection_detected", INJECTION)
    if surface == "proxy":
        assert set(caught.value.body["error"]["scan_result"]) == {
            "safe", "label", "confidence", "injection", "sensitivity",
        }
    assert site.provider.requests == []


@pytest.mark.parametrize("surface", SURFACES)
def test_an_injection_in_a_tools_result_is_blocked(site, place, surface):
    messages = [
        *says("Read the page."),
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"at": "/"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": INJECTION}]},
    ]
    with place.client(surface) as client:
        with pytest.raises(anthropic.BadRequestError):
            client.messages.create(messages=messages, **ASK)
    assert site.provider.requests == []


@pytest.mark.parametrize("surface", SURFACES)
def test_personal_data_is_blocked_where_asked(site, place, surface):
    expect = anthropic.BadRequestError if surface == "gateway" else anthropic.PermissionDeniedError
    with place.client(surface, "block") as client:
        with pytest.raises(expect) as caught:
            client.messages.create(messages=says(PERSONAL), **ASK)
    check_refusal(surface, caught.value, "pii_detected", "jane.doe@example.com")
    assert site.provider.requests == []


@pytest.mark.parametrize("surface", SURFACES)
def test_a_wrong_key_is_told_as_such(site, place, surface):
    for how in KEYS:
        headers = KEYS[how]("sk-ant-this-key-was-never-issued")
        with place.client(surface) as client:
            with client.with_options(api_key="sk-ant-this-key-was-never-issued", default_headers=headers) as stranger:
                with pytest.raises(anthropic.AuthenticationError):
                    stranger.messages.create(messages=says(CLEAN), **ASK)
    assert site.provider.requests == []


@pytest.mark.parametrize("surface", SURFACES)
def test_tokens_are_counted_by_the_provider(site, place, surface):
    with place.client(surface) as client:
        assert client.messages.count_tokens(model=MODEL, messages=says(CLEAN)).input_tokens == 19
    assert site.provider.requests[-1].path == "/v1/messages/count_tokens"


def test_the_caller_chooses_the_version_of_the_api(site, place):
    with place.client("proxy", **{"anthropic-version": "2023-06-01", "anthropic-beta": "tools-2024-04-04"}) as client:
        client.messages.create(messages=says(CLEAN), **ASK)
    sent = site.provider.requests[-1].headers
    assert (sent["anthropic-version"], sent["anthropic-beta"]) == ("2023-06-01", "tools-2024-04-04")


@pytest.mark.parametrize("surface", SURFACES)
def test_the_asynchronous_client_does_the_same(site, place, surface):
    async def check():
        async with place.client(surface, kind=anthropic.AsyncAnthropic) as client:
            message = await client.messages.create(messages=says(CLEAN), **ASK)
            assert message.content[0].text == CONTENT
            async with client.messages.stream(messages=says(CLEAN), **ASK) as stream:
                assert "".join([text async for text in stream.text_stream]) == CONTENT
            site.provider.reset()
            with pytest.raises(anthropic.BadRequestError) as caught:
                await client.messages.create(messages=says(INJECTION), **ASK)
            check_refusal(surface, caught.value, "prompt_injection_detected", INJECTION)

    asyncio.run(check())
    assert site.provider.requests == []
