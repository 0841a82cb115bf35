"""Questions are asked once, and their answers forgotten when the store was written to, once a second at most."""

from threading import Barrier, Event, Thread
from time import sleep

import msgspec
import pytest
from tests.make import event, hour, write

from wafscope.errors import StoreError
from wafscope.i18n.text import text
from wafscope.panel.answers import Answers
from wafscope.query.question import Answer, Count, Counts, Scope
from wafscope.store.memory import MemoryStore

QUESTION = Count(Scope())


class Counting(MemoryStore):
    """Counts how often it is asked; waits for `go`, cuts or fails if told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.go = Event()
        self.go.set()
        self.cut = False
        self.broken = False

    def count(self, question: Count, *, time_limit: float = 5.0) -> Answer[Counts]:
        self.asked += 1
        assert self.go.wait(10)
        if self.broken:
            raise StoreError(text("broken"))
        answer = super().count(question, time_limit=time_limit)
        return msgspec.structs.replace(answer, cut=self.cut)


def test_an_answer_is_remembered_until_the_store_is_written_to() -> None:
    store = Counting()
    answers = Answers(store)
    assert [answers.count(QUESTION).value.events for _ in range(3)] == [0, 0, 0]
    assert store.asked == 1
    write(store, [event(hour(1))])
    assert answers.count(QUESTION).value.events == 1
    assert store.asked == 2


def test_two_threads_ask_once() -> None:
    store = Counting()
    store.go.clear()
    answers, barrier, got = Answers(store), Barrier(3), []

    def ask() -> None:
        barrier.wait()
        got.append(answers.count(QUESTION))

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    barrier.wait()
    store.go.set()
    for thread in threads:
        thread.join(120)
    assert (len(got), store.asked) == (2, 1)


def test_a_cut_answer_is_not_remembered() -> None:
    store = Counting()
    store.cut = True
    answers = Answers(store)
    answers.count(QUESTION)
    answers.count(QUESTION)
    assert store.asked == 2


def test_a_failure_is_not_remembered() -> None:
    store = Counting()
    store.broken = True
    answers = Answers(store)
    with pytest.raises(StoreError):
        answers.count(QUESTION)
    store.broken = False
    assert answers.count(QUESTION).value.events == 0


def test_what_is_written_without_end_is_taken_note_of_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("wafscope.panel.answers.monotonic", lambda: now)
    store = Counting()
    answers = Answers(store, hold=1.0)
    write(store, [event(hour(1))])
    assert answers.count(QUESTION).value.events == 1
    assert answers.behind() is None
    write(store, [event(hour(2))])
    now += 0.9
    assert answers.count(QUESTION).value.events == 1
    assert answers.behind() is not None
    now += 0.1
    assert answers.count(QUESTION).value.events == 2
    assert answers.behind() is None
    assert store.asked == 2


def test_what_is_written_is_not_taken_note_of_while_a_question_is_under_way() -> None:
    store = Counting()
    store.go.clear()
    answers = Answers(store, hold=0)
    thread = Thread(target=answers.count, args=(QUESTION,))
    thread.start()
    while not store.asked:
        sleep(0.01)
    before = answers.generation
    write(store, [event(hour(1))])
    assert answers.generation == before
    store.go.set()
    thread.join(120)
    assert answers.generation != before
    assert answers.count(QUESTION).value.events == 1
