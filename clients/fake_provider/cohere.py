"""Cohere's own calls. The first version streams lines of JSON, the second named events."""

import json

from .said import CONTENT, PIECES, TOKENS_IN, TOKENS_OUT, Asked, named

BILLED = {"input_tokens": TOKENS_IN, "output_tokens": TOKENS_OUT}
ID = "c14c80c3-18eb-4519-9460-6c92edd8cfb4"


class ChatV1(Asked):
    media_type = "application/stream+json"

    @staticmethod
    def answer(asked):
        return {
            "response_id": ID, "generation_id": ID, "text": CONTENT, "finish_reason": "COMPLETE",
            "chat_history": [
                {"role": "USER", "message": asked.get("message", "")}, {"role": "CHATBOT", "message": CONTENT},
            ],
            "meta": {"api_version": {"version": "1"}, "billed_units": BILLED, "tokens": BILLED},
        }

    @classmethod
    def events(cls, asked):
        events = [
            {"event_type": "stream-start", "generation_id": ID},
            *({"event_type": "text-generation", "text": piece} for piece in PIECES),
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": cls.answer(asked)},
        ]
        for event in events:
            yield json.dumps({"is_finished": event["event_type"] == "stream-end", **event}) + "\n"


class ChatV2(Asked):
    USAGE = {"billed_units": BILLED, "tokens": BILLED}

    @classmethod
    def answer(cls, asked):
        return {
            "id": ID, "finish_reason": "COMPLETE", "usage": cls.USAGE,
            "message": {"role": "assistant", "content": [{"type": "text", "text": CONTENT}]},
        }

    @classmethod
    def events(cls, asked):
        start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        yield named({"type": "message-start", "id": ID, "delta": {"message": start}})
        block = {"message": {"content": {"type": "text", "text": ""}}}
        yield named({"type": "content-start", "index": 0, "delta": block})
        for piece in PIECES:
            yield named({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}})
        yield named({"type": "content-end", "index": 0})
        yield named({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": cls.USAGE}})
