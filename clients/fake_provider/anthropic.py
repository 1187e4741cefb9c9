"""Anthropic's calls."""

from .said import CONTENT, PIECES, TOKENS_IN, TOKENS_OUT, Asked, named


class Messages(Asked):
    @staticmethod
    def message(asked, content, stop_reason, tokens_out):
        return {
            "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF", "type": "message", "role": "assistant", "model": asked["model"],
            "content": content, "stop_reason": stop_reason, "stop_sequence": None,
            "usage": {"input_tokens": TOKENS_IN, "output_tokens": tokens_out},
        }

    @classmethod
    def answer(cls, asked):
        return cls.message(asked, [{"type": "text", "text": CONTENT}], "end_turn", TOKENS_OUT)

    @classmethod
    def events(cls, asked):
        yield named({"type": "message_start", "message": cls.message(asked, [], None, 1)})
        yield named({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        yield named({"type": "ping"})
        for piece in PIECES:
            delta = {"type": "text_delta", "text": piece}
            yield named({"type": "content_block_delta", "index": 0, "delta": delta})
        yield named({"type": "content_block_stop", "index": 0})
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        yield named({"type": "message_delta", "delta": stop, "usage": {"output_tokens": TOKENS_OUT}})
        yield named({"type": "message_stop"})


class CountTokens:
    @staticmethod
    def answer(asked):
        return {"input_tokens": TOKENS_IN}
