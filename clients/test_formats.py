"""What others' programs make of every golden file: Slack's blocks, CloudEvents and OCSF, read by PyPI's own models.

The packages left Python 3.9; there these checks are skipped, and say so.
"""

import json
from datetime import datetime
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent.parent / "crates/wardbell-render/src/golden"


def goldens(folder):
    files = sorted((GOLDEN / folder).glob("*.json"))
    assert len(files) >= 12, f"{folder} lost its golden files"
    return [pytest.param(path.read_bytes(), id=path.stem) for path in files]


@pytest.mark.parametrize("body", goldens("slack"))
def test_slacks_own_models_know_every_block(body):
    blocks = pytest.importorskip("slack_sdk.models.blocks")
    message = json.loads(body)
    given = message.get("blocks", [])
    known = blocks.Block.parse_all(given)
    for block in known:
        block.validate_json()
    # What a model does not know, it leaves out.
    assert [block.to_dict()["type"] for block in known] == [block["type"] for block in given]
    assert message["text"]


@pytest.mark.parametrize("body", goldens("cloudevents"))
def test_a_cloudevent_is_read_from_its_request(body):
    http = pytest.importorskip("cloudevents.core.bindings.http")
    message = http.HTTPMessage(headers={"content-type": "application/cloudevents+json"}, body=body)
    event = http.from_http_event(message)
    assert event.get_specversion() == "1.0" and event.get_type().startswith("wardbell.")
    assert isinstance(event.get_time(), datetime) and event.get_id().startswith("wh_")
    assert event.get_data()["event"] == event.get_type()[len("wardbell."):]


@pytest.mark.parametrize("body", goldens("ocsf"))
def test_an_ocsf_finding_has_what_its_class_asks_for(body):
    findings = pytest.importorskip("py_ocsf_models.events.findings.detection_finding")
    event = json.loads(body)
    finding = findings.DetectionFinding(**event)
    assert (finding.class_uid, finding.type_uid) == (2004, event["type_uid"])
    assert finding.finding_info.uid == event["finding_info"]["uid"]
