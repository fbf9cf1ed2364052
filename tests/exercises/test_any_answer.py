"""A right answer is right, a frequent mistake gets its own hint, and anything else a sentence."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from exercises import CHECKS, diagnose, episode_9, verify
from exercises.hints import KINDS


def load(path):
    """Import the answers to the exercises of one episode."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODULES = {path.stem: load(path) for path in Path(__file__).parent.glob("test_answers_*.py")}
GIVEN = {name: given for module in MODULES.values() for name, given in module.GIVEN.items()}
RIGHT = {name: right for module in MODULES.values() for name, right in module.RIGHT.items()}
FREQUENT = {name: wrong for module in MODULES.values() for name, wrong in module.FREQUENT.items()}
NAMES = sorted(RIGHT)
PIPELINE, SETTINGS = "as_numpy_iterator", "get_config"  # what tf.data and Keras have

# Where an exercise answers something typed in another way than the others, and why.
OTHERWISE = {
    ("horizontal", "another dtype"): ("right", "whole numbers are as good in a kernel"),
    ("choice", "text"): ("value", "a text is expected, the name of another method"),
    ("verdict", "text"): ("value", "a text is expected, the letter of a candidate"),
    ("inserted", "another dtype"): ("value", "whole numbers are other values, and float is right"),
    ("confirming", "one more"): ("quantity", "a threshold is a probability"),
    ("confirming", "one less"): ("quantity", "a threshold is a probability"),
    ("leaked", "a set"): ("step", "these may be the patients, not yet counted"),
    ("sure_normal", "one less"): ("sign", "there the network is least sure"),
    ("fixed", "one more"): ("place", "the last position is that of no X-ray"),
    ("fixed", "one less"): ("place", "the first position is that of no X-ray"),
    ("contribution_left", "one more"): ("place", "that is the contribution of the right half"),
    ("slopes", "one more"): ("step", "all three are alike, but wrong"),
    ("slopes", "one less"): ("step", "all three are alike, but wrong"),
}


class Tensor:
    """What looks like a tensor of TensorFlow, without TensorFlow."""

    __module__ = "tensorflow.python.framework.ops"

    def numpy(self):
        return np.zeros(3)


class Stopping:
    """What looks like a pipeline of tf.data that stops with an error."""

    def as_numpy_iterator(self):
        raise ValueError("Shapes differ.")


def returns(function, change):
    """Return a function that changes what another one returns."""
    return lambda image: change(function(image))


def wrong_of_any_form(right):
    """Yield (what it is, answer, kind of the hint) for what is wrong in every exercise."""
    yield from [("nothing", None, "empty"), ("three dots", ..., "empty")]
    yield from [("text", "seven", "text"), ("bytes", b"7", "text"), ("a set", {0}, "type")]
    yield from [("a tensor", Tensor(), "tensor"), ("a dictionary", {"answer": right}, "type")]
    yield from [("an object", object(), "type"), ("a module", np, "type")]


def wrong_number(right):
    yield from [("a list", [right], "list"), ("a tuple", (right,), "list")]
    yield from [("another shape", np.array([right]), "shape"), ("True", True, "type")]
    yield from [("a complex number", complex(right), "dtype"), ("far too large", 10**400, "value")]
    yield from [("NaN", np.nan, "nan"), ("infinity", np.float32(-np.inf), "nan")]
    yield from [("a date", np.datetime64("2020"), "dtype"), ("a range", range(3), "type")]
    yield from [("one more", right + 1, "value"), ("one less", right - 1, "value")]


def wrong_array(right):
    with_nan, with_infinity = right.astype(float), right.astype(float)
    with_nan.flat[0], with_infinity.flat[0] = np.nan, np.inf
    yield "another dtype", right.astype(float if right.dtype.kind in "iu" else int), "dtype"
    yield from [("another shape", right[..., np.newaxis], "shape")]
    yield from [("one row less", right[1:], "shape"), ("an empty array", np.array([]), "shape")]
    yield from [("complex numbers", right.astype(complex), "dtype")]
    yield from [("texts", right.astype(str), "dtype"), ("objects", right.astype(object), "dtype")]
    yield from [("NaN", with_nan, "nan"), ("infinity", with_infinity, "nan")]
    yield from [("a number", 7, "type"), ("a NumPy number", np.float32(7), "type")]
    yield from [("a list", right.tolist(), "list"), ("a tuple", tuple(right), "list")]
    yield from [("one more", right + 1, "value"), ("one less", right - 1, "value")]


