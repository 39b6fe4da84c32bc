"""A site's content server, for front_test.py: content_server.py NAME ADDRESS PORT [proxy]

Every answer says whose it is and who its client was (X-Served-By, X-Client). /big is a megabyte, POST answers the
hash of its content, /echo sends back all that comes until the client has ended, and then says so. It prints a line
for each request. With `proxy` each connection begins with a header of PROXY protocol, version 2."""

import hashlib
import http.server
import random
import socket
import struct
import sys

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
BIG = random.Random(7).randbytes(1 << 20)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name = ""
    proxy = False

    def setup(self):
        super().setup()
        self.client = self.client_address[0]
        if not self.proxy:
            return
        header = self.rfile.read(16)
        assert header[:12] == SIGNATURE and header[12] == 0x21, header
        addresses = self.rfile.read(struct.unpack(">H", header[14:])[0])
        family, size = (socket.AF_INET, 4) if header[13] == 0x11 else (socket.AF_INET6, 16)
        self.client = socket.inet_ntop(family, addresses[:size])
        self.asked = socket.inet_ntop(family, addresses[size:2 * size])

    def answer(self, content):
        self.send_response(200)
        self.send_header("X-Served-By", self.name)
        self.send_header("X-Client", self.client)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_GET(self):
        if self.path != "/echo":
            return self.answer(BIG if self.path == "/big" else f"{self.name} {self.path}\n".encode())
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        size = 0
        while octets := self.rfile.read1(65536):
            size += len(octets)
            self.wfile.write(octets)
        self.wfile.write(b"\nended after %d" % size)
        self.close_connection = True

    do_HEAD = do_GET

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.answer(hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest().encode())
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        self.answer(hashlib.sha256(content).hexdigest().encode())

    def log_message(self, *words):
        print(self.client, repr(self.requestline), flush=True)


if __name__ == "__main__":
    Handler.name, address, port, *more = sys.argv[1:]
    Handler.proxy = more == ["proxy"]
    http.server.ThreadingHTTPServer.request_queue_size = 128
    server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
    print("serving", flush=True)
    server.serve_forever()
