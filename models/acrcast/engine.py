"""Who does a large piece of work that falls into parts: this process, one after the other, or an engine that is passed in.

The parts are cut by whoever asks, and never by the engine, so that every engine does the same arithmetic.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Does tasks of one kind."""

    def map(
        self, function: Callable[[S, T], Iterable[R]], shared: S, tasks: Iterable[T]
    ) -> Iterator[tuple[T, Iterable[R]]]:
        """Each task with what `function(shared, task)` gives, in any order; what it gives is used before the next is asked for.

        function: of a module's top level, and pure but for files that the task names: it may run elsewhere, and twice.
        shared: what all tasks need; it is not changed.
        """
        ...


class InThisProcess:
    """The tasks in their order, one after the other."""

    def map(
        self, function: Callable[[S, T], Iterable[R]], shared: S, tasks: Iterable[T]
    ) -> Iterator[tuple[T, Iterable[R]]]:
        for task in tasks:
            yield task, function(shared, task)


HERE = InThisProcess()
