"""The published JavaScript clients against a real gateway: rows J1 to J8 of the drop-in table.

J9, `import` of `@lockllm/sdk`, fails in the package itself. Its 1.0 releases are not on npm, so none of them is here.
"""

import json
import time
import urllib.request

import pytest
from alarm import INJECTION, PERSONAL
from asker import Asker
from conftest import CLEAN, says
from fake_provider import CONTENT

MODEL = "gpt-4o-mini"
CLAUDE = "claude-sonnet-4-5"
# A content policy, in letters that a header cannot carry as they are, and a text that breaks it.
POLICY = {"name": "Übernahmen 🦅", "description": "keine Gerüchte", "words": ["project falcon"]}
FORBIDDEN = "When does Project Falcon close?"
REPEATED = "buy now " * 400
# The vendors that the checks call, by the names that the wrappers have for them.
VENDORS = ["anthropic", "azure", "cohere", "gemini", "groq"]
# What any error holds that is about a blocked text.
ERROR = {"is", "name", "message", "type", "code", "status", "requestId"}


@pytest.fixture(scope="module")
def js():
    asker = Asker()
    yield asker
    asker.stop()


class Lockllm:
    """A project with every vendor, and the configurations of the clients for it."""

    def __init__(self, site):
        self.url = site.gateway.url
        self.project, self.key = site.gateway.project("javascript", {"content": [POLICY]}, site.provider.url)
        for name in VENDORS:
            site.gateway.provider(self.project, name, name, site.provider.origin)

    def config(self, key=None):
        return {"apiKey": key or self.key, "baseURL": self.url, "maxRetries": 0}

    def proxy(self, below, **options):
        """For a wrapper that is to call `below` the proxy, with these `proxyOptions`."""
        return {**self.config(), "baseURL": f"{self.url}/v1/proxy{below}", "proxyOptions": options}


@pytest.fixture(scope="module")
def project(whole_site):
    return Lockllm(whole_site)


