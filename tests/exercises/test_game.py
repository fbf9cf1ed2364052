"""The guessing game is fair, counts right, and keeps its score for episode 5."""

import errno
import html
import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from exercises import game as rooms
from exercises import widgets
from exercises.game import GuessingGame, human_score
from helpers import data
from helpers.paths import work_folder


@pytest.fixture
def xrays(make_data):
    return data.find_dataset(make_data(images=12))


@pytest.fixture
def shown(monkeypatch):
    """Collect what the game displays."""
    things = []
    monkeypatch.setattr(rooms, "display", things.append)
    return things


def truth(game):
    return bool(game.dataset.labels[game.drawn[game.total]])


def test_a_fair_coin_chooses_the_class_and_a_seed_repeats_the_game(xrays):
    labels = [xrays.labels[i] for seed in range(200) for i in GuessingGame(xrays, seed).drawn]
    assert 0.46 < np.mean(labels) < 0.54
    games = [GuessingGame(xrays, seed) for seed in range(30)]
    assert all(len(set(game.drawn)) == 10 for game in games)  # no X-ray comes twice
    assert GuessingGame(xrays, 7).drawn == games[7].drawn
    assert len({tuple(game.drawn) for game in games}) > 20


def test_a_class_smaller_than_the_game_comes_round_again(make_data):
    game = GuessingGame(data.find_dataset(make_data(images=2)))
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
    kept = json.loads((work_folder() / "guessing_score.json").read_text(encoding="utf-8"))
    assert kept == {"correct": 7, "total": 10, "data": xrays.name}
    assert [file.name for file in work_folder().iterdir()] == ["guessing_score.json"]
    assert len(shown) == 9  # the next X-ray after each guess but the last

    game.guess("effusion")  # one too many
    assert (game.correct, game.total) == (7, 10)
    game.look()
    assert len(shown) == 9


def test_an_answer_that_is_none_does_not_count(xrays, shown, capsys):
    class Unreadable:
        def __str__(self):
            raise RuntimeError

    game = GuessingGame(xrays)
    for answer in [None, ..., "", "fluid", 1, Unreadable, Unreadable(), b"effusion"]:
        game.guess(answer)
        assert game.total == 0
        assert "effusion" in capsys.readouterr().out


def test_the_picture_does_not_tell_the_answer_and_is_never_wider_than_the_screen(xrays, shown):
    game = GuessingGame(xrays)
    game.look()
    html = shown[0].data
    assert 'alt="Chest X-ray 1 of 10: effusion or no effusion?"' in html
    assert xrays.files[game.drawn[0]].stem not in html
    assert "max-width: 100%; height: auto" in html


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


def test_a_run_that_nobody_watches_gets_a_line_of_text(xrays, shown, capsys, monkeypatch):
    for asked in (True, False):
        request = {"content": {"allow_stdin": asked}}
        shell = SimpleNamespace(get_parent=lambda request=request: request)
        monkeypatch.setattr(widgets, "get_ipython", lambda shell=shell: shell)
        shown.clear()
        GuessingGame(xrays).play()
        assert bool(shown) == asked
        assert ("Run this cell yourself" in capsys.readouterr().out) != asked


def test_a_score_that_cannot_be_kept_is_still_told_in_words(xrays, shown, monkeypatch, tmp_path):
    blocked = tmp_path / "yours & mine"
    blocked.write_text("not a folder")
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(blocked))
    game = GuessingGame(xrays)
    game.play()
    verdict = shown[0].children[2]
    for _ in range(10):
        game.guess("effusion")
    assert "of 10" in verdict.value
    assert "note it down" in verdict.value
    assert "yours &amp; mine" in verdict.value  # the folder's name is text, not HTML
    assert human_score() is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_no_text_from_the_disk_becomes_html(make_data, shown, monkeypatch):
    evil = "<img src=x onerror=alert(1)>"
    game = GuessingGame(data.find_dataset(make_data(evil)))
    monkeypatch.setenv("CHEST_XRAYS_WORK", str(game.dataset.files[0] / evil))  # below a file
    game.play()
    for _ in range(10):
        for widget in shown[0].children[::2]:
            assert evil not in widget.value
        game.guess("effusion")
    assert "note it down" in shown[0].children[2].value
    assert html.escape(evil) in shown[0].children[2].value
    game.look()
    assert not any(evil in getattr(each, "data", None) or "" for each in shown[1:])


def test_a_full_disk_leaves_the_last_score_and_no_part_of_the_next(xrays, shown, monkeypatch):
    def full(part, *_, **__):
        part.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    first, second = GuessingGame(xrays), GuessingGame(xrays)
    for _ in range(10):
        first.guess("effusion")
    kept = human_score()
    monkeypatch.setattr(Path, "write_text", full)
    for _ in range(10):
        second.guess("no effusion")
    assert "note it down" in second.answer(True)
    assert human_score() == kept
    assert [file.name for file in work_folder().iterdir()] == ["guessing_score.json"]


def test_a_damaged_score_or_one_from_other_data_counts_as_none(xrays):
    file = work_folder() / "guessing_score.json"
    for text in [
        "", "{", "[]", "7", "{}", '{"correct": 7, "total": 10}',
        '{"correct": 11, "total": 10, "data": "x"}', '{"correct": 0, "total": 0, "data": "x"}',
        '{"correct": "many", "total": 10, "data": "x"}', "\xff\xfe",
    ]:  # fmt: skip
        file.write_text(text, encoding="latin-1")
        assert human_score() is None, text
    file.write_text(json.dumps({"correct": 6, "total": 10, "data": "something else"}))
    assert human_score() == (6, 10)
    assert human_score(xrays) is None