def wrong_list(right):
    """Yield what is wrong where a list or a pair of numbers is expected."""
    yield from [("a number", 7, "type"), ("no list", [], "shape"), ("texts", ["a", "b"], "text")]
    yield from [("NaN", np.full_like(right, np.nan, dtype=float), "nan")]
    yield from [
        ("one more", np.array(right) + 1, "value"),
        ("one less", np.array(right) - 1, "value"),
    ]
    yield from [("another shape", np.array(right)[..., np.newaxis], "shape")]
    yield from [("complex numbers", np.array(right, dtype=complex), "dtype")]
    yield from [
        ("rows of two lengths", [[1], [2, 3]], "shape"),
        ("tensors", [Tensor()] * 2, "dtype"),
    ]


def wrong_pair(right):
    """Yield what is wrong where two rows of positions are expected."""
    one, other = right
    yield from [("a number", 7, "type"), ("an array", one, "type"), ("NaN", np.nan, "type")]
    yield from [("a pair of texts", ("a", "b"), "text"), ("a pair of numbers", (1, 2), "type")]
    yield from [("a pair of tensors", (Tensor(), Tensor()), "tensor")]
    yield from [("lists of text", (["a"], ["b"]), "text"), ("three", (one, one, other), "shape")]
    yield from [("another shape", (one[np.newaxis], other), "shape")]
    yield from [("another dtype", (one * 1.0, other * 1.0), "dtype")]
    yield from [("rows with NaN", ([np.nan], other), "nan")]
    yield from [("one more", (one + 1, other + 1), "value")]
    yield from [("one less", (one - 1, other - 1), "value")]


def wrong_function(right):
    yield from [("a list", [right], "list"), ("a tuple", (right,), "list"), ("a number", 7, "type")]
    yield from [("an array", np.zeros(3), "result"), ("NaN", np.nan, "type")]
    yield from [("a class", int, "error"), ("a function of NumPy", np.matmul, "error")]
    for what, change, kind in [
        ("nothing", lambda result: None, "step"),
        ("a list", lambda result: result.tolist(), "list"),
        ("another shape", lambda result: result[..., np.newaxis], "shape"),
        ("another dtype", lambda result: result.astype(int), "dtype"),
        ("complex numbers", lambda result: result.astype(complex), "dtype"),
        ("objects", lambda result: result.astype(object), "dtype"),
        ("NaN", lambda result: np.full_like(result, np.nan), "nan"),
        ("infinity", lambda result: np.full_like(result, np.inf), "nan"),
        ("a tensor", lambda result: Tensor(), "tensor"),
        ("a function", lambda result: result.mean, "function"),
        ("a dictionary", lambda result: {"answer": result}, "type"),
        ("text", str, "text"),
        ("a number", np.mean, "type"),
        ("one more", lambda result: result + 1, "value"),
        ("one less", lambda result: result - 1, "value"),
        ("what stops", lambda result: result / undefined, "error"),  # noqa: F821
    ]:
        yield f"a function that returns {what}", returns(right, change), kind


def wrong_thing(right):
    """Yield what is wrong where something of TensorFlow or Keras is expected."""
    yield from [("a list", [right], "list"), ("a tuple", (right,), "list"), ("a number", 7, "type")]
    yield from [("an array", np.zeros(3), "type"), ("NaN", np.nan, "type"), ("True", True, "type")]
    yield from [("a complex number", 1j, "type"), ("its class", type(right), "function")]
    if hasattr(right, PIPELINE):
        yield "a pipeline that stops", Stopping(), "error"
        (images, labels), *rest = right.items
        for what, first in [
            ("one X-ray less in its first batch", (images[1:], labels[1:])),
            ("one X-ray more in its first batch", (np.r_[images, images[:1]], np.r_[labels, 0])),
            ("no labels", images),
        ]:
            yield f"a pipeline with {what}", type(right)(first, *rest), "shape"
        yield "a pipeline with a batch more", type(right)((images, labels), *right.items), "shape"


def wrong_text(right):
    yield from [("a number", 7, "type"), ("NaN", np.nan, "type"), ("True", True, "type")]
    yield from [("a list", [right], "list"), ("a tuple", (right,), "list")]
    yield from [("an array", np.zeros(3), "type"), ("text in an array", np.array([right]), "type")]
    yield from [("a letter less", right[:-1], "value"), ("a letter more", right + "s", "value")]


def wrong_texts(right):
    """Yield what is wrong where an array of texts is expected."""
    yield from [("a number", 7, "type"), ("NaN", np.nan, "type"), ("True", True, "type")]
    yield from [("one less", right[1:], "shape"), ("one more", [*right, right[0]], "shape")]
    yield from [("another shape", right[:, np.newaxis], "shape"), ("one", right[:1], "shape")]
    yield from [("numbers", np.zeros(right.shape), "value"), ("no text", [None] * 100, "value")]
    yield from [("other texts", np.char.upper(right), "value")]
    yield from [("rows of two lengths", [[1], [2, 3]], "given")]