def raw_scan(url, key, body, **headers):
    request = urllib.request.Request(
        f"{url}/v1/scan", data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("text", [CLEAN, INJECTION, FORBIDDEN])
def test_j1_a_scan_answers_with_the_servers_own_json(project, js, text):
    same = {"X-Request-Id": "req_of_the_check"}
    told = js.ask("LockLLM", project.config(), "scan", {"input": text}, {"headers": same})
    assert told["answer"] == raw_scan(project.url, project.key, {"input": text}, **same)
    assert told["answer"]["request_id"] == "req_of_the_check"
    assert told["answer"]["safe"] is (text == CLEAN)
    assert told["answer"]["usage"] == {"requests": 2, "input_chars": len(text)}


ALL = (
    {"sensitivity": "high", "mode": "combined", "chunk": True},
    {
        "scanAction": "allow_with_warning", "policyAction": "allow_with_warning", "abuseAction": "allow_with_warning",
        "piiAction": "strip", "compressionAction": "compact", "compressionRate": 0.4,
    },
)


def test_j2_all_nine_headers_arrive_and_the_body_is_the_input(site, js):
    request, options = ALL
    config = {"apiKey": "wb_any", "baseURL": site.provider.origin, "maxRetries": 0}
    js.ask("LockLLM", config, "scan", {"input": CLEAN, **request}, options)
    sent = site.provider.requests[-1]
    assert (sent.path, sent.json()) == ("/v1/scan", {"input": CLEAN})
    assert {name: value for name, value in sent.headers.items() if name.startswith("x-lockllm-")} == {
        "x-lockllm-scan-mode": "combined",
        "x-lockllm-sensitivity": "high",
        "x-lockllm-chunk": "true",
        "x-lockllm-scan-action": "allow_with_warning",
        "x-lockllm-policy-action": "allow_with_warning",
        "x-lockllm-abuse-action": "allow_with_warning",
        "x-lockllm-pii-action": "strip",
        "x-lockllm-compression": "compact",
        "x-lockllm-compression-rate": "0.4",
    }


def test_j2_each_of_the_headers_has_its_effect(project, js):
    request, options = ALL
    text = f"{INJECTION} {FORBIDDEN} {PERSONAL} {REPEATED}"
    answer = js.ask("LockLLM", project.config(), "scan", {"input": text, **request}, options)["answer"]
    assert (answer["safe"], answer["sensitivity"]) == (False, "high")
    assert {"scan_warning", "policy_warnings", "abuse_warnings"} <= answer.keys()
    assert "jane.doe@example.com" not in answer["pii_result"]["redacted_input"]
    # Nothing is shortened, and the answer says so.
    assert answer["compression_result"]["method"] == "compact"
    assert answer["compression_result"]["compressed_input"] == text
    assert answer["compression_result"]["compression_ratio"] == 1.0
    only = js.ask("LockLLM", project.config(), "scan", {"input": text, "mode": "policy_only"})["answer"]
    assert "injection" not in only and only["policy_confidence"] == 1.0
    # The rate counts by being refused where it is none.
    wrong = js.ask("LockLLM", project.config(), "scan", {"input": CLEAN}, {"compressionRate": 0.9})["error"]
    assert (wrong["is"], wrong["code"]) == ("LockLLMError", "invalid_request")
    assert "x-lockllm-compression-rate" in wrong["message"]


def test_j3_a_blocked_injection_has_the_scan_result(project, js):
    error = js.ask("LockLLM", project.config(), "scan", {"input": INJECTION}, {"scanAction": "block"})["error"]
    assert error.keys() == ERROR | {"scanResult"}
    assert (error["is"], error["name"]) == ("PromptInjectionError", "PromptInjectionError")
    assert (error["status"], error["type"]) == (400, "lockllm_security_error")
    assert error["code"] == "prompt_injection_detected"
    assert error["requestId"].startswith("req_")
    result = error["scanResult"]
    assert result.keys() == {"safe", "label", "confidence", "injection", "sensitivity"}
    assert (result["safe"], result["label"], result["sensitivity"]) == (False, 1, "medium")
    assert 0.5 < result["injection"] <= 1


def test_j3_a_broken_policy_is_named(project, js):
    error = js.ask("LockLLM", project.config(), "scan", {"input": FORBIDDEN}, {"policyAction": "block"})["error"]
    assert (error["is"], error["status"], error["code"]) == ("PolicyViolationError", 403, "policy_violation")
    [violated] = error["violated_policies"]
    assert violated["policy_name"] == POLICY["name"]
    assert violated["violated_categories"] == [{"name": POLICY["name"], "description": POLICY["description"]}]
    assert violated["violation_details"]


def test_j3_abuse_is_told_by_its_indicators(project, js):
    error = js.ask("LockLLM", project.config(), "scan", {"input": REPEATED}, {"abuseAction": "block"})["error"]
    assert (error["is"], error["status"], error["code"]) == ("AbuseDetectedError", 400, "abuse_detected")
    details = error["abuse_details"]
    assert "repetition" in details["abuse_types"]
    assert details["indicators"].keys() == {"bot_score", "repetition_score", "resource_score", "pattern_score"}
    assert details["confidence"] == max(details["indicators"].values()) > 50


def test_j3_personal_data_is_told_by_its_types(project, js):
    error = js.ask("LockLLM", project.config(), "scan", {"input": PERSONAL}, {"piiAction": "block"})["error"]
    assert (error["is"], error["status"], error["code"]) == ("PIIDetectedError", 403, "pii_detected")
    assert error["pii_details"]["entity_count"] == 2
    assert sorted(error["pii_details"]["entity_types"]) == ["email", "ssn"]


def test_j4_a_wrong_key_is_an_authentication_error(project, js):
    error = js.ask("LockLLM", project.config("wb_never_issued"), "scan", {"input": CLEAN})["error"]
    assert (error["is"], error["status"], error["code"]) == ("AuthenticationError", 401, "unauthorized")


def test_j4_a_rate_limit_tells_how_long_to_wait(site, project, js):
    policy = {"rate": {"per_second": 0.1, "burst": 1, "surfaces": "all"}}
    _, key = site.gateway.project("javascript, slowly", policy, site.provider.url)
    first, second = (js.ask("LockLLM", project.config(key), "scan", {"input": CLEAN}) for _ in range(2))
    assert first["answer"]["safe"] is True
    assert (second["error"]["is"], second["error"]["status"]) == ("RateLimitError", 429)
    assert 9_000 <= second["error"]["retryAfter"] <= 10_000


def test_j4_a_spent_budget_is_an_error_of_credits(site, project, js):
    spent, key = site.gateway.project("javascript, spent", {}, site.provider.url)
    site.gateway.api("PUT", f"/projects/{spent}/budget", {"balance_usd": 0.000001})
    told = js.ask("createOpenAI", {**project.proxy("/openai"), "apiKey": key}, "chat.completions.create",
                  {"model": MODEL, "messages": says(CLEAN)})
    assert (told["error"]["status"], told["error"]["code"]) == (402, "insufficient_credits")
    assert site.provider.requests == []
    # A scan costs nothing, so its own client is sent below the provider to meet the budget.
    config = {**project.config(key), "baseURL": f"{project.url}/v1/proxy/openai"}
    error = js.ask("LockLLM", config, "scan", {"input": CLEAN})["error"]
    assert (error["is"], error["status"], error["code"]) == ("InsufficientCreditsError", 402, "insufficient_credits")


def test_j4_a_dead_provider_is_an_upstream_error_at_once(site, project, js):
    # Port 9 has no listener. A scan reaches no provider, so the client is sent below one.
    site.gateway.provider(project.project, "dead", "custom", "http://127.0.0.1:9")
    config = {**project.config(), "baseURL": f"{project.url}/v1/proxy/dead", "maxRetries": 3}
    started = time.monotonic()
    error = js.ask("LockLLM", config, "scan", {"input": CLEAN})["error"]
    assert (error["is"], error["status"], error["code"]) == ("UpstreamError", 502, "provider_error")
    # The client would wait a second before it tried again.
    assert time.monotonic() - started < 1


def test_j5_a_chat_is_answered(site, project, js):
    told = js.ask("createOpenAI", project.proxy("/openai"), "chat.completions.create",
                  {"model": MODEL, "messages": says(CLEAN)})
    assert told["answer"]["choices"][0]["message"]["content"] == CONTENT
    assert told["answer"]["usage"]["total_tokens"] == 29
    sent = site.provider.requests[-1]
    assert (sent.path, sent.headers["authorization"]) == ("/v1/chat/completions", "Bearer sk-openai-provider-key")
    assert not any(name.startswith("x-lockllm-") for name in sent.headers)


def test_j5_a_stream_joins_to_the_whole(project, js):
    told = js.ask("createOpenAI", project.proxy("/openai"), "chat.completions.create",
                  {"model": MODEL, "messages": says(CLEAN), "stream": True})
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in told["answer"]) == CONTENT
    assert told["metadata"]["safe"] is True


