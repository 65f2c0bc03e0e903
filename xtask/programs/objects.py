"""Builds and drops many objects, grows large blocks, and does both in threads and in forked children."""

import hashlib
import json
import os
import random
import threading


def build(seed, count):
    """A tree of dictionaries, lists, strings and tuples, and its digest."""
    draw = random.Random(seed)
    tree = {f"key {draw.randrange(count)}": [draw.random(), "x" * draw.randrange(80), (i, str(i))] for i in range(count)}
    text = json.dumps(tree, sort_keys=True)
    assert json.loads(text).keys() == tree.keys()
    return hashlib.sha256(text.encode()).hexdigest()


def grow(seed):
    """Large blocks that grow and shrink."""
    draw = random.Random(seed)
    blocks = [bytearray() for _ in range(20)]
    for _ in range(2000):
        block = draw.choice(blocks)
        if draw.random() < 0.2:
            block.clear()
        block.extend(b"y" * draw.randrange(300_000))
    return [len(block) for block in blocks]


def in_threads(count):
    """The same work in threads that come and go: what one builds the main thread drops."""
    results = [None] * count

    def work(index):
        results[index] = build(index, 3000)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_children(count):
    """The same work in children that are forked while other threads allocate."""
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            build(1, 200)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    codes = []
    for index in range(count):
        child = os.fork()
        if child == 0:
            os._exit(0 if build(index, 500) == build(index, 500) else 1)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stop.set()
    for thread in threads:
        thread.join()
    return codes


for round_ in range(4):
    print(round_, build(round_, 60_000))
print(grow(5))
print("\n".join(in_threads(24)))
print(in_children(24))
