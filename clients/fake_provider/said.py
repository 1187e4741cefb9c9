"""What the provider says, and how a stream spells it."""

import json

# In the pieces that a stream sends.
PIECES = ["It ", "is ", "sunny ", "in the ", "valley."]
CONTENT = "".join(PIECES)
# How many tokens it tells.
TOKENS_IN, TOKENS_OUT = 19, 10
CREATED = 1741569952


def data(value):
    """An event without a name."""
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


def named(value):
    """An event that is named as its `type`."""
    return f"event: {value['type']}\n{data(value)}"


class Asked:
    """A call that streams where its body asks for it."""

    @staticmethod
    def streams(asked):
        return bool(asked.get("stream"))
