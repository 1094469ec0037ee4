"""CPython's multiprocessing.Pool on the same work. Reads one JSON request per line, answers with one line each."""

import sys
import time
from json import dumps, loads


def inc(x):
    return x + 1


def change(o):
    return {
        "id": o["id"],
        "name": o["name"].upper(),
        "score": o["score"] * 2,
        "tags": [o["tags"][1], o["tags"][0]],
    }


def small_objects(count):
    return [
        {"id": i, "name": f"item {i}", "score": i / 8, "tags": [f"left {i % 100}", f"right {i % 7}"]}
        for i in range(count)
    ]


barrier = None


def take_barrier(shared):
    global barrier
    barrier = shared


def rendezvous(_):
    barrier.wait(20)
    return True


def check(right):
    if not right:
        raise ValueError("wrong results")


class ColdStart:
    """Every process makes one pool; `both` until the two workers have met, otherwise until the first result."""

    def __init__(self, both, method, params):
        self.both, self.method, self.workers = both, method, params["workers"]

    def round(self):
        begin = time.perf_counter()
        import multiprocessing
        import multiprocessing.pool

        imported = time.perf_counter()
        context = multiprocessing.get_context(self.method)
        if self.both:
            pool = context.Pool(self.workers, take_barrier, [context.Barrier(self.workers)])
            check(all(pool.map(rendezvous, range(self.workers), 1)))
        else:
            pool = context.Pool(self.workers)
            check(pool.apply(inc, [41]) == 42)
        answered = time.perf_counter()
        pool.terminate()
        pool.join()
        return {"start": (answered - imported) * 1000, "total": (answered - begin) * 1000}


class WithPool:
    def __init__(self, method, params):
        import multiprocessing

        self.pool = multiprocessing.get_context(method).Pool(params["workers"])


class OneInFlight(WithPool):
    def __init__(self, method, params):
        super().__init__(method, params)
        self.calls = params["calls"]
        self.round()

    def round(self):
        begin = time.perf_counter()
        for i in range(self.calls):
            check(self.pool.apply(inc, (i,)) == i + 1)
        return {"call": (time.perf_counter() - begin) * 1e6 / self.calls}


class Saturated(WithPool):
    def __init__(self, function, inputs, right, method, params):
        super().__init__(method, params)
        self.function, self.inputs, self.right = function, inputs, right
        self.window, self.count = params["window"], params["trial"]
        self.round()
        rate = self.round()["rate"]
        self.count = max(self.count, round(rate * params["roundMs"]))

    def round(self):
        from collections import deque

        begin = time.perf_counter()
        flying = deque()
        size = len(self.inputs)
        for i in range(self.count):
            if len(flying) == self.window:
                at, result = flying.popleft()
                check(self.right(result.get(), self.inputs[at]))
            at = i % size
            flying.append((at, self.pool.apply_async(self.function, (self.inputs[at],))))
        for at, result in flying:
            check(self.right(result.get(), self.inputs[at]))
        return {"rate": self.count / (time.perf_counter() - begin) / 1000}


class Mapping(WithPool):
    def __init__(self, function, items, method, params):
        super().__init__(method, params)
        self.function, self.items = function, items
        self.expected = [function(item) for item in items]
        self.round()

    def round(self):
        begin = time.perf_counter()
        values = self.pool.map(self.function, self.items)
        wall = (time.perf_counter() - begin) * 1000
        check(values == self.expected)
        return {"wall": wall, "flat": wall}


def take(how, count, values, done):
    """The consumer's process: as many values as a round has, for ever."""
    while True:
        done.put(sum(values.get()[0] if how == "buffers" else values.get() for _ in range(count)))


class Moving:
    """One process puts into a multiprocessing.Queue, another one takes."""

    def __init__(self, how, method, params):
        import multiprocessing

        context = multiprocessing.get_context(method)
        # It is slower: a quarter of the items is enough for a rate.
        self.how, self.count = how, max(1, params["items"] // 4)
        self.values, self.done = context.Queue(8 if how == "buffers" else 0), context.Queue()
        self.taker = context.Process(target=take, args=(how, self.count, self.values, self.done), daemon=True)
        self.taker.start()
        self.round()

    def round(self):
        buffer = bytes([7]) * (1 << 20)
        begin = time.perf_counter()
        for i in range(self.count):
            self.values.put(buffer if self.how == "buffers" else i)
        total = self.done.get()
        seconds = time.perf_counter() - begin
        check(total == (self.count * 7 if self.how == "buffers" else self.count * (self.count - 1) // 2))
        return {"rate": self.count / seconds * (1 / 1024 if self.how == "buffers" else 1e-6)}


def changed(value, given):
    return value["id"] == given["id"] and value["score"] == given["score"] * 2 and value["tags"][0] == given["tags"][1]


SHAPES = {
    "cold-start-first": lambda method, params: ColdStart(False, method, params),
    "spawn-first": lambda method, params: ColdStart(False, method, params),
    "cold-start-both": lambda method, params: ColdStart(True, method, params),
    "one-in-flight": OneInFlight,
    "saturated-numbers": lambda method, params: Saturated(
        inc, list(range(1024)), lambda value, given: value == given + 1, method, params
    ),
    "saturated-objects": lambda method, params: Saturated(change, small_objects(1024), changed, method, params),
    "queue-each": lambda method, params: Moving("each", method, params),
    "queue-many": lambda method, params: Moving("many", method, params),
    "queue-buffers": lambda method, params: Moving("buffers", method, params),
    "map-numbers": lambda method, params: Mapping(inc, list(range(params["items"])), method, params),
    "map-objects": lambda method, params: Mapping(change, small_objects(params["items"]), method, params),
}


def main():
    shape = None
    for line in sys.stdin:
        request = loads(line)
        if request["op"] == "setup":
            shape = SHAPES[request["shape"]](request["method"], request["params"])
            answer = {"python": sys.version.split()[0]}
        else:
            answer = shape.round()
        print(dumps(answer), flush=True)
    if isinstance(shape, Moving):
        shape.taker.terminate()
    if isinstance(shape, WithPool):
        shape.pool.terminate()
        shape.pool.join()


if __name__ == "__main__":
    main()