def test_j5_other_calls_of_the_client_go_the_same_way(site, project, js):
    config = project.proxy("/openai")
    told = js.ask("createOpenAI", config, "responses.create", {"model": MODEL, "input": CLEAN})
    assert told["answer"]["output_text"] == CONTENT
    told = js.ask("createOpenAI", config, "embeddings.create", {"model": "text-embedding-3-small", "input": CLEAN})
    assert len(told["answer"]["data"][0]["embedding"]) > 0
    assert js.ask("createOpenAI", config, "models.list")["answer"]
    paths = [request.path for request in site.provider.requests]
    assert paths == ["/v1/responses", "/v1/embeddings", "/v1/models"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("options, text, expect", [
    ({"scanAction": "block"}, INJECTION, ("BadRequestError", 400, "prompt_injection_detected", "scan_result")),
    ({"policyAction": "block"}, FORBIDDEN, ("PermissionDeniedError", 403, "policy_violation", "violated_policies")),
    ({"piiAction": "block"}, PERSONAL, ("PermissionDeniedError", 403, "pii_detected", "pii_details")),
    ({"abuseAction": "block"}, REPEATED, ("BadRequestError", 400, "abuse_detected", "abuse_details")),
])
def test_j5_a_block_is_the_openai_clients_own_error(site, project, js, options, text, expect, stream):
    told = js.ask("createOpenAI", project.proxy("/openai", **options), "chat.completions.create",
                  {"model": MODEL, "messages": says(text), "stream": stream})
    name, status, code, particulars = expect
    error = told["error"]
    assert (error["is"], error["status"], error["code"]) == (name, status, code)
    assert error["error"][particulars]
    assert error["requestID"] == error["error"]["request_id"]
    assert told["headers"]["x-lockllm-blocked"] == "true"
    assert site.provider.requests == []


@pytest.mark.parametrize("older, sent", [(True, "x-api-key"), (False, "authorization")])
def test_j6_both_ways_of_anthropics_clients_to_send_a_key(site, project, js, older, sent):
    asked = {"model": CLAUDE, "max_tokens": 64, "messages": says(CLEAN)}

    def ask(config, **more):
        return js.ask("createAnthropic", config, "messages.create", {**asked, **more}, older=older)

    # First what the client sends, then what comes of it.
    ask({**project.config(), "baseURL": site.provider.origin})
    header = site.provider.requests[-1].headers
    assert project.key in header[sent] and not {"x-api-key", "authorization"} - {sent} & header.keys()

    told = ask(project.proxy("/anthropic"))
    assert told["answer"]["content"][0]["text"] == CONTENT
    assert told["metadata"]["provider"] == "anthropic"
    upstream = site.provider.requests[-1]
    assert (upstream.path, upstream.headers["x-api-key"]) == ("/v1/messages", "sk-anthropic-provider-key")
    assert "authorization" not in upstream.headers
    assert upstream.headers["anthropic-version"] == header["anthropic-version"]

    events = ask(project.proxy("/anthropic"), stream=True)["answer"]
    assert "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta") == CONTENT
    assert events[-1]["type"] == "message_stop"

    before = len(site.provider.requests)
    error = ask(project.proxy("/anthropic", scanAction="block"), messages=says(INJECTION))["error"]
    assert (error["is"], error["status"]) == ("BadRequestError", 400)
    assert error["error"]["error"]["code"] == "prompt_injection_detected"
    assert error["error"]["error"]["scan_result"]["safe"] is False
    assert len(site.provider.requests) == before


