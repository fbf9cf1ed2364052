"""Self-checks answer in words, whatever they get; the guessing game counts right and keeps it."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import data, quiz
from helpers.quiz import CHECKS, GuessingGame, check, human_score


class Unreadable:
    """An answer that refuses everything one can ask of it."""

    def refuse(self, *_):
        raise RuntimeError("refused\nin two lines")

    __eq__ = __float__ = __array__ = __len__ = __iter__ = __repr__ = __str__ = __bool__ = refuse
    __hash__ = object.__hash__


def give_up(*_):
    sys.exit("a learner's function may even do this")


JUNK = [
    "seven", b"7", "", float("nan"), float("inf"), -1, 0, True, 1 + 2j, [], [1, "two", None], {},
    {1}, np.array([]), np.array("text"), np.array([None, "x"]), np.zeros((2, 3, 4)),
    np.full(5, np.nan), np.zeros((64, 64), dtype=complex), np.datetime64("2020"), object(),
    Unreadable(), int, lambda image: 1 / 0, lambda *given: None, lambda *given: "text",
    lambda *given: Unreadable(), give_up, range(3), ValueError("not raised"),
]  # fmt: skip


@pytest.fixture
def image():
    return np.random.default_rng(3).integers(0, 256, (512, 512), dtype=np.uint8)


@pytest.fixture
def said(capsys):
    """Return a function that checks an answer and returns what is printed, one line."""

    def run(*arguments):
        check(*arguments)
        printed = capsys.readouterr()
        assert printed.err == ""
        assert printed.out.count("\n") == 1
        return printed.out.strip()

    return run


# --- check() --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, ...])
def test_no_answer_yet(said, answer, image):
    assert said("darker", answer, image).startswith("No answer yet: ")


def test_a_check_that_does_not_exist_is_named(said):
    assert "'darkr'" in said("darkr", 1)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_no_answer_makes_a_check_raise(said, name):
    image = np.random.default_rng(4).integers(0, 256, (64, 64), dtype=np.uint8)
    for answer in JUNK:
        for given in [(), (image,), (5,), (image.astype(np.float32), image), ([], None, "x")]:
            line = said(name, answer, *given)
            assert line.startswith(("Right: ", "Not yet: ")), (answer, line)


def test_an_error_in_the_learners_function_is_quoted(said, image):
    def standardise(image):
        return image / undefined  # noqa: F821

    assert "NameError: name 'undefined' is not defined" in said("standardise", standardise, image)


# --- Episodes 1 and 2: right answers, and the frequent wrong ones ------------------------------


def standardise(image):
    if image.std() == 0:
        raise ValueError("constant image")
    return (image - image.mean()) / image.std()


def says_nothing(image):
    if image.std() == 0:
        raise ValueError
    return (image - image.mean()) / image.std()


def divides_by_variance(image):
    return (image - image.mean()) / image.var()


def subtracts_only(image):
    return image - image.mean()


def without_a_guard(image):
    return (image - image.mean()) / image.std()


def lets_through(image):
    return (image - image.mean()) / max(image.std(), 1e-9)


def darker(image):
    return np.clip(image.astype(np.int16) - 60, 0, 255).astype(np.uint8)


RIGHT = {
    "darker": darker,
    "mirrored": lambda image: image[:, ::-1],
    "angle": lambda image: image[300:460, 340:500],
    "standardise": lambda image: standardise,
}
WRONG = [
    ("darker", lambda image: image - np.uint8(60), "comes round again"),
    ("darker", lambda image: image.astype(int) - 60, "below 0"),
    ("darker", lambda image: darker(image).astype(float), "float64"),
    ("darker", lambda image: np.clip(image.astype(int) + 60, 0, 255).astype(np.uint8), "brighter"),
    ("darker", lambda image: image // 2, "60 grey levels lower"),
    ("darker", lambda image: darker(image)[:100], "shape"),
    ("darker", lambda image: darker(image).tolist(), "NumPy array"),
    ("mirrored", lambda image: image, "as it was"),
    ("mirrored", lambda image: image[::-1], "stands on its head"),
    ("mirrored", lambda image: image[::-1, ::-1], "half a circle"),
    ("mirrored", lambda image: image.T, "transpose"),
    ("angle", lambda image: image[340:500, 300:460], "rows and columns are exchanged"),
    ("angle", lambda image: image[:, ::-1][300:460, 340:500], "mirrored"),
    ("angle", lambda image: image[300:461, 340:501], "left out"),
    ("angle", lambda image: image[300:160, 340:160], "not its length"),
    ("angle", lambda image: image[300:460], "columns"),
    ("angle", lambda image: image[:160, :160], "the place is not"),
    ("standardise", lambda image: without_a_guard, "still gives NaN"),
    ("standardise", lambda image: subtracts_only, "standard deviation"),
    ("standardise", lambda image: divides_by_variance, "in place of 0 and 1"),
    ("standardise", lambda image: lets_through, "let through"),
    ("standardise", lambda image: says_nothing, "add a sentence"),
    ("standardise", lambda image: standardise(image), "function itself"),
    ("standardise", lambda image: print, "returns nothing"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_is_right(said, name, image):
    assert said(name, RIGHT[name](image), image).startswith("Right: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_a_frequent_mistake_gets_its_own_hint(said, capsys, name, answer, hint, image):
    check(name, answer(image), image)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("Not yet: ")
    assert hint in line


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (200 * 512 * 512 * 8 / 1e6, None),
        (200 * 512 * 512 / 1e6, "8 bits make a byte"),
        (200 * 512 * 512 * 64 / 1e6, "8 bits make one byte"),
        (200 * 512 * 512 * 8 * 3 / 1e6, "one channel"),
        (512 * 512 * 8 / 1e6, "one image"),
        (200 * 512 * 8 / 1e6, "rows × columns"),
        (200 * 512 * 512 * 8, "in bytes"),
        (200 * 512 * 512 * 8 / 2**20, "1024"),
        (1.0, "too small"),
    ],
)
def test_memory_arithmetic(said, answer, hint):
    line = said("mb_512", answer, 200)
    assert line.startswith("Right: ") if hint is None else hint in line


def test_memory_of_the_small_images(said):
    assert said("mb_256", 700 * 256 * 256 * 4 / 1e6, 700).startswith("Right: ")
    assert "8 bits make a byte" in said("mb_256", 700 * 256 * 256 / 1e6, 700)


def test_size_on_disk(said, make_data):
    files = data.find(make_data()).files
    total = sum(len(file.read_bytes()) for file in files)
    assert said("megabytes", total / 1e6, files).startswith("Right: ")
    assert "in bytes" in said("megabytes", total, files)
    assert "1024" in said("megabytes", total / 2**20, files)
    assert "all the files" in said("megabytes", files[0].stat().st_size / 1e6, files)


# --- The guessing game ---------------------------------------------------------------------


@pytest.fixture
def xrays(make_data):
    return data.find(make_data(images=12))


@pytest.fixture
def shown(monkeypatch):
    """Collect what the game displays."""
    things = []
    monkeypatch.setattr(quiz, "display", things.append)
    return things


def truth(game):
    return bool(game.dataset.labels[game.drawn[game.total]])


def test_a_fair_coin_chooses_the_class(xrays):
    labels = [xrays.labels[i] for seed in range(200) for i in GuessingGame(xrays, seed).drawn]
    assert 0.46 < np.mean(labels) < 0.54


def test_no_xray_comes_twice_and_a_seed_repeats_the_game(xrays):
    games = [GuessingGame(xrays, seed) for seed in range(30)]
    assert all(len(set(game.drawn)) == 10 for game in games)
    assert GuessingGame(xrays, 7).drawn == games[7].drawn
    assert len({tuple(game.drawn) for game in games}) > 20


def test_a_class_smaller_than_the_game_comes_round_again(make_data):
    game = GuessingGame(data.find(make_data(images=2)))
    assert len(game.drawn) == 10


def test_the_score_after_ten_is_kept(xrays, shown, capsys):
    game = GuessingGame(xrays)
    for number in range(10):
        assert human_score() is None
        right = truth(game) if number not in (2, 5, 8) else not truth(game)
        game.guess("effusion" if right else " No  Effusion ")
    last = capsys.readouterr().out.splitlines()[-1]
    assert "Wrong" not in last
    assert "7 right of 10 (95 % interval 0.40 to 0.89)" in last
    assert human_score() == (7, 10) == human_score(xrays)
    kept = json.loads((data.work_folder() / "guessing_score.json").read_text(encoding="utf-8"))
    assert kept == {"correct": 7, "total": 10, "data": xrays.name}
    assert [file.name for file in data.work_folder().iterdir()] == ["guessing_score.json"]
    assert len(shown) == 9  # the next X-ray after each guess but the last

    game.guess("effusion")  # one too many
    assert (game.correct, game.total) == (7, 10)
    game.look()
    assert len(shown) == 9


@pytest.mark.parametrize("right", range(11))
def test_the_interval_is_the_one_of_later_episodes(right):
    from helpers.evaluation import wilson_interval

    np.testing.assert_allclose(quiz._interval(right, 10), wilson_interval(right, 10), atol=1e-4)


@pytest.mark.parametrize("answer", [None, ..., "", "fluid", 1, Unreadable])
def test_an_answer_that_is_none_does_not_count(xrays, shown, capsys, answer):
    game = GuessingGame(xrays)
    game.guess(answer)
    assert game.total == 0
    assert "effusion" in capsys.readouterr().out


def test_the_picture_does_not_tell_the_answer(xrays, shown):
    game = GuessingGame(xrays)
    game.look()
    html = shown[0].data
    assert 'alt="Chest X-ray 1 of 10: effusion or no effusion?"' in html
    assert xrays.files[game.drawn[0]].stem not in html


def test_buttons_play_the_game(xrays, shown):
    game = GuessingGame(xrays)
    game.play()
    picture, buttons, verdict = shown[0].children
    effusion, normal = buttons.children
    assert (effusion.description, normal.description) == ("Effusion", "No effusion")
    seen = {picture.value}
    for number in range(1, 11):
        (effusion if truth(game) else normal).click()
        assert "Right: " in verdict.value
        assert f"{number} right of {number}" in verdict.value
        seen.add(picture.value)
    assert len(seen) == 11  # ten X-rays and, at the end, none
    assert effusion.disabled and normal.disabled
    assert "95 % interval" in verdict.value
    assert human_score(xrays) == (10, 10)

    last = verdict.value
    normal.click()  # a click that was already on its way
    assert verdict.value == last
    assert human_score() == (10, 10)


def test_plain_cells_and_buttons_share_one_game(xrays, shown):
    game = GuessingGame(xrays)
    game.play()
    picture, _, verdict = shown[0].children
    before = picture.value
    game.guess("effusion")
    assert "of 1" in verdict.value
    assert picture.value != before


@pytest.mark.parametrize("asked", [True, False])
def test_a_run_that_nobody_watches_gets_a_line_of_text(xrays, shown, capsys, monkeypatch, asked):
    request = {"content": {"allow_stdin": asked}}
    shell = SimpleNamespace(get_parent=lambda: request)
    monkeypatch.setattr(quiz, "get_ipython", lambda: shell)
    GuessingGame(xrays).play()
    assert bool(shown) == asked
    assert ("Run this cell yourself" in capsys.readouterr().out) != asked


def test_a_score_that_cannot_be_kept_is_still_told(xrays, shown, capsys, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(blocked))
    game = GuessingGame(xrays)
    for _ in range(10):
        game.guess("effusion")
    last = capsys.readouterr().out.splitlines()[-1]
    assert "of 10" in last
    assert "note it down" in last
    assert human_score() is None


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", "{}", '{"correct": 7, "total": 10}',
        '{"correct": 11, "total": 10, "data": "x"}', '{"correct": 0, "total": 0, "data": "x"}',
        '{"correct": "many", "total": 10, "data": "x"}', "\xff\xfe",
    ],
)  # fmt: skip
def test_a_damaged_score_counts_as_none(text):
    (data.work_folder() / "guessing_score.json").write_text(text, encoding="latin-1")
    assert human_score() is None


def test_a_score_from_other_data_does_not_count(xrays):
    score = {"correct": 6, "total": 10, "data": "something else"}
    (data.work_folder() / "guessing_score.json").write_text(json.dumps(score))
    assert human_score() == (6, 10)
    assert human_score(xrays) is None


def test_nothing_of_the_first_two_episodes_loads_tensorflow():
    code = (
        "import sys, helpers.data, helpers.plots, helpers.quiz, data.simulator\n"
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