def form_of(right):
    """Return the function that makes wrong answers from a right one."""
    if isinstance(right, str):
        return wrong_text
    if isinstance(right, np.ndarray):
        return wrong_texts if right.dtype.kind == "U" else wrong_array
    if isinstance(right, tuple) and isinstance(right[0], np.ndarray):
        return wrong_pair
    if isinstance(right, tuple | list):
        return wrong_list
    if hasattr(right, PIPELINE) or hasattr(right, SETTINGS):
        return wrong_thing
    return wrong_function if callable(right) else wrong_number


def usual(name):
    """Yield (what it is, answer, usual kind of the hint) for whatever may be typed."""
    right = RIGHT[name][0]
    form = form_of(right)
    yield from wrong_of_any_form(right)
    yield from form(right)
    if form is not wrong_function:
        yield from [("a function", lambda: right, "function"), ("a class", int, "function")]
        yield from [("a function of NumPy", np.log, "function")]


def wrong_answers(name):
    """Yield what may be typed, with the kinds of this exercise where they are its own."""
    own = {what: kind for (exercise, what), (kind, _) in OTHERWISE.items() if exercise == name}
    for what, answer, kind in usual(name):
        yield what, answer, own.get(what, kind)


@pytest.fixture(autouse=True)
def no_networks(monkeypatch):
    """Put a table in the place of the three networks of episode 9."""
    monkeypatch.setattr(episode_9, "measure", MODULES["test_answers_9"].measured)


def test_every_check_has_its_answers_in_one_place():
    for table in ("GIVEN", "RIGHT", "FREQUENT"):
        names = [name for module in MODULES.values() for name in getattr(module, table)]
        assert sorted(names) == sorted(CHECKS), table
    for module in MODULES.values():
        assert module.GIVEN.keys() == module.RIGHT.keys() == module.FREQUENT.keys()
    assert all(RIGHT.values()) and all(FREQUENT.values())


@pytest.mark.parametrize("name", NAMES)
def test_right_answers_are_right(name, capsys):
    for answer in RIGHT[name]:
        assert diagnose(name, answer, *GIVEN[name]) is None, answer
        verify(name, answer, *GIVEN[name])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", NAMES)
def test_frequent_mistakes_get_their_own_hint(name):
    for answer, kind, words in FREQUENT[name]:
        hint = diagnose(name, answer, *GIVEN[name])
        assert hint is not None, answer
        assert hint.kind == kind and words in hint.text, (answer, hint)
        with pytest.raises(AssertionError):
            verify(name, answer, *GIVEN[name])


@pytest.mark.parametrize("name", NAMES)
def test_whatever_else_is_typed_gets_a_hint_of_its_kind(name):
    wrong = []
    for what, answer, kind in wrong_answers(name):
        hint = diagnose(name, answer, *GIVEN[name])
        if ("right" if hint is None else hint.kind) != kind:
            wrong.append((what, kind, hint))
    assert not wrong, "\n".join(map(str, wrong))


# No idioms, contractions or dismissive words, and the terms of the field.
AVOIDED = re.compile(
    r"n't|\b(just|simply|easy|easily|obviously|belt|exam|share|shares|pull\w*|mend\w*|forget\w*|"
    r"knows?|truth|luck|hottest)\b"
)


@pytest.mark.parametrize("name", NAMES)
def test_hints_are_whole_sentences_and_quote_no_error_but_the_learners(name):
    wrong = [(answer, *GIVEN[name]) for answer, *_ in FREQUENT[name]]
    wrong += [(answer, *GIVEN[name]) for _, answer, _ in wrong_answers(name)]
    for hint in filter(None, (diagnose(name, *all_given) for all_given in wrong)):
        assert hint.kind in KINDS
        assert hint.text.endswith((".", "?")) and hint.text == hint.text.strip(), hint
        assert not re.search(r"\n|  |\.\.|[:,;] ?[.?]$|\. [a-z]", hint.text), hint
        assert ("stopped with" in hint.text) == (hint.kind == "error"), hint
        assert not AVOIDED.search(hint.text), hint


def test_each_exception_is_needed():
    for (name, what), (own, reason) in OTHERWISE.items():
        (kind,) = (kind for tried, _, kind in usual(name) if tried == what)
        assert kind != own, (name, what, reason)


def test_many_answers_are_tried_for_each_exercise():
    for name in NAMES:
        assert len(list(wrong_answers(name))) >= 15, name
