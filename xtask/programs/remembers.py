"""Sets, replaces, deletes and reads keys of a memcached server from several threads; remembers.py PORT."""

import socket
import sys
import threading

port = int(sys.argv[1])
threads, keys = 8, 6000
results = [None] * threads


def value(thread, key, version):
    length = (key * 7919 + thread * 31 + version * 977) % 3000
    return (b"%d %d %d " % (thread, key, version) * (length // 6 + 1))[:length]


def run(thread):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    stream = connection.makefile("rwb")

    def say(text):
        stream.write(text)
        stream.flush()
        return stream.readline()

    def put(key, version):
        data = value(thread, key, version)
        answer = say(b"set %d-%d 0 0 %d\r\n%s\r\n" % (thread, key, len(data), data))
        assert answer == b"STORED\r\n", answer

    for key in range(keys):
        put(key, 0)
    for key in range(0, keys, 3):
        put(key, 1)
    for key in range(0, keys, 7):
        assert say(b"delete %d-%d\r\n" % (thread, key)) == b"DELETED\r\n"
    found = 0
    for key in range(keys):
        line = say(b"get %d-%d\r\n" % (thread, key))
        if line == b"END\r\n":
            assert key % 7 == 0, key
            continue
        length = int(line.split()[3])
        data = stream.read(length + 2)[:-2]
        assert stream.readline() == b"END\r\n"
        assert data == value(thread, key, 1 if key % 3 == 0 else 0), key
        found += 1
    results[thread] = found


workers = [threading.Thread(target=run, args=(thread,)) for thread in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(results)
