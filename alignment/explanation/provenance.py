"""The explanation of a weight as W3C PROV, in its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIXES = {"mralign": "urn:mralign:", "prov": "http://www.w3.org/ns/prov#"}

Records = dict[str, dict[str, Any]]


class _Document:
    """PROV records by kind; relations are numbered as they come."""

    def __init__(self) -> None:
        self.records: dict[str, Records] = {}
        self._relations = 0

    def add(self, kind: str, name: str, attributes: Mapping[str, Any]) -> str:
        """Add an entity, an activity or an agent; values that are nothing are left out."""
        given = {
            key if ":" in key else f"mralign:{key}": value
            for key, value in attributes.items()
            if value is not None
        }
        self.records.setdefault(kind, {})[f"mralign:{name}"] = given
        return f"mralign:{name}"

    def relate(self, kind: str, **ends: str) -> None:
        """Add a relation between records."""
        self._relations += 1
        named = {f"prov:{role}": name for role, name in ends.items()}
        self.records.setdefault(kind, {})[f"_:r{self._relations}"] = named


def prov_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """The explanation as PROV JSON: the weight and what it was derived from, by whom.

    Entities are the weight, the matrices, the label sets, the trace, the vocabulary, the open
    labels, the requests and replies; activities the runs and the review decisions; agents the
    models, the people and the software.
    Source: The PROV-JSON Serialization, W3C member submission, 24 April 2013.
    """
    prov = _Document()
    runs = {name: _add_run(prov, name, run) for name, run in document["runs"].items()}
    weight = _add_weight(prov, document, runs["export"])
    vocabulary = _add_vocabulary(prov, document)
    prov.relate("wasDerivedFrom", generatedEntity=weight, usedEntity=vocabulary)
    trace = prov.add("entity", f"trace/{_slug(document['trace']['id'])}", {
        "prov:label": document["trace"]["id"], "sha256": document["trace"]["content_hash"],
        "model": document["trace"]["model"],
    })  # fmt: skip
    prov.relate("wasDerivedFrom", generatedEntity=weight, usedEntity=trace)
    _add_steps(prov, document, weight, runs["annotate"])
    _add_replies(prov, document, runs)
    _add_labels(prov, document, vocabulary, runs)
    _add_decisions(prov, document, vocabulary)
    return {"prefix": PREFIXES, **prov.records}


def _add_run(prov: _Document, name: str, run: Mapping[str, Any]) -> str:
    activity = prov.add("activity", f"run/{run['id']}", {
        "prov:type": f"{name} run", "prov:startTime": run["started_at"],
        "prov:endTime": run["ended_at"], "seed": run["seed"],
        "prompt_hash": run["prompt_hash"],
    })  # fmt: skip
    agents = {f"software/{run['code_version']}": "prov:SoftwareAgent"}
    if run["model"]:
        agents[f"model/{_slug(run['model'])}"] = "prov:SoftwareAgent"
    for agent, kind in agents.items():
        named = prov.add("agent", agent, {"prov:type": kind})
        prov.relate("wasAssociatedWith", activity=activity, agent=named)
    return activity


def _add_weight(prov: _Document, document: Mapping[str, Any], run: str) -> str:
    export, start = document["export"], document["start"]
    name = f"weight/{export['id']}/{_slug(document['trace']['id'])}/{start}"
    weight = prov.add("entity", name, {
        "prov:type": "weight", "prov:value": document["weight"], "low": document["weight_low"],
        "high": document["weight_high"], "ratio": document["ratio"],
        "clipped": document["clipped"], "polarity": document["polarity"],
        "start": start, "end": document["end"], "because": document["because"],
        "export_sha256": export["content_hash"],
    })  # fmt: skip
    prov.relate("wasGeneratedBy", entity=weight, activity=run)
    for cell in document["cells"]:
        named = prov.add("entity", f"cell/{export['id']}/{cell['from']}/{cell['to']}", {
            "prov:type": "cell", "overall": cell["overall"], document["polarity"]: cell["polar"],
            "overall_support": cell["overall_support"], "polar_support": cell["polar_support"],
        })  # fmt: skip
        prov.relate("wasGeneratedBy", entity=named, activity=run)
        prov.relate("wasDerivedFrom", generatedEntity=weight, usedEntity=named)
    return weight


def _add_vocabulary(prov: _Document, document: Mapping[str, Any]) -> str:
    vocabulary = document["vocabulary"]
    return prov.add("entity", f"vocabulary/{_slug(vocabulary['name'])}", {
        "prov:type": "vocabulary", "prov:label": vocabulary["name"],
        "status": vocabulary["status"], "sha256": vocabulary["content_hash"],
    })  # fmt: skip


def _add_steps(prov: _Document, document: Mapping[str, Any], weight: str, run: str) -> None:
    trace = _slug(document["trace"]["id"])
    for step in document["annotators"]:
        name = f"labels/{trace}/{step['source']}/{step['first_segment']}"
        labels = [f"{one['category']} {one['confidence']:g}" for one in step["labels"]]
        entity = prov.add("entity", name, {
            "prov:type": "label set", "labels": ", ".join(labels), "rule": step["rule"],
            "first_segment": step["first_segment"], "end_segment": step["end_segment"],
        })  # fmt: skip
        person = step["person"]
        agent = prov.add("agent", f"annotator/{_slug(person or step['source'])}", {
            "prov:type": "prov:Person" if person else "prov:SoftwareAgent",
        })  # fmt: skip
        prov.relate("wasGeneratedBy", entity=entity, activity=run)
        prov.relate("wasAttributedTo", entity=entity, agent=agent)
        prov.relate("wasDerivedFrom", generatedEntity=weight, usedEntity=entity)


def _add_replies(prov: _Document, document: Mapping[str, Any], runs: Mapping[str, str]) -> None:
    for reply in document["replies"]:
        if reply["request_hash"] is None:
            continue
        entity = prov.add("entity", f"reply/{reply['request_hash']}", {
            "prov:type": "model reply", "prov:value": reply["reply"], "model": reply["model"],
            "source": reply["source"], "cost_usd": reply["cost_usd"],
        })  # fmt: skip
        activity = f"mralign:run/{reply['run']}"
        if activity in runs.values():
            prov.relate("used", activity=activity, entity=entity)


def _add_labels(
    prov: _Document, document: Mapping[str, Any], vocabulary: str, runs: Mapping[str, str]
) -> None:
    for label in document["open_labels"]:
        cluster = label["cluster"] or {}
        name = f"open-label/{label['run']}/{label['segment']}/{label['id']}"
        entity = prov.add("entity", name, {
            "prov:type": "open label", "prov:label": label["text"],
            "confidence": label["confidence"], "category": label["category"],
            "origin": label["origin"], "cluster": cluster.get("name"),
            "cluster_distance": cluster.get("distance"),
        })  # fmt: skip
        activity = f"mralign:run/{label['run']}"
        if activity in runs.values():
            prov.relate("wasGeneratedBy", entity=entity, activity=activity)
        prov.relate("wasDerivedFrom", generatedEntity=vocabulary, usedEntity=entity)


def _add_decisions(prov: _Document, document: Mapping[str, Any], vocabulary: str) -> None:
    for decision in document["decisions"]:
        activity = prov.add("activity", f"decision/{decision['id']}", {
            "prov:type": decision["kind"], "prov:startTime": decision["at"],
            "reason": decision["reason"], "undone_by": decision["undone_by"],
        })  # fmt: skip
        who = decision["person"]
        agent = prov.add("agent", f"person/{_slug(who)}" if who else "command-line", {
            "prov:type": "prov:Person" if who else "prov:SoftwareAgent",
        })  # fmt: skip
        prov.relate("wasAssociatedWith", activity=activity, agent=agent)
        prov.relate("wasInfluencedBy", influencee=vocabulary, influencer=activity)


def _slug(text: str) -> str:
    """The text as the local part of a name: anything but letters, digits, - and . becomes %XX."""
    kept = (c if c.isascii() and (c.isalnum() or c in "-._/") else _percent(c) for c in text)
    return "".join(kept)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
