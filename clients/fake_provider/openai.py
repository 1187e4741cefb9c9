"""OpenAI's calls."""

import base64
import struct

from .said import CONTENT, CREATED, PIECES, TOKENS_IN, TOKENS_OUT, Asked, data, named

USAGE = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT, "total_tokens": TOKENS_IN + TOKENS_OUT}


def wants_usage(asked):
    return (asked.get("stream_options") or {}).get("include_usage")


class Chat(Asked):
    ID = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"

    @classmethod
    def answer(cls, asked):
        return {
            "id": cls.ID,
            "object": "chat.completion",
            "created": CREATED,
            "model": asked["model"],
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": CONTENT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }],
            "usage": USAGE,
            "service_tier": "default",
        }

    @classmethod
    def chunk(cls, asked, choices, **more):
        return data({
            "id": cls.ID, "object": "chat.completion.chunk", "created": CREATED, "model": asked["model"],
            "choices": choices, **more,
        })

    @classmethod
    def events(cls, asked):
        deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in PIECES), {}]
        for number, delta in enumerate(deltas):
            finish = "stop" if number == len(deltas) - 1 else None
            yield cls.chunk(asked, [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])
        if wants_usage(asked):
            yield cls.chunk(asked, [], usage=USAGE)
        yield data("[DONE]")


class Completions(Asked):
    @staticmethod
    def part(asked, text, finish, **more):
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        return {
            "id": "cmpl-uqkvlQyYK7bGYrRHQ0eXlWi7", "object": "text_completion", "created": CREATED,
            "model": asked["model"], "choices": [choice], **more,
        }

    @classmethod
    def answer(cls, asked):
        return cls.part(asked, CONTENT, "stop", usage=USAGE)

    @classmethod
    def events(cls, asked):
        for piece in PIECES:
            yield data(cls.part(asked, piece, None))
        yield data(cls.part(asked, "", "stop"))
        if wants_usage(asked):
            yield data({**cls.part(asked, "", None), "choices": [], "usage": USAGE})
        yield data("[DONE]")


class Responses(Asked):
    ID = "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b"
    ITEM = "msg_67ccd2bf17f0819081ff3bb2cf6508e60bb6a6b452d3795b"

    @classmethod
    def item(cls, status, content):
        return {"type": "message", "id": cls.ITEM, "status": status, "role": "assistant", "content": content}

    @staticmethod
    def text(text):
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    @classmethod
    def response(cls, asked, status, output):
        done = status == "completed"
        return {
            "id": cls.ID, "object": "response", "created_at": CREATED, "status": status, "error": None,
            "incomplete_details": None, "instructions": asked.get("instructions"), "max_output_tokens": None,
            "model": asked["model"], "output": output, "parallel_tool_calls": True,
            "previous_response_id": asked.get("previous_response_id"), "temperature": 1.0, "tool_choice": "auto",
            "tools": [], "top_p": 1.0, "truncation": "disabled", "metadata": {}, "store": True,
            "usage": None if not done else {
                "input_tokens": TOKENS_IN, "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": TOKENS_OUT, "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": TOKENS_IN + TOKENS_OUT,
            },
        }

    @classmethod
    def answer(cls, asked):
        return cls.response(asked, "completed", [cls.item("completed", [cls.text(CONTENT)])])

    @classmethod
    def events(cls, asked):
        place = {"item_id": cls.ITEM, "output_index": 0, "content_index": 0}
        events = [
            {"type": "response.created", "response": cls.response(asked, "in_progress", [])},
            {"type": "response.in_progress", "response": cls.response(asked, "in_progress", [])},
            {"type": "response.output_item.added", "output_index": 0, "item": cls.item("in_progress", [])},
            {"type": "response.content_part.added", **place, "part": cls.text("")},
            *({"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []} for piece in PIECES),
            {"type": "response.output_text.done", **place, "text": CONTENT, "logprobs": []},
            {"type": "response.content_part.done", **place, "part": cls.text(CONTENT)},
            {"type": "response.output_item.done", "output_index": 0, "item": cls.item("completed", [cls.text(CONTENT)])},
            {"type": "response.completed", "response": cls.answer(asked)},
        ]
        for number, event in enumerate(events):
            yield named({**event, "sequence_number": number})


class Embeddings:
    VECTOR = [0.25, -0.5, 0.125]

    @classmethod
    def answer(cls, asked):
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        packed = base64.b64encode(struct.pack(f"<{len(cls.VECTOR)}f", *cls.VECTOR)).decode()
        vector = packed if asked.get("encoding_format") == "base64" else cls.VECTOR
        return {
            "object": "list",
            "data": [{"object": "embedding", "index": number, "embedding": vector} for number in range(len(texts))],
            "model": asked["model"],
            "usage": {"prompt_tokens": TOKENS_IN, "total_tokens": TOKENS_IN},
        }


class Models:
    @staticmethod
    def answer(asked):
        models = ["gpt-4o-mini", "gpt-4o"]
        return {
            "object": "list",
            "data": [{"id": model, "object": "model", "created": CREATED, "owned_by": "system"} for model in models],
        }