@pytest.mark.parametrize("older, release", [(True, "7.21.0"), (False, "8.1.0")])
def test_j6_coheres_clients_need_their_own_two_settings(site, project, js, older, release):
    # The wrapper's `apiKey` and `baseURL` are not settings of this client.
    config = {
        **project.proxy("/cohere", scanAction="block"), "token": project.key,
        "environment": f"{project.url}/v1/proxy/cohere",
    }
    told = js.ask("createCohere", config, "chat", {"model": "command-r", "message": CLEAN}, older=older)
    assert told["answer"]["text"] == CONTENT
    upstream = site.provider.requests[-1]
    assert (upstream.path, upstream.headers["authorization"]) == ("/v1/chat", "Bearer sk-cohere-provider-key")
    assert upstream.headers["x-fern-sdk-version"] == release
    events = js.ask("createCohere", config, "chatStream", {"model": "command-r", "message": CLEAN}, older=older)["answer"]
    assert "".join(event.get("text", "") for event in events if event["eventType"] == "text-generation") == CONTENT


@pytest.mark.parametrize("make, below, path, key", [
    ("groq", "/groq", "/openai/v1/chat/completions", ("authorization", "Bearer sk-groq-provider-key")),
    ("createGemini", "/gemini", "/v1beta/openai/chat/completions", ("authorization", "Bearer sk-gemini-provider-key")),
    ("createAzure", "/azure", "/openai/v1/chat/completions", ("api-key", "sk-azure-provider-key")),
])
def test_j5_a_wrapper_of_another_vendor_reaches_its_own_path(site, project, js, make, below, path, key):
    told = js.ask(make, project.proxy(below), "chat.completions.create", {"model": MODEL, "messages": says(CLEAN)})
    assert told["answer"]["choices"][0]["message"]["content"] == CONTENT
    assert told["metadata"]["provider"] == below[1:]
    name, value = key
    sent = site.provider.requests[-1]
    assert (sent.path, sent.headers[name]) == (path, value)
    assert project.key not in str(sent.headers)


