"""Gemini's own calls."""

from .said import CONTENT, PIECES, TOKENS_IN, TOKENS_OUT, data


def part(text, **more):
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}],
        "usageMetadata": {
            "promptTokenCount": TOKENS_IN, "candidatesTokenCount": TOKENS_OUT,
            "totalTokenCount": TOKENS_IN + TOKENS_OUT,
        },
        "modelVersion": "gemini-2.5-flash",
    }


class Generate:
    @staticmethod
    def answer(asked):
        return part(CONTENT, finishReason="STOP")


class StreamGenerate:
    """Events, as with `alt=sse`."""

    @staticmethod
    def streams(asked):
        return True

    @staticmethod
    def events(asked):
        for piece in PIECES[:-1]:
            yield data(part(piece))
        yield data(part(PIECES[-1], finishReason="STOP"))
