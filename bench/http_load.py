"""A load of HTTPS requests over connections that stay open: bytes that were made before, each answer timed."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class HttpAnswers:
    """What a load came to. ``latencies`` in seconds, sorted; ``statuses``: how often each came; ``right``: answers
    that had the wanted words."""

    sent: int = 0
    seconds: float = 0.0
    right: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float) -> float:
        """In milliseconds."""
        if not self.latencies:
            return 0.0
        return 1000 * self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))]


def load(port: int, requests: Sequence[bytes], connections: int, wanted: bytes) -> HttpAnswers:
    """Every request once, ``connections`` in flight. ``wanted``: what a right answer holds."""
    return asyncio.run(_load(port, requests, connections, wanted))


async def _load(port: int, requests: Sequence[bytes], connections: int, wanted: bytes) -> HttpAnswers:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opened = [await asyncio.open_connection("127.0.0.1", port, ssl=context) for _ in range(connections)]
    answers, following = HttpAnswers(len(requests)), iter(requests)
    started = time.perf_counter()
    await asyncio.gather(*(_lane(reader, writer, following, wanted, answers) for reader, writer in opened))
    answers.seconds = time.perf_counter() - started
    answers.latencies.sort()
    for _, writer in opened:
        writer.close()
    return answers


async def _lane(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    following: Iterator[bytes],
    wanted: bytes,
    answers: HttpAnswers,
) -> None:
    for request in following:
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        at = head.lower().index(b"content-length:") + 15
        body = await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
        answers.latencies.append(time.perf_counter() - begun)
        answers.statuses[int(head[9:12])] += 1
        answers.right += wanted in body
