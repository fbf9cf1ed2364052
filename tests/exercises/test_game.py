"""The guessing game is fair, counts right, and keeps its result for episode 7."""

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
from exercises.game import GuessingGame, human_score, last_result
from helpers import data
from helpers.paths import work_folder


@pytest.fixture
def xrays(make_data):
    return data.find_dataset(make_data(images=12))


@pytest.fixture
def shown(monkeypatch):
    """Collect what the game displays."""
    things = []
    for module in (rooms, widgets):
        monkeypatch.setattr(module, "display", things.append)
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


def play_on(game, answer):
    game.look()
    game.guess(answer)


def test_the_result_after_ten_is_kept(xrays, shown, capsys):
    game = GuessingGame(xrays)
    effusions = sum(xrays.labels[i] for i in game.drawn)
    wrong = [k for k, i in enumerate(game.drawn) if xrays.labels[i]][:3]  # three effusions missed
    for number in range(10):
        assert last_result() is None is human_score()
        right = truth(game) if number not in wrong else not truth(game)
        play_on(game, "effusion" if right else " No  Effusion ")
    last = capsys.readouterr().out.splitlines()[-1]
    assert "7 right of 10 (95 % interval 0.40 to 0.89)" in last
    assert f"found {effusions - 3} of {effusions} effusions" in last
    result = (effusions - 3, effusions, 10 - effusions, 10 - effusions)
    assert last_result() == result == last_result(xrays)
    assert human_score() == (7, 10) == human_score(xrays)
    kept = json.loads((work_folder() / "guessing_score.json").read_text(encoding="utf-8"))
    assert tuple(kept.values()) == (*result, xrays.name)
    assert [file.name for file in work_folder().iterdir()] == ["guessing_score.json"]
    assert len(shown) == 20  # each X-ray twice: to judge it, and with its class

    game.guess("effusion")  # one too many
    assert (sum(game.right), game.total) == (7, 10)
    game.look()
    assert len(shown) == 20


def test_an_xray_is_judged_only_after_it_was_shown(xrays, shown, capsys):
    game = GuessingGame(xrays)
    for _ in range(2):
        game.guess("effusion")
        assert "game.look()" in capsys.readouterr().out
        assert game.total == 0 == len(shown)
    game.look()
    for _ in range(3):
        game.guess("effusion")
    assert game.total == 1
    assert "game.look()" in capsys.readouterr().out


def test_an_answer_that_is_none_does_not_count(xrays, shown, capsys):
    class Unreadable:
        def __str__(self):
            raise RuntimeError

    game = GuessingGame(xrays)
    game.look()
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


def test_buttons_play_the_game_and_wait_until_the_next_xray_is_asked_for(xrays, shown):
    game = GuessingGame(xrays)
    game.play()
    picture, buttons, verdict = shown[0].children
    effusion, normal, following = buttons.children
    names = [button.description for button in buttons.children]
    assert names == ["Effusion", "No effusion", "Next X-ray"]
    for number in range(1, 11):
        assert f"X-ray {number} of 10: effusion or no effusion?" in picture.value
        assert [button.disabled for button in buttons.children] == [False, False, True]
        was = "an effusion" if truth(game) else "no effusion"
        (effusion if truth(game) else normal).click()
        assert f"X-ray {number} of 10: it was {was}." in picture.value
        assert "Right: " in verdict.value
        assert f"{number} right of {number}" in verdict.value
        assert [button.disabled for button in buttons.children] == [True, True, number == 10]
        if number < 10:
            following.click()
    assert "95 % interval" in verdict.value
    assert human_score(xrays) == (10, 10)

    last = verdict.value
    for button in (normal, following):  # clicks that were already on their way
        button.click()
        assert verdict.value == last
    assert human_score() == (10, 10)


def test_the_mask_is_drawn_only_after_the_answer(xrays, shown):
    game = GuessingGame(xrays)
    while not truth(game):
        play_on(game, "effusion")
    plain = game._picture(game.total)
    assert xrays.masks[game.drawn[game.total]] is not None
    play_on(game, "effusion")
    after = game._picture(game.total - 1)
    assert plain.split("src=")[1] != after.split("src=")[1]
    xrays.masks[game.drawn[game.total - 1]].write_bytes(b"damaged")
    assert "it was an effusion." in game._picture(game.total - 1)  # without the line


def test_plain_cells_and_buttons_share_one_game(xrays, shown):
    game = GuessingGame(xrays)
    game.play()
    picture, _, verdict = shown[0].children
    before = picture.value
    game.guess("effusion")
    assert "of 1" in verdict.value
    assert picture.value != before
    game.look()
    assert "X-ray 2 of 10: effusion or no effusion?" in picture.value


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
        play_on(game, "effusion")
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
        play_on(game, "effusion")
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
        play_on(first, "effusion")
    kept = human_score()
    monkeypatch.setattr(Path, "write_text", full)
    for _ in range(10):
        play_on(second, "no effusion")
    assert "note it down" in second.answer(True)
    assert human_score() == kept
    assert [file.name for file in work_folder().iterdir()] == ["guessing_score.json"]


def test_a_damaged_result_or_one_from_other_data_counts_as_none(xrays):
    file = work_folder() / "guessing_score.json"
    good = {"right_effusions": 2, "effusions": 4, "right_normals": 5, "normals": 6, "data": "x"}
    spoilt = [
        {"right_effusions": 5}, {"right_normals": -1}, {"effusions": "many"}, {"normals": None},
        {"normals": float("inf")}, {"normals": float("nan")}, dict.fromkeys(list(good)[:4], 0),
    ]  # fmt: skip
    for text in [
        "", "{", "[]", "7", "{}", '{"correct": 7, "total": 10, "data": "x"}', "\xff\xfe",
        "[" * 100_000, *(json.dumps(good | change) for change in spoilt),
    ]:  # fmt: skip
        file.write_text(text, encoding="latin-1")
        assert last_result() is None is human_score(), text[:99]
    file.write_text(json.dumps(good))
    assert last_result() == (2, 4, 5, 6)
    assert human_score() == (7, 10)
    assert last_result(xrays) is None is human_score(xrays)
