"""Has a command of `cove` run by `preloaded`: python -I -S tests/docs/asking.py SOCKET ARGUMENTS..."""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as _asking:
    _asking.connect(sys.argv[1])
    _asked = {"folder": os.getcwd(), "environment": dict(os.environ), "arguments": sys.argv[2:]}
    socket.send_fds(_asking, [json.dumps(_asked).encode()], [0, 1, 2])
    _status = _asking.recv(1)
sys.exit(_status[0] if _status else 1)