@pytest.mark.parametrize("doubled", [True, False])
def test_j7_the_universal_address_is_served_doubled_too(site, project, js, doubled):
    url = js.ask("package", None, "getUniversalProxyURL")["answer"].replace("https://api.lockllm.com", project.url)
    assert url == f"{project.url}/v1/proxy/chat/completions"
    config = {**project.config(), "baseURL": url if doubled else f"{project.url}/v1/proxy"}
    told = js.ask("OpenAI", config, "chat.completions.create", {"model": MODEL, "messages": says(CLEAN)})
    assert told["answer"]["choices"][0]["message"]["content"] == CONTENT
    assert site.provider.requests[-1].path == "/v1/chat/completions"
    assert told["metadata"]["provider"] == "openai"


def test_j8_the_metadata_of_a_clean_answer(project, js):
    told = js.ask("createOpenAI", project.proxy("/openai"), "chat.completions.create",
                  {"model": MODEL, "messages": says(CLEAN)})
    metadata = told["metadata"]
    assert metadata.pop("request_id") == told["headers"]["x-request-id"]
    assert metadata == {
        "scanned": True, "safe": True, "scan_mode": "combined", "credits_mode": "byok", "provider": "openai",
        "model": MODEL, "sensitivity": "medium", "label": 0,
    }


def test_j8_the_metadata_of_all_that_can_be_told(project, js):
    options = {
        "scanMode": "combined", "sensitivity": "high", "scanAction": "allow_with_warning", "abuseAction": "allow_with_warning",
        "piiAction": "strip", "routeAction": "auto", "compressionAction": "toon", "cacheResponse": False, "cacheTTL": 60,
    }
    text = f"{INJECTION} {FORBIDDEN} {PERSONAL} {REPEATED}"
    told = js.ask("createOpenAI", project.proxy("/openai", **options), "chat.completions.create",
                  {"model": MODEL, "messages": says(text)})
    metadata = told["metadata"]
    assert (metadata["safe"], metadata["label"], metadata["sensitivity"]) == (False, 1, "high")
    assert 50 < metadata["scan_warning"]["injection_score"] <= 100
    assert metadata["scan_detail"]["label"] == 1
    assert (metadata["policy_warnings"]["count"], metadata["policy_warnings"]["confidence"]) == (1, 100)
    assert metadata["policy_detail"][0]["policy_name"] == POLICY["name"]
    assert "repetition" in metadata["abuse_detected"]["types"].split(",")
    assert metadata["abuse_detail"]["indicators"]["repetition_score"] > 50
    pii = metadata["pii_detected"]
    assert (pii["detected"], pii["entity_count"], pii["action"]) == (True, 2, "strip")
    assert sorted(pii["entity_types"].split(",")) == ["email", "ssn"]
    # What is not done is not told as done.
    assert metadata["compression"] == {"method": "toon", "applied": False, "ratio": 1}
    assert not {"routing", "cache_status", "credits_reserved"} & metadata.keys()
    assert all(value.isascii() for value in told["headers"].values())
    for header, detail in [("scan", "scan_detail"), ("warning", "policy_detail"), ("abuse", "abuse_detail")]:
        value = told["headers"][f"x-lockllm-{header}-detail"]
        assert js.ask("package", None, "decodeDetailField", value)["answer"] == metadata[detail]
