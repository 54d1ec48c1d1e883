"""A client of the API server with as little of its own as can be: what it takes of the two cores, the measured lack."""

import collections
import concurrent.futures
import http.client
import json
import re
import ssl
import threading
import time

VERSION = re.compile(rb'"resourceVersion":"(\d+)"')
Answer = collections.namedtuple("Answer", "code body")


class Refused(Exception):
    """The API server said no."""

    def __init__(self, code, body):
        super().__init__(f"{code}: {body[:500].decode(errors='replace')}")
        self.code = code


class Api:
    """Requests over connections that are kept, one a thread."""

    def __init__(self, host, port, authority, certificate, key):
        self.host, self.port = host, port
        self.tls = ssl.create_default_context(cafile=authority)
        self.tls.load_cert_chain(certificate, key)
        self.kept = threading.local()

    def connect(self, timeout=300):
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout)

    def ask(self, method, path, body=None, content="application/json"):
        """The answer, whatever it is; asked once more where a kept connection had been closed."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": content, "Accept": "application/json", "User-Agent": "temper-bench"}
        for is_last in (False, True):
            connection = getattr(self.kept, "connection", None)
            if connection is None:
                connection = self.kept.connection = self.connect()
            try:
                connection.request(method, path, data, headers)
                answer = connection.getresponse()
                return Answer(answer.status, answer.read())
            except (http.client.HTTPException, OSError):
                connection.close()
                self.kept.connection = None
                if is_last:
                    raise

    def must(self, method, path, body=None, content="application/json", also=()):
        """The object answered; raises where the code is neither good nor in `also`."""
        while True:
            answer = self.ask(method, path, body, content)
            if answer.code < 300 or answer.code in also:
                return json.loads(answer.body)
            if answer.code not in (429, 500, 503, 504):
                raise Refused(answer.code, answer.body)
            time.sleep(0.2)

    def get(self, path):
        return self.must("GET", path)

    def create(self, path, body):
        return self.must("POST", path, body)

    def delete(self, path, body=None):
        return self.must("DELETE", path, body, also=(404,))

    def listed(self, path):
        """All objects of a list, page by page, and its resource version."""
        items, more = [], ""
        mark = "&" if "?" in path else "?"
        while True:
            page = self.get(f"{path}{mark}limit=500{more}")
            items += page["items"]
            if not page["metadata"].get("continue"):
                return items, page["metadata"]["resourceVersion"]
            more = "&continue=" + page["metadata"]["continue"]


class Watch:
    """A watch from now on in a thread of its own. `see(raw)` gets each event's line as bytes, with the instant of its
    arrival; it is the reader's to parse it or not. A context manager."""

    def __init__(self, api, path, see):
        self.api, self.see, self.is_over = api, see, False
        self.path, self.mark = path, "&" if "?" in path else "?"
        # Only the version: an empty list would do, a full one is paid for by what is measured.
        self.version = api.get(f"{path}{self.mark}limit=1")["metadata"]["resourceVersion"].encode()
        self.open()
        self.thread = threading.Thread(target=self.read, daemon=True)

    def open(self):
        """From the last version on that was seen."""
        self.connection = self.api.connect(timeout=None)
        target = f"{self.path}{self.mark}watch=1&timeoutSeconds=3600&resourceVersion={self.version.decode()}"
        self.connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "temper-bench"})
        self.answer = self.connection.getresponse()
        if self.answer.status != 200:
            raise Refused(self.answer.status, self.answer.read())

    def read(self):
        while not self.is_over:
            try:
                for line in self.answer:
                    if self.is_over:
                        return
                    if line.startswith(b'{"type":"ERROR"'):
                        raise ConnectionError(f"the watch of {self.path}: {line[:500].decode()}")
                    self.version = VERSION.search(line)[1]
                    self.see(line, time.time())
            except (OSError, ValueError, http.client.HTTPException, AttributeError):
                if not self.is_over:
                    raise
                return
            # The API server ends a watch whose reader is slow for a while.
            if not self.is_over:
                self.connection.close()
                self.open()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        try:
            self.connection.sock and self.connection.sock.shutdown(2)
        except OSError:
            pass
        self.thread.join(5)


class Pool:
    """Threads that make requests; the first that fails is told at the end. A context manager."""

    def __init__(self, size):
        self.executor = concurrent.futures.ThreadPoolExecutor(size)
        self.failure = None

    def do(self, function, *arguments):
        self.executor.submit(self.guarded, function, arguments)

    def guarded(self, function, arguments):
        try:
            function(*arguments)
        except Exception as failure:  # noqa: BLE001: told by `check`
            self.failure = self.failure or failure

    def check(self):
        if self.failure:
            raise self.failure

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.executor.shutdown(wait=kind is None, cancel_futures=kind is not None)
        if kind is None:
            self.check()


def wait(what, condition, seconds, pool=None, every=0.05):
    """Until a condition holds; its value."""
    end = time.time() + seconds
    while True:
        value = condition()
        if value:
            return value
        if pool:
            pool.check()
        if time.time() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(every)
