"""The explanation of a weight as lines of plain text, from the weight down to the prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

LONGEST_REPLY = 600


def explanation_text(document: dict[str, Any]) -> str:
    """The chain of an explanation in lines of plain text."""
    return "\n".join(_lines(document))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    yield _weight_text(document)
    if document["unit"] is not None:
        yield _move_text(document)
    if document["arithmetic"] is not None:
        yield from _arithmetic_lines(document)
    yield from map(_cell_text, document["cells"])
    yield from map(_step_text, document["annotators"])
    for reply in document["replies"]:
        yield from _reply_lines(reply)
    yield from map(_label_text, document["open_labels"])
    yield from map(_decision_text, document["decisions"])
    for name, run in document["runs"].items():
        yield (
            f"{name} run {run['id']}: {run['model'] or 'no model'}, prompt"
            f" {run['prompt_hash'] or 'none'}, code {run['code_version']}"
        )
    vocabulary = document["vocabulary"]
    yield (
        f"vocabulary {vocabulary['name']}, {vocabulary['status']},"
        f" sha256 {vocabulary['content_hash']}"
    )


def _weight_text(document: dict[str, Any]) -> str:
    unit, trace = document["unit"], document["trace"]
    clipped = f", clipped from {document['ratio']:.4f}" if document["clipped"] else ""
    interval = ""
    if document["weight_low"] is not None:
        interval = f" ({document['weight_low']:.4f} to {document['weight_high']:.4f})"
    weight = f"weight {document['weight']:.4f}{interval}{clipped}"
    where = f"characters {document['start']} to {document['end']} of {trace['id']}"
    if unit is None:
        return f"{weight}: {where}, {document['region']}: {document['because']}"
    labels = ", ".join(unit["labels"]) or "no label"
    return f"{weight}: {_span(unit)}, {where}, {document['polarity']}, {labels}"


def _move_text(document: dict[str, Any]) -> str:
    move = document["move"]
    if move is None:
        return f"no move: {document['because']}, so the weight is 1"
    return f"move {{{', '.join(move[0])}}} → {{{', '.join(move[1])}}}"


def _arithmetic_lines(document: dict[str, Any]) -> Iterator[str]:
    made, fitting = document["arithmetic"], document["fitting"]
    yield (
        f"chance {made['polar_sum']:.4f} / {made['pairs']} = {made['polar_chance']:.4f} in"
        f" {document['polarity']} traces, {made['overall_sum']:.4f} / {made['pairs']} ="
        f" {made['overall_chance']:.4f} in all: ratio {made['ratio']:.4f}, kept between"
        f" {made['lowest']:.4f} and {made['highest']:.4f}: {made['weight']:.4f}"
    )
    preset = fitting["preset"]
    yield (
        f"matrices fitted by {preset['name']}, damping {preset['damping']:g}, smoothing"
        f" {preset['smoothing']:g}, on {fitting['polar']['moves']} moves of"
        f" {fitting['polar']['traces']} {document['polarity']} traces and"
        f" {fitting['overall']['moves']} of {fitting['overall']['traces']}"
    )


def _cell_text(cell: dict[str, Any]) -> str:
    return (
        f"cell {cell['from']} → {cell['to']}: {cell['polar']:.4f} against {cell['overall']:.4f},"
        f" support {cell['polar_support']:.1f} of {cell['overall_support']:.1f} moves, share"
        f" {cell['polar_share']:.3f} against {cell['overall_share']:.3f}"
    )


def _step_text(step: dict[str, Any]) -> str:
    labels = ", ".join(f"{one['category']} {one['confidence']:g}" for one in step["labels"])
    who = f"{step['source']} ({step['person']})" if step["person"] else step["source"]
    rule = f", {step['rule']}" if step["rule"] else ""
    return f"{who}, {_span(step)}{rule}: {labels or 'no label'}"


def _reply_lines(reply: dict[str, Any]) -> Iterator[str]:
    head = f"{reply['source']} in run {reply['run']}: {reply['status']}"
    detail = f" ({reply['detail']})" if reply["detail"] else ""
    if reply["request_hash"] is None:
        yield f"{head}{detail}, no model was asked"
        return
    yield f"{head}{detail}, request {reply['request_hash']} to {reply['model'] or 'unknown'}"
    for message in (reply["request"] or {}).get("messages", ()):
        yield f"  {message['role']}: {_shortened(message['content'])}"
    if reply["reply"] is not None:
        yield f"  reply: {_shortened(reply['reply'])}"


def _label_text(label: dict[str, Any]) -> str:
    cluster = label["cluster"]
    where = ""
    if cluster is not None and cluster["number"] is not None:
        near = "nearest to cluster" if cluster["noise"] else "cluster"
        where = f", {near} {cluster['number']} {cluster['name']!r} at {cluster['distance']:.3f}"
    how = f" ({label['origin']})" if label["origin"] else ""
    return (
        f"open label {label['text']} (segment {label['segment']}, confidence"
        f" {label['confidence']:g}){where}: {label['category'] or 'unassigned'}{how}"
    )


def _decision_text(decision: dict[str, Any]) -> str:
    who = decision["person"] or "command line"
    undone = f", undone by event {decision['undone_by']}" if decision["undone_by"] else ""
    why = f": {decision['reason']}" if decision["reason"] else ""
    payload = json.dumps(decision["payload"], ensure_ascii=False, sort_keys=True)
    return (
        f"decision {decision['revision']} on {decision['version']}, {decision['kind']} by {who}"
        f" at {decision['at']}{undone}{why} {_shortened(payload)}"
    )


def _span(part: dict[str, Any]) -> str:
    return f"segments {part['first_segment']} to {part['end_segment'] - 1}"


def _shortened(text: object) -> str:
    """The text on one line, cut where it is long."""
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST_REPLY else line[: LONGEST_REPLY - 1] + "…"
