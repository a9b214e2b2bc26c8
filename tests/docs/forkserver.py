"""Runs ``authproxy`` commands in forks of one process that has loaded everything: a page's many lines stay quick.

``python -m tests.docs.forkserver SOCKET``. A request is JSON (argv, cwd, env) with the three standard streams.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys

import click

from authproxy.cli import COMMANDS, main


def serve(path: str) -> None:
    for name in COMMANDS:
        main.get_command(click.Context(main), name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("listening", flush=True)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                answer(connection)
            connection.close()


def answer(connection: socket.socket) -> None:
    """In a child: runs one command in another child, and tells its exit status."""
    message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    request = json.loads(message)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = request["argv"]
        os._exit(run(request["argv"][1:]))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(str(status).encode())
    os._exit(0)


def run(arguments: list[str]) -> int:
    """Exit status. The process ends without tidying up what it has never used."""
    try:
        main(args=arguments, prog_name="authproxy")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
