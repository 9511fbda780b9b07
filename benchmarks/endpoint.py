"""A quick local endpoint for benchmarks: fixed latency, faults by the request, a log of replies.

    python -m benchmarks.endpoint [--latency-s 0.2] [--faults SHARE] [--log FILE]

It prints its port. What happens to a request depends on its text and on how often it came, so the
faults of a run do not depend on its timing. The log has a line for each whole reply that was sent:
the hash of its messages and of its limit.
"""

import argparse
import asyncio
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

LABELS = ("problem framing", "knowledge retrieval", "self checking", "comparison", "summary")
FAULTS = ("429", "500", "silence", "cut body", "cut json")
SILENCE_S = 2.5  # longer than the timeout of whoever asks


@dataclass
class Server:
    """The endpoint; `fault_share` of the requests go wrong the first time they come."""

    latency_s: float
    fault_share: float
    log: TextIO | None
    seen: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
                if not await self.answer(body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked was killed
        finally:
            writer.close()

    async def answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False where the connection is to be closed."""
        key = body_hash(body["messages"], body.get("max_tokens"))
        self.seen[key] += 1
        fault = self.fault(key)
        await asyncio.sleep(SILENCE_S if fault == "silence" else self.latency_s)
        if fault in ("429", "500"):
            return await send(writer, int(fault), json.dumps({"error": {"message": "on demand"}}))
        if fault == "silence":
            return False
        content = labels_for(body)
        if fault == "cut json" and len(body["messages"]) == 2:  # a second try is good
            content = content[: len(content) // 2]
        whole = await send(writer, 200, completion(body, content), cut=fault == "cut body")
        if whole and self.log is not None:
            self.log.write(key + "\n")
            self.log.flush()
        return whole

    def fault(self, key: str) -> str | None:
        """What goes wrong with this request now."""
        draw = int(key[:8], 16) / 16**8
        if self.seen[key] > 1 or draw >= self.fault_share:
            return None
        return FAULTS[int(key[8:12], 16) % len(FAULTS)]


def body_hash(messages: Any, limit: Any) -> str:
    """One name for one request, here and where its reply is kept."""
    return hashlib.sha256(json.dumps([messages, limit], sort_keys=True).encode()).hexdigest()


def labels_for(body: dict[str, Any]) -> str:
    """A valid reply for open labels, the same for the same segments."""
    asked = body["messages"][1]["content"]
    found = re.search(r"<data-(\w+) segments>\n(.*?)\n</data-\1 segments>", asked, re.DOTALL)
    if found is None:
        return "{}"
    items = re.findall(rf"<item-{found[1]} \d+>\n(.*?)\n</item-{found[1]} \d+>", found[2], re.S)
    steps = [
        {"segments": [number], "labels": [
            {"name": LABELS[hashlib.sha256(text.encode()).digest()[0] % len(LABELS)],
             "confidence": 7, "definition": ""}]}
        for number, text in enumerate(items)
    ]  # fmt: skip
    return json.dumps({"steps": steps})


def completion(body: dict[str, Any], content: str) -> str:
    """The document of a completion."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps({"id": "local", "object": "chat.completion", "created": 0,
                       "model": body["model"], "choices": [choice], "usage": usage})  # fmt: skip


async def send(writer: asyncio.StreamWriter, status: int, text: str, cut: bool = False) -> bool:
    """Send a response; a cut one promises more than it holds."""
    payload = text.encode()
    retry = "Retry-After: 0\r\n" if status == 429 else ""
    head = (f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{retry}"
            f"Content-Length: {len(payload) + 50 * cut}\r\n\r\n")  # fmt: skip
    writer.write(head.encode() + payload)
    await writer.drain()
    return not cut


async def run(options: argparse.Namespace) -> None:
    """Serve until killed."""
    log = options.log.open("a") if options.log else None
    server = Server(options.latency_s, options.faults, log)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=2**22)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-s", type=float, default=0.2)
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument("--log", type=Path)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
