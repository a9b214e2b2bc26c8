"""The daemon's own reactor, in a process of its own: what comes in is read, what threads ask for is done."""

import subprocess
import sys

_PRELUDE = """
import socket, sys
from threading import Thread
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import globalLogBeginner
from authproxy.running.direct_reactor import DirectReactor

def tell(event):
    if "log_failure" in event:
        print("logged", event["log_failure"].type.__name__)

globalLogBeginner.beginLoggingTo([tell], redirectStandardIO=False)
reactor = DirectReactor()
"""
_THREADS = """
def work():
    reactor.callFromThread(print, "first")
    reactor.callFromThread(int, "no number")
    reactor.callFromThread(print, "second", end="!\\n")
    reactor.callFromThread(reactor.stop)

Thread(target=work).start()
reactor.run()
"""
_DATAGRAMS = """
class Ear(DatagramProtocol):
    def datagramReceived(self, datagram, addr):
        print("heard", datagram.decode())
        if datagram == b"odd":
            raise ValueError
        if datagram == b"last":
            reactor.stop()

port = reactor.listenUDP(0, Ear(), "127.0.0.1").getHost().port
mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for word in (b"one", b"odd", b"last"):
    mouth.sendto(word, ("127.0.0.1", port))
reactor.run()
"""


def told(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", _PRELUDE + script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_threads_are_served_in_order_and_one_mistake_stops_nobody() -> None:
    assert told(_THREADS) == ["first", "logged ValueError", "second!"]


def test_what_comes_in_is_read_also_after_a_mistake_of_the_reader() -> None:
    assert told(_DATAGRAMS) == ["heard one", "heard odd", "heard last"]
