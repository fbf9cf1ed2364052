"""From a wrong answer to a hint: what an exercise expects, and its frequent wrong values.

Every check of an exercise is a function ``(answer, *given)`` that returns None where the answer is
right, else a :class:`Hint`. Most checks are one call of :func:`number` or :func:`array`, with the
expected value and a table of frequent wrong values, each with its own hint. What a learner may
type beside that (text, a list, a function in place of its result, ...) is told apart here, once.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

KINDS = {
    "empty": "nothing yet",
    "text": "text in place of a number, an array or an object",
    "list": "a list or a tuple in place of an array, a number or an object",
    "function": "a function or a class in place of what it returns",
    "result": "a result in place of the function itself",
    "tensor": "a tensor of TensorFlow or PyTorch in place of a NumPy array or a number",
    "type": "a value of another wrong type",
    "shape": "an array of another shape, or another number of things",
    "dtype": "an array of another dtype, or another kind of number",
    "nan": "NaN or infinity",
    "error": "a function or pipeline of the learner that stopped with an error",
    "unit": "right but for its unit: bytes for megabytes, images for patients",
    "sign": "right but for its sign or direction",
    "place": "values from another place: axes exchanged, another image, position or order",
    "step": "one step of the calculation is missing, or one too many was made",
    "quantity": "another quantity: a mean for a sum, a probability for its position",
    "value": "a wrong value that is no frequent mistake",
    "unknown": "no exercise has this name",
    "given": "the answer cannot be compared, for instance because a cell above was changed",
}
"""What a class may be told of the answers: the kind of a mistake, never the answer."""


class Hint(NamedTuple):
    """What is wrong with an answer: a key of ``KINDS``, and a sentence for the learner."""

    kind: str
    text: str


class Wrong(NamedTuple):
    """A frequent wrong value, with the kind and the text of its hint."""

    value: Any
    kind: str
    text: str


Check = Callable[..., "Hint | None"]


def number(
    answer: object,
    right: float,
    wrong: Iterable[Wrong] = (),
    advice: str = "",
    tolerance: float = 1e-6,
) -> Hint | None:
    """Compare an answer with the number that is expected.

    Parameters
    ----------
    answer
        What the learner found; any real number will do, of Python or of NumPy.
    right
        The expected value.
    wrong
        Frequent wrong values; the first that fits gives its hint.
    advice
        A sentence that is added where no wrong value fits.
    tolerance
        Relative; never as much as would let the next whole number pass.
    """
    value = read_number(answer)
    if isinstance(value, Hint):
        return value

    def near(other: float) -> bool:
        return abs(value - other) <= min(tolerance * abs(other) + 1e-9, 0.5)

    if near(right):
        return None
    for mistake in wrong:
        if near(mistake.value):
            return Hint(mistake.kind, mistake.text)
    size = "large" if value > right else "small"
    return Hint("value", f"the number is too {size}. {advice}".strip())


def array(
    answer: object,
    right: np.ndarray,
    wrong: Iterable[Wrong] = (),
    advice: str = "",
    *,
    dtype: Any = np.number,
    tolerance: float = 0.0,
) -> Hint | None:
    """Compare an answer with the array that is expected.

    Parameters
    ----------
    answer
        What the learner found.
    right
        The expected values, in their shape.
    wrong
        Frequent wrong arrays, of any shape; the first that fits gives its hint.
    advice
        The sentence where no wrong array fits.
    dtype
        The expected dtype, such as ``np.uint8``, or its family, such as ``np.integer``.
    tolerance
        Absolute.
    """
    values = read_array(answer)
    if isinstance(values, Hint):
        return values
    if same(values, right, tolerance):
        return form(values, right.shape, dtype, "the values are right, but ")
    for mistake in wrong:
        if same(values, mistake.value, tolerance):
            return Hint(mistake.kind, mistake.text)
    return form(values, right.shape, dtype) or Hint("value", advice)


def same(one: np.ndarray, other: np.ndarray, tolerance: float = 0.0) -> bool:
    """Tell whether two arrays have one shape and, within an absolute tolerance, equal values."""
    other = np.asarray(other)
    if one.shape != other.shape:
        return False
    if tolerance == 0:
        return np.array_equal(one, other)
    return bool(np.allclose(one, other, rtol=0, atol=tolerance))


def form(
    values: np.ndarray, shape: tuple[int, ...], dtype: Any = np.number, before: str = ""
) -> Hint | None:
    """Return None for an array of this shape and dtype without NaN, else a hint.

    Parameters
    ----------
    values
        Real numbers, or True and False.
    shape
        The expected shape.
    dtype
        The expected dtype or its family, as in :func:`array`.
    before
        How the sentence begins.
    """
    if values.shape != tuple(shape):
        return Hint("shape", f"{before}the shape is {values.shape}; it should be {tuple(shape)}.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return Hint("nan", f"{before}some values are NaN or infinite: look for a division by 0.")
    if not np.issubdtype(values.dtype, dtype):
        families = {np.number: float, np.integer: int, np.floating: float}
        call = families[dtype].__name__ if dtype in families else f"np.{np.dtype(dtype)}"
        return Hint("dtype", f"{before}the array holds {values.dtype}; end with .astype({call}).")
    return None


def read_number(answer: object) -> float | Hint:
    """Return the number that an answer is, or say what it is in its place."""
    expected = "a single number is expected"
    if isinstance(answer, np.ndarray) and answer.dtype.kind in "biufcmM":
        if answer.ndim:
            one = "; .item() takes its only number out" if answer.size == 1 else ""
            return Hint("shape", f"{expected}; this array has the shape {answer.shape}{one}.")
        answer = answer[()]  # an array without axes holds one number
    if isinstance(answer, bool | np.bool_):
        return Hint("type", f"{expected}, and this is {bool(answer)}.")
    if isinstance(answer, numbers.Real):
        try:
            value = float(answer)
        except OverflowError:
            return Hint("value", "the number is too large to be computed with.")
        if np.isfinite(value):
            return value
        return Hint("nan", f"the number is {value}: look for a division by 0 or a missing value.")
    if isinstance(answer, numbers.Complex | np.generic) and not isinstance(answer, str | bytes):
        return Hint("dtype", f"{expected}, and this one is of the kind {_name(answer)}.")
    return wrong_type(answer, expected)


def read_array(
    answer: object, expected: str = "a NumPy array is expected", lists: bool = False
) -> np.ndarray | Hint:
    """Return the array of real numbers (or of True and False) that an answer is, or a hint.

    Parameters
    ----------
    answer
        What the learner found.
    expected
        How the hint begins.
    lists
        Whether the exercise asks for a list, so that lists and tuples are as good as arrays.
    """
    if lists and isinstance(answer, list | tuple):
        if any(isinstance(entry, str | bytes) for entry in answer):
            return Hint("text", f"{expected}, and some entries are text.")
        try:
            answer = np.asarray(answer)
        except Exception:  # rows of several lengths, or things that turn into no array
            return Hint("shape", f"{expected}; some entries are no numbers or have other lengths.")
    if not isinstance(answer, np.ndarray):
        return wrong_type(answer, expected)
    if answer.dtype.kind not in "biuf":
        return Hint("dtype", f"the array holds {answer.dtype}; it should hold real numbers.")
    return answer


def wrong_type(answer: object, expected: str) -> Hint:
    """Say in words what an answer is that has not the type that an exercise expects.

    Parameters
    ----------
    answer
        Anything; nothing of it is called or read but its type.
    expected
        How the sentence begins, such as "a NumPy array is expected".
    """
    if isinstance(answer, str | bytes):
        return Hint("text", f"{expected}, and this is text: leave out quotation marks.")
    if is_tensor(answer):
        return Hint("tensor", f"{expected}, and this is a tensor: put .numpy() behind it.")
    if isinstance(answer, list | tuple):
        array = ": np.array(…) makes an array of it" if "array" in expected else ""
        return Hint("list", f"{expected}, and this is a {_name(answer)}{array}.")
    if isinstance(answer, numbers.Number | np.generic):
        return Hint("type", f"{expected}, and this is a single value of the type {_name(answer)}.")
    if isinstance(answer, type):
        return Hint("function", f"{expected}, and this is the class {answer.__name__}: call it.")
    if callable(answer) and not hasattr(type(answer), "get_config"):  # a Keras layer is no function
        return Hint(
            "function",
            f"{expected}, and this is a function: call it, with brackets after its name.",
        )
    return Hint("type", f"{expected}, and this has the type {_name(answer)}.")


def is_tensor(answer: object) -> bool:
    """Tell whether something is a tensor, without importing the library that it comes from."""
    library = type(answer).__module__.partition(".")[0]
    return library in ("tensorflow", "keras", "torch") and hasattr(type(answer), "numpy")


def from_torch(answer: object) -> object:
    """Return a PyTorch tensor as an array, for exercises whose answers come from PyTorch."""
    if type(answer).__module__.partition(".")[0] == "torch" and hasattr(answer, "detach"):
        return answer.detach().cpu().numpy()
    return answer


def describe(error: BaseException) -> str:
    """Name an error and, where it has a readable first line, quote it without its last full stop.

    The result ends a sentence: ``describe(error) + "."``.
    """
    name = type(error).__name__
    try:
        lines = str(error).splitlines()
    except Exception:
        lines = []
    return f"{name}: {lines[0].rstrip('. ')}" if lines and lines[0].strip() else name


def stopped(what: str, error: BaseException) -> Hint:
    """Quote an error of the learner's own function or pipeline."""
    return Hint("error", f"{what} stopped with {describe(error)}.")


def _name(answer: object) -> str:
    return type(answer).__name__
