"""check() answers in one line of words, whatever a learner types."""

import re
import subprocess
import sys

import numpy as np
import pytest
from support import ROOT

from exercises import CHECKS, check, diagnose, verify
from exercises.hints import KINDS, Wrong, array, number

CALL = re.compile(r'^check\("(\w+)", (\w+)', re.MULTILINE)


class Unreadable:
    """An answer that refuses everything one can ask of it."""

    def refuse(self, *_):
        raise RuntimeError("refused\nin two lines")

    __eq__ = __float__ = __array__ = __len__ = __iter__ = __repr__ = __str__ = __bool__ = refuse
    __hash__ = object.__hash__


class Settings:
    """Half of a Keras layer."""

    layers = (1, 2, 3)

    def get_config(self):
        return {}

    def as_numpy_iterator(self):
        return iter([(1, 2)])


def give_up(*_):
    sys.exit("a learner's function may even do this")


JUNK = [
    "seven", b"7", "", float("nan"), float("inf"), -1, 0, True, 1 + 2j, [], [1, "two", None], {},
    {1}, np.array([]), np.array("text"), np.array([None, "x"]), np.zeros((2, 3, 4)),
    np.full(5, np.nan), np.zeros((64, 64), dtype=complex), np.datetime64("2020"), object(),
    Unreadable(), [Unreadable()], (Unreadable(), [1]), int, Unreadable, Settings, Settings(),
    lambda image: 1 / 0, lambda *given: None, lambda *given: "text", lambda *given: Unreadable(),
    give_up, range(3), ValueError("not raised"), 10**400, [10**400], iter(()), np, np.ma.masked,
    np.array([(1, 2.0)], dtype="i4,f4"), np.array(7), [[1], [2, 3]], ([], []), ([-1], [99]),
]  # fmt: skip


def test_each_call_of_the_episodes_names_the_variable_to_fill(capsys):
    calls = set()
    for source in (ROOT / "episodes").rglob("*.md"):
        calls.update(CALL.findall(source.read_text(encoding="utf-8")))
    assert {name for name, _ in calls} == set(CHECKS)
    for name, variable in calls:
        for nothing in (None, ...):
            check(name, nothing, "given")
            assert capsys.readouterr().out == (
                f"No answer yet: give {variable} a value in the cell above, then run this one "
                "again.\n"
            )


@pytest.fixture
def half(monkeypatch):
    """Add an exercise whose answer is one half, with a hint for minus one half."""
    mistake = Wrong(-0.5, "sign", "the sign is wrong.")
    monkeypatch.setitem(CHECKS, "half", lambda answer: number(answer, 0.5, [mistake]))


def test_check_prints_one_of_its_three_forms_and_returns_nothing(capsys, half):
    assert check("half", 0.5) is None
    assert capsys.readouterr().out == "Right: half is what the exercise asks for.\n"
    check("half", -0.5)
    assert capsys.readouterr().out == "Not yet: the sign is wrong.\n"
    check("halv", 1)
    assert capsys.readouterr().out.startswith("Not yet: there is no check called 'halv'; known")


def test_verify_says_nothing_of_the_right_answer_and_stops_at_any_other(capsys, half):
    assert verify("half", 0.5) is None
    assert capsys.readouterr() == ("", "")
    with pytest.raises(AssertionError, match=r"^the sign is wrong\.$"):
        verify("half", -0.5)
    for nothing in (None, ...):
        with pytest.raises(AssertionError, match="give half a value"):
            verify("half", nothing)
    with pytest.raises(AssertionError, match="no check called 'halv'"):
        verify("halv", 1)


def test_nothing_that_a_learner_types_or_gives_makes_a_check_raise(capsys):
    image = np.random.default_rng(4).integers(0, 256, (64, 64), dtype=np.uint8)
    all_given = [(), (image,), (5,), (image.astype(np.float32), image), ([], None, "x")]
    for name in CHECKS:
        for answer in JUNK:
            for given in all_given:
                hint = diagnose(name, answer, *given)
                check(name, answer, *given)
                printed = capsys.readouterr()
                assert printed.err == ""
                assert printed.out.startswith(("Right: ", "Not yet: "))
                assert printed.out.count("\n") == 1
                assert ("stopped with" in printed.out) == (
                    hint is not None and hint.kind == "error"
                )
                assert hint is None or hint.kind in KINDS


def test_an_error_of_the_learners_function_is_quoted_on_one_line(capsys):
    def standardise(image):
        raise RuntimeError("one line.\nAnd another.")

    check("standardise", standardise, np.eye(8, dtype=np.uint8))
    assert capsys.readouterr().out == (
        "Not yet: for an ordinary X-ray, your function stopped with RuntimeError: one line.\n"
    )

    def silent(image):
        raise RuntimeError

    assert diagnose("standardise", silent, np.eye(8)).text.endswith("stopped with RuntimeError.")


def test_a_number_is_right_in_any_of_its_types_and_never_one_too_many():
    for answer in [1000, 1000.0, np.int16(1000), np.float32(1000), np.array(1000), 1000.3]:
        assert number(answer, 1000, tolerance=0.01) is None
    for answer in (999, 1001):
        assert number(answer, 1000, tolerance=0.01).kind == "value"
    assert number(1e-12, 0.0) is None


def test_a_right_value_is_right_even_where_a_frequent_mistake_gives_it_too():
    mistake = [Wrong(4, "step", "four."), Wrong(np.array([4]), "step", "four.")]
    assert number(4, 4, mistake) is None
    assert array(np.array([4]), np.array([4]), mistake) is None
    assert number(4, 5, mistake).text == "four."
    assert array(np.array([4]), np.array([5, 6]), mistake).text == "four."


def test_hints_are_no_verdict_on_bits_that_wrap_round():
    """Differences of 8-bit numbers wrap round: 0 - 255 is 1, which is no tolerable difference."""
    black, white = np.zeros(3, np.uint8), np.full(3, 255, np.uint8)
    assert array(black, white, advice="other.", dtype=np.uint8, tolerance=1.5).kind == "value"


def test_nothing_loads_tensorflow_and_check_alone_loads_numpy_only():
    code = (
        "import sys\n"
        "def loaded(*names): return [name for name in names if name in sys.modules]\n"
        "import exercises; print(loaded('cv2', 'IPython', 'matplotlib', 'helpers.data'))\n"
        "import exercises.game, exercises.widgets\n"
        "print(loaded('tensorflow', 'keras', 'sklearn', 'scipy', 'ipywidgets'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout == "[]\n[]\n"
