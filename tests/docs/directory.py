"""The sample directory as a process of its own: ``python -m tests.docs.directory PORT``."""

from __future__ import annotations

import sys

from authproxy.demo.sample import entries
from authproxy.ldap.sample_server import MemoryDirectory

SERVICE_PASSWORD = "change-me"

if __name__ == "__main__":
    from twisted.internet import reactor  # pytest chooses its own

    MemoryDirectory(entries(SERVICE_PASSWORD)).listen(reactor, port=int(sys.argv[1]))
    print("listening", flush=True)
    reactor.run()
