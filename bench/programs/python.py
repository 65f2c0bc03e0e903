"""Objects of every kind, made and dropped: a library of books, its index, its statistics, its JSON."""

import hashlib
import json
from collections import Counter, OrderedDict, defaultdict, deque


class Book:
    def __init__(self, number, title, words):
        self.number = number
        self.title = title
        self.words = words
        self.readers = []

    def key(self):
        return (len(self.words), self.title)


class Tree:
    __slots__ = ("key", "left", "right")

    def __init__(self, key, left=None, right=None):
        self.key = key
        self.left = left
        self.right = right


def numbers(seed):
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


def build(low, high):
    if low >= high:
        return None
    middle = (low + high) // 2
    return Tree(middle, build(low, middle), build(middle + 1, high))


def total(tree):
    return 0 if tree is None else tree.key + total(tree.left) + total(tree.right)


def library(random, count):
    books = []
    for number in range(count):
        words = ["word%d" % (next(random) % 5000) for _ in range(next(random) % 12)]
        books.append(Book(number, " ".join(words[:3]).upper() or "untitled", words))
    return books


def main():
    random = numbers(1)
    digest = hashlib.sha256()
    for round_ in range(3):
        books = library(random, 20000)
        index = defaultdict(list)
        for book in books:
            for word in book.words:
                index[word].append(book)
        counts = Counter({word: len(found) for word, found in index.items()})
        digest.update(repr(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:50]).encode())
        text = json.dumps([{"n": b.number, "title": b.title, "words": b.words} for b in books])
        parsed = json.loads(text)
        digest.update(text.encode())
        shelf = OrderedDict((b["title"], b) for b in parsed)
        for title in [title for position, title in enumerate(shelf) if position % 3 == 0]:
            del shelf[title]
        queue = deque(maxlen=1000)
        for book in sorted(books, key=Book.key):
            queue.append((book.title[::-1], {"of": book.number, "half": book.number / 2}))
        digest.update("|".join(title for title, _ in queue).encode())
        digest.update(str(len(shelf)).encode())
        digest.update(str(total(build(0, 40000))).encode())
        lines = text.replace("}, {", "}\n{").split("\n")
        digest.update("".join(line.strip("[]{}").title()[:20] for line in lines[::7]).encode())
    print(digest.hexdigest())


main()
