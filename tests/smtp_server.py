"""An SMTP server on a free port for tests: takes letters, or refuses them."""

import socketserver
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Letters:
    """What a server took; `refusing` answers every letter with a temporary no."""

    url: str = ""
    texts: list[str] = field(default_factory=list)
    refusing: bool = False


class Conversation(socketserver.StreamRequestHandler):
    """RFC 5321 as far as one letter needs it."""

    server: "Server"

    def handle(self) -> None:
        self.say("220 test")
        for raw in self.rfile:
            word = raw.decode().split(None, 1)[0].upper() if raw.strip() else ""
            if word == "DATA":
                self.take()
            else:
                self.say("221 bye" if word == "QUIT" else "250 fine")
            if word == "QUIT":
                return

    def take(self) -> None:
        self.say("354 go on")
        text = "".join(raw.decode() for raw in iter(self.rfile.readline, b".\r\n"))
        if self.server.letters.refusing:
            self.say("451 later")
            return
        self.server.letters.texts.append(text)
        self.say("250 taken")

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """Knows where its letters go."""

    daemon_threads = True

    def __init__(self, letters: Letters) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.letters = letters
        letters.url = f"smtp://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving() -> Iterator[Letters]:
    """Runs the server in a thread of its own."""
    letters = Letters()
    with Server(letters) as server, ThreadPoolExecutor(1) as thread:
        running = thread.submit(server.serve_forever, 0.05)
        try:
            yield letters
        finally:
            server.shutdown()
            running.result(10)
