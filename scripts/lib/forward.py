"""Lets a browser of this machine reach the page of a master in a lab: listens on 127.0.0.1 here, connects to
127.0.0.1:4980 in the host's network namespace. Ends with the lab, as it lives in the host once it listens.

usage: forward.py NAMESPACE [PORT]    prints the page's address; a PORT that is taken, or 0: any
"""

import asyncio
import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000
ADMIN = ("127.0.0.1", 4980)


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one of the two is gone, and so is the other in a moment
    finally:
        writer.close()


async def forward(reader, writer):
    try:
        there = await asyncio.open_connection(*ADMIN)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))


def listen(port):
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


async def serve(listening):
    server = await asyncio.start_server(forward, sock=listening)
    await server.serve_forever()


def main():
    listening = listen(int(sys.argv[2]) if len(sys.argv) > 2 else ADMIN[1])
    with open(f"/run/netns/{sys.argv[1]}", "rb") as there:
        if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET) != 0:
            sys.exit(f"forward.py: {sys.argv[1]}: {os.strerror(ctypes.get_errno())}")
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    asyncio.run(serve(listening))


if __name__ == "__main__":
    main()
