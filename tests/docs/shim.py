"""What ``authproxy`` is in the shell that runs the pages' lines: hands everything to the fork server."""

import json
import os
import socket
import sys

SHIM = """\
#!{python} -IS
import runpy, sys
sys.argv[0] = "authproxy"
runpy.run_path({file!r}, {{"SERVER": {server!r}}}, "__main__")
"""

if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(SERVER)  # type: ignore[name-defined]  # noqa: F821
        request = {"argv": sys.argv, "cwd": os.getcwd(), "env": dict(os.environ)}
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        sys.exit(int(connection.recv(16) or b"1"))
