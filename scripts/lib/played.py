"""What `flagfall simulate --json` said."""

import json


def figures(text):
    """Its figures. ValueError: there are no ratios, of the whole or of an effect."""
    out = json.loads(text)
    for one in (out, *out.get("effects", {}).values()):
        if None in (one["ratio"], one["ratio_all"], one["ratio_worst_slice"]):
            raise ValueError("no request was answered by a binding: --requests are too few")
    return out
