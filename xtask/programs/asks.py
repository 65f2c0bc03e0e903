"""Asks a web server for files of many sizes, packed and plain, on several connections at once.

asks.py PORT THREADS REQUESTS prints what came back, summed up in an order that does not depend on time.
"""

import gzip
import hashlib
import http.client
import sys
import threading

port, threads, requests = map(int, sys.argv[1:])
sizes = [0, 1, 100, 1000, 10000, 100000, 1000000]
sums = [0] * threads


def ask(thread):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(requests):
        size = sizes[(number * 5 + thread) % len(sizes)] if number % 40 == 0 else sizes[number % 5]
        folder = "/again" if number % 3 == 0 else ""
        headers = {"Accept-Encoding": "gzip"} if number % 2 else {}
        connection.request("GET", f"{folder}/{size}.txt", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.getheader("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if answer.status != 200 or len(body) != size:
            sys.exit(f"{answer.status}, {len(body)} bytes instead of {size}")
        sums[thread] += int.from_bytes(hashlib.sha256(body).digest()[:6], "big")


workers = [threading.Thread(target=ask, args=(thread,)) for thread in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(threads * requests, sum(sums))
