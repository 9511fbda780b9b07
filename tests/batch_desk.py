"""The Batch API of the fake endpoint: files in, batches ordered, files with replies out."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Reaction:
    """What an HTTP request gets: JSON, a file's bytes, or nothing at all."""

    status: int = 200
    document: Any = None
    content: bytes | None = None


@dataclass
class BatchDesk:
    """Files and batches; a batch ends when it was looked at `looks` times.

    `endings` are taken one a batch, "completed" where there are none left; `answered` limits the
    lines that have a reply in a batch that ends otherwise. `fail_line` gives the status of a line
    that fails. `on_step` is told each step once its effect is there and before it is answered.
    """

    complete: Answer
    endings: list[str] = field(default_factory=list)
    looks: int = 0
    answered: int = 0
    fail_line: Callable[[dict[str, Any]], int | None] = lambda _body: None
    on_step: Callable[[str], None] = lambda _step: None
    hang_up_after: list[str] = field(default_factory=list)
    page: int = 100
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    def react(self, method: str, path: str, body: bytes) -> Reaction | None:
        """Answer a request to /v1/files or /v1/batches; None closes the connection."""
        url = urlsplit(path)
        parts = url.path.removeprefix("/v1/").strip("/").split("/")
        verb = parts[2] if len(parts) > 2 else ("one" if len(parts) > 1 else "all")
        step = f"{method} {parts[0]} {verb}"
        made = self._made(step, parts, parse_qs(url.query), body)
        self.steps.append(step)
        self.on_step(step)
        numbered = f"{step} {self.steps.count(step)}"
        return None if numbered in self.hang_up_after else made

    def _made(
        self, step: str, parts: list[str], query: dict[str, list[str]], body: bytes
    ) -> Reaction:
        if step == "POST files all":
            return Reaction(document=self._upload(body))
        if step == "GET files all":
            rows = [_file(key, name) for key, (name, _content) in reversed(self.files.items())]
            return Reaction(document=self._listed(rows, query))
        if step == "GET files content":
            return Reaction(content=self.files[parts[1]][1])
        if step == "POST batches all":
            return Reaction(document=self._order(json.loads(body)))
        if step == "GET batches all":
            return Reaction(document=self._listed(list(reversed(self.batches.values())), query))
        batch = self.batches[parts[1]]
        if step == "POST batches cancel":
            batch["status"], batch["_ending"] = "cancelling", "cancelled"
            return Reaction(document=batch)
        return Reaction(document=self._look(batch))

    def _listed(self, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
        after = query.get("after", [None])[0]
        start = next((n + 1 for n, row in enumerate(rows) if row["id"] == after), 0)
        shown = rows[start : start + self.page]
        return {"object": "list", "data": shown, "has_more": start + self.page < len(rows)}

    def _upload(self, body: bytes) -> dict[str, Any]:
        boundary = body.split(b"\r\n", 1)[0]
        for part in body.split(boundary):
            head, _, content = part.partition(b"\r\n\r\n")
            if (named := re.search(rb'filename="([^"]+)"', head)) is not None:
                key = f"file-{len(self.files)}"
                self.files[key] = (named[1].decode(), content.removesuffix(b"\r\n"))
                return _file(key, named[1].decode())
        raise AssertionError("no file in the upload")

    def _order(self, document: dict[str, Any]) -> dict[str, Any]:
        key = f"batch-{len(self.batches)}"
        lines = self.lines(document["input_file_id"])
        self.batches[key] = {
            "id": key, "object": "batch", "status": "validating", "errors": None,
            "created_at": int(time.time()), "output_file_id": None, "error_file_id": None,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "_ending": self.endings.pop(0) if self.endings else "completed", "_looks": 0,
            **document,
        }  # fmt: skip
        return self.batches[key]

    def lines(self, file_id: str) -> list[dict[str, Any]]:
        """The requests of a file."""
        return [json.loads(line) for line in self.files[file_id][1].splitlines()]

    def _look(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["_looks"] += 1
        if batch["status"] not in ("completed", "failed", "expired", "cancelled"):
            batch["status"] = "in_progress"
            if batch["_looks"] > self.looks:
                self._end(batch)
        return batch

    def _end(self, batch: dict[str, Any]) -> None:
        batch["status"] = batch["_ending"]
        if batch["status"] == "failed":
            error = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}
            batch["errors"] = {"object": "list", "data": [error]}
            return
        lines = self.lines(batch["input_file_id"])
        done = lines if batch["status"] == "completed" else lines[: self.answered]
        good, bad = [], []
        for line in reversed(done):  # the order of the requests is not kept
            status = self.fail_line(line["body"])
            body = self.complete(line["body"]) if status is None else {"error": {"message": "no"}}
            response = {"status_code": status or 200, "request_id": "r", "body": body}
            row = {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}
            (good if status is None else bad).append(row)
        gone = {"code": "batch_expired", "message": "This request could not be executed in time."}
        if batch["status"] == "expired":
            bad += [{"id": "x", "custom_id": line["custom_id"], "response": None, "error": gone}
                    for line in lines[self.answered :]]  # fmt: skip
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        for name, rows in (("output_file_id", good), ("error_file_id", bad)):
            if rows:
                batch[name] = f"file-{len(self.files)}"
                text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
                self.files[batch[name]] = (f"{name}.jsonl", text.encode() + b"\n\nnot JSON\n[]\n")

    def ordered(self) -> list[str]:
        """The requests of all batches, by their custom_id."""
        return [
            line["custom_id"]
            for batch in self.batches.values()
            for line in self.lines(batch["input_file_id"])
        ]


def _file(key: str, name: str) -> dict[str, Any]:
    return {"id": key, "object": "file", "bytes": 1, "created_at": int(time.time()),
            "filename": name, "purpose": "batch", "status": "processed"}  # fmt: skip
