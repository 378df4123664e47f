"""How the server leaves: first it says that it is not ready, so that nobody sends it more; then it finishes and stops.

Between the two, every answer closes its connection, so that clients come back elsewhere.
"""

import asyncio
import multiprocessing
import signal
import threading
from types import FrameType

CLOSE = (b"connection", b"close")


class Draining:
    """Whether this server is about to stop. seconds: from SIGTERM until it takes no more requests.

    headers: of every answer; empty until draining begins.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begun = False
        self.headers: list[tuple[bytes, bytes]] = []

    def watch(self) -> None:
        """Hear SIGTERM before the server does, and whether the process that watches over this one is gone."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
        if not callable(stop):
            return

        def leave() -> None:
            if self.begun:
                return
            self.begun = True
            self.headers.append(CLOSE)
            loop.call_later(self._seconds, stop, signal.SIGTERM, None)

        def heard(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(leave)

        signal.signal(signal.SIGTERM, heard)
        parent = multiprocessing.parent_process()
        if parent is not None:

            def orphaned() -> None:
                loop.remove_reader(parent.sentinel)
                leave()

            loop.add_reader(parent.sentinel, orphaned)
