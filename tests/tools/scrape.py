#!/usr/bin/env python3
"""Asks for a mount's metrics over HTTP, as Prometheus does, and prints status, content type and body.

usage: scrape.py unix:PATH|HOST:PORT PATH
"""
import http.client
import socket
import sys


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


address, path = sys.argv[1:]
if address.startswith("unix:"):
    connection = UnixConnection(address.removeprefix("unix:"))
else:
    connection = http.client.HTTPConnection(address, timeout=10)
connection.request("GET", path)
answer = connection.getresponse()
print(answer.status)
print(answer.getheader("Content-Type"))
sys.stdout.flush()
sys.stdout.buffer.write(answer.read())
