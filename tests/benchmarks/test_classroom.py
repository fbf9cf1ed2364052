"""The measurement of a whole class, with two learners, and what it says of wrong answers."""

import argparse
import json
import os
import signal
import subprocess
import sys

import nbformat
import psutil
import pytest
from support import ROOT

from benchmarks import classroom
from benchmarks.classroom import ANSWERS, Failure, judge, steps


def code(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": [*tags]})


CELLS = [
    nbformat.v4.new_markdown_cell("Text"),
    code("x = 2"),
    code("y = None  # your code\nz = None", "attempt"),
    code('check("y", y)', "check"),
    code("y, z = x, x", "solution"),
    code("1 / 0", "raises-exception"),
]


def test_learners_answer_in_the_cell_of_the_exercise():
    as_it_is, right, wrong = (steps(CELLS, answers) for answers in ANSWERS)
    assert as_it_is == [(n, cell.source, "") for n, cell in enumerate(CELLS) if n]
    check, answer = CELLS[3].source, f"{classroom.VERIFY}\n{CELLS[4].source}"
    answered = [(2, answer, ""), (3, check, "Right:")]
    assert right == [as_it_is[0], *answered, *as_it_is[3:]]
    guess = (2, 'y = "a guess"\nz = "a guess"', "")
    assert wrong == [as_it_is[0], guess, (3, check, "Not yet:"), *answered, *as_it_is[3:]]


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "notebooks").glob("*.ipynb")))
def test_every_exercise_of_the_lesson_can_be_answered(name):
    cells = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells
    checks = sum("check" in cell.metadata.get("tags", []) for cell in cells)
    for answers, times in zip(ANSWERS, (0, 1, 2), strict=True):
        judged = [begin for _, _, begin in steps(cells, answers) if begin]
        assert len(judged) == times * checks
    for _, source, begin in steps(cells, ANSWERS[2]):
        assert not (begin and "None" in source)
        compile(source, name, "exec")


def test_what_a_learner_must_not_see_is_a_failure():
    def said(text):
        return [nbformat.v4.new_output("stream", text=text)]

    error = [nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])]
    judge(5, CELLS[5], error, "")
    judge(3, CELLS[3], said("Right: y.\n"), "Right:")
    for number, outputs, begin in [
        (1, error, ""),
        (3, said("Right: y.\nNot yet: z.\n"), "Right:"),
        (3, [], "Right:"),
        (1, said("IOPub data rate exceeded.\n"), ""),
    ]:
        with pytest.raises(Failure, match=f"cell {number}"):
            judge(number, CELLS[number], outputs, begin)


@pytest.mark.parametrize("learners", ["0", "61", "-1", "many", "²"])
def test_the_number_of_learners_is_bounded(learners):
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 60"):
        classroom.number_of_learners(learners)  # and no class is started if it is not refused


@pytest.mark.hub
def test_a_class_of_two_is_measured(tmp_path, capsys):
    file = tmp_path / "class.json"
    options = ["--learners", "2", "--episode", "01", "--tfi", "10", "--json", str(file)]
    status = classroom.main(options)
    said = capsys.readouterr().out
    assert status == 0, said
    measured = json.loads(file.read_text("utf-8"))
    first, second = measured["class"]["learners"]
    assert [first["answers"], second["answers"]] == [*ANSWERS[:2]]
    for row in (first, second, *measured["alone"]["learners"]):
        assert 0 < row["log_in"] < row["ready"] < row["figure"] < row["end"]
        assert row["error"] is None and row["cells"]
    peaks = measured["class"]["memory"]
    programs = {"hub", "board", "proxy", "idle-culler"}
    assert {*peaks} == {"learner-1", "learner-2", *programs, "all"}
    assert peaks["all"] > peaks["learner-1"] + peaks["hub"] > 100
    assert "2 learners, 01-introduction" in said and "0 failed" in said


@pytest.mark.hub
def test_ctrl_c_ends_what_was_started():
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.classroom", "--episode=01", "--tfi=10"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    started, servers = [], []
    while not servers:  # until a learner's server is being started
        assert process.poll() is None
        started = psutil.Process(process.pid).children(recursive=True)
        servers = [each for each in started if "jupyterhub.singleuser" in command(each)]
    folder = next(each.cwd() for each in started if "jupyterhub" in command(each))
    process.send_signal(signal.SIGINT)
    assert process.wait(120)
    assert not [each for each in started if each.is_running()]
    assert not os.path.exists(folder)


def command(process):
    """Return what a process was started with; nothing if it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
