"""The class's board: what it computes from reports, and who sees what of it."""

import json
import re
import subprocess
import sys
import time
import uuid
from types import SimpleNamespace

import pytest
import requests
from repository import read
from support import ROOT

from benchmarks.board import join, report
from tools import hub as hubs

NOW = 1_000_000.0


@pytest.fixture
def records(monkeypatch):
    monkeypatch.syspath_prepend(str(hubs.BOARD.parent))
    import records

    return records


@pytest.fixture
def database(records, tmp_path):
    with_file = records.open_database(tmp_path / "board.sqlite")
    yield with_file
    with_file.close()


@pytest.fixture
def tell(records, database):
    """Return a function that reports as the kernel of a learner who was told does."""

    def tell(name, exercise, *kinds, at=NOW):
        records.state_of(database, name, at)
        records.change(database, name, True, None)
        for kind in kinds:
            records.keep_report(database, name, uuid.uuid4().hex, exercise, kind, at)

    return tell


# -- What it computes ----------------------------------------------------------------------------


def test_tried_solved_and_the_most_frequent_hint_are_counted_by_learner(records, database, tell):
    tell("ana", "megabytes", "unit", "unit", "unit", "right")
    tell("ben", "megabytes", "value")
    tell("chi", "megabytes", "value", "right")
    tell("dora", "megabytes", "right")
    row = records.exercises_of_class(database)[0]
    assert (row["exercise"], row["episode"], row["tried"], row["solved"]) == (
        "megabytes", "1", 4, 3,
    )  # fmt: skip
    assert (row["hint"], row["with_hint"]) == (records.KINDS["value"], 2)  # two learners, not three


def test_what_an_older_lesson_reported_is_still_shown(records, database, tell):
    tell("ana", "megabytes", "a kind of before")
    tell("ana", "an exercise of before", "value")
    (row,) = records.exercises_of_class(database)
    assert (row["exercise"], row["hint"]) == ("megabytes", "a kind of before")


def test_exercises_stand_in_the_order_of_the_lesson(records, database, tell):
    names = [name for module in records.MODULES for name in module.CHECKS]
    for name in reversed(names[::5]):
        tell("ana", name, "value")
    assert [row["exercise"] for row in records.exercises_of_class(database)] == names[::5]


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (["value"] * 2, ""),
        (["value", "unit", "value"], "3 hints in a row"),
        (["value"] * 4 + ["right"], ""),
        (["right"] + ["shape"] * 5, "5 hints in a row"),
    ],
)
def test_several_hints_in_a_row_make_stuck(kinds, why, records, database, tell):
    tell("ana", "megabytes", *kinds)
    (row,) = records.learners_of_class(database, NOW + 60)
    assert (row["stuck"], row["minutes"]) == (why, 1)


def test_who_goes_from_exercise_to_exercise_without_a_right_answer_is_stuck(
    records, database, tell
):
    tell("ana", "megabytes", "value", "value")
    tell("ana", "darker", "value", at=NOW + 1)
    (row,) = records.learners_of_class(database, NOW + 2)
    assert (row["exercise"], row["stuck"]) == ("darker", "3 hints in a row")
    tell("ana", "angle", "right", at=NOW + 3)
    (row,) = records.learners_of_class(database, NOW + 4)
    assert (row["exercise"], row["stuck"]) == ("angle", "")


def test_who_is_quiet_for_long_comes_first_and_who_left_comes_last(records, database, tell):
    tell("left", "megabytes", "right", at=NOW - 3 * 3600)
    tell("busy", "megabytes", "right", at=NOW - 14 * 60)
    tell("quiet", "megabytes", "right", at=NOW - 16 * 60)
    rows = records.learners_of_class(database, NOW)
    assert [(row["name"], row["stuck"]) for row in rows] == [
        ("quiet", "nothing for 16 minutes"), ("busy", ""), ("left", "away"),
    ]  # fmt: skip


def test_who_switches_it_off_is_gone_and_stays_gone(records, database, tell):
    tell("ana", "megabytes", "value")
    records.keep_game(database, "ana", [1, 2, 3, 4])
    records.change(database, "ana", None, False)
    assert records.learners_of_class(database, NOW) == []
    assert records.exercises_of_class(database) == [] == records.games_of_class(database)
    assert records.state_of(database, "ana", NOW) == {"told": True, "sharing": False}
    assert records.switched_off(database) == 1


def test_who_was_not_told_yet_is_not_shown(records, database):
    records.state_of(database, "ana", NOW)
    assert records.learners_of_class(database, NOW) == []


def test_a_report_that_comes_twice_counts_once_and_very_many_are_not_kept(
    records, database, tell, monkeypatch
):
    tell("ana", "megabytes")
    for _ in range(2):
        records.keep_report(database, "ana", "a" * 32, "megabytes", "value", NOW)
    assert records.learners_of_class(database, NOW)[0]["in_a_row"] == 1
    monkeypatch.setattr(records, "MOST", 5)
    tell("ana", "megabytes", *["value"] * 10)
    assert records.learners_of_class(database, NOW)[0]["in_a_row"] == 5


@pytest.mark.parametrize(
    "counts",
    [None, {}, "1234", [], [1, 2, 3], [3, 2, 1, 4], [1, 2, 5, 4], [0, 0, 0, 0], [-1, 2, 3, 4],
     [1.0, 2, 3, 4], [True, 2, 3, 4], [1, 2, 3, 10**9], [[1], 2, 3, 4]],
)  # fmt: skip
def test_what_is_no_result_of_the_game_is_refused(counts, records):
    assert not records.is_game(counts)
    assert records.is_game([4, 5, 3, 5])


@pytest.mark.hub
def test_one_command_removes_all(records, database, tell, tmp_path, monkeypatch):
    tell("ana-the-learner", "megabytes", "value")
    records.keep_game(database, "ana-the-learner", [1, 2, 3, 4])
    monkeypatch.setenv("CLASS_BOARD_STATE", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run(
        [sys.executable, str(hubs.BOARD), "--forget"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "The board knows nothing any more.\n"), done.stderr
    assert records.learners_of_class(database, NOW) == [] == records.games_of_class(database)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"SQLite" in kept and b"ana-the-learner" not in kept
    monkeypatch.setenv("CLASS_BOARD_STATE", str(tmp_path / "elsewhere"))
    done = subprocess.run(
        [sys.executable, str(hubs.BOARD), "--forget"], capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "elsewhere" in done.stderr


# -- Who sees what -------------------------------------------------------------------------------


def board_at(hub):
    return f"{hub.address}/services/board/"


@pytest.fixture(scope="module")
def tokens(hub):
    """Return what kernels of two learners send along."""
    made = {}
    for name in ("nina", "olaf"):
        session, token = join(hub, name)
        made[name] = {"session": session, "token": {"Authorization": f"token {token}"}}
    return made


def send(hub, learner, path, body):
    return requests.post(board_at(hub) + path, json=body, headers=learner["token"], timeout=60)


@pytest.mark.hub
def test_the_instructor_sees_the_class_and_a_learner_the_own_line(hub, tokens, instructor):
    nina, olaf = tokens["nina"], tokens["olaf"]
    too_early = report("angle", "value")
    assert send(hub, nina, "reports", too_early).json() == {"told": False, "sharing": True}
    seen = instructor.get(board_at(hub), timeout=60)
    assert seen.ok and "Board of the class" in seen.text and "nina" not in seen.text
    for learner in (nina, olaf):
        assert send(hub, learner, "me", {"told": True}).json() == {"told": True, "sharing": True}
    assert send(hub, nina, "reports", report("megabytes", "right")).ok
    assert send(hub, olaf, "games", {"counts": [4, 5, 3, 5]}).ok
    seen = instructor.get(board_at(hub), timeout=60).text
    assert "nina" in seen and "olaf" in seen and "1 of 1" in seen
    assert "angle" not in seen  # sent before nina was told
    hidden = instructor.get(board_at(hub), params={"names": "hidden"}, timeout=60).text
    assert "nina" not in hidden and "learner 1" in hidden
    own = nina["session"].get(board_at(hub), timeout=60).text
    assert "megabytes" in own and "olaf" not in own and "Board of the class" not in own
    assert nina["session"].get(board_at(hub) + "tables", timeout=60).status_code == 403
    with_token = {"headers": nina["token"], "timeout": 60}
    assert requests.get(board_at(hub) + "tables", **with_token).status_code == 403
    games = requests.get(board_at(hub) + "games", **with_token).json()
    assert games == {"games": [[4, 5, 3, 5]]}


@pytest.mark.hub
def test_the_page_of_the_class_can_ask_for_its_tables_from_a_script_and_nobody_else_can(
    hub, instructor
):
    page = instructor.get(board_at(hub), timeout=60)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    (token,) = re.findall('data-xsrf="([^"]*)"', page.text)
    by_script = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    tables = board_at(hub) + "tables"
    given = {**by_script, "X-XSRFToken": token}
    assert instructor.get(tables, headers=given, timeout=60).ok
    refused = instructor.get(tables, headers=by_script, timeout=60, allow_redirects=False)
    assert not refused.ok or refused.status_code == 302


@pytest.mark.hub
def test_the_switch_works_on_the_learners_page_and_not_from_other_sites(hub, tokens):
    olaf = tokens["olaf"]
    page = olaf["session"].get(board_at(hub), timeout=60).text
    (token,) = re.findall('name="_xsrf" value="([^"]*)"', page)
    switch = board_at(hub) + "switch"
    assert olaf["session"].post(switch, data={"sharing": "off"}, timeout=60).status_code == 403
    assert send(hub, olaf, "me", {}).json()["sharing"] is True
    off = olaf["session"].post(switch, data={"sharing": "off", "_xsrf": token}, timeout=60)
    assert "you share nothing" in off.text
    assert send(hub, olaf, "reports", report("megabytes", "value")).json()["sharing"] is False
    assert "Share again" in olaf["session"].get(board_at(hub), timeout=60).text
    assert send(hub, olaf, "me", {"sharing": True}).json()["sharing"] is True


@pytest.mark.hub
def test_cookies_alone_report_nothing_and_nonsense_is_refused(hub, tokens):
    nina = tokens["nina"]
    good = report("megabytes", "value")
    for path, body in (("me", {"sharing": False}), ("reports", good), ("games", {})):
        by_cookie = nina["session"].post(board_at(hub) + path, json=body, timeout=60)
        assert by_cookie.status_code == 403, path
        assert requests.post(board_at(hub) + path, json=body, timeout=60).status_code == 403
    wrong = {"Authorization": "token 0123456789abcdef0123456789abcdef"}
    assert requests.get(board_at(hub) + "me", headers=wrong, timeout=60).status_code == 403
    wrong_values = {"exercise": "<script>", "kind": "4711", "id": "../../etc"}
    nonsense = [{**good, name: value} for name, value in wrong_values.items()]
    for body in ([], "text", {}, {**good, "exercise": ["megabytes"]}, *nonsense):
        assert send(hub, nina, "reports", body).status_code == 400, body
    for data in (b"", b"{", b"\xff", b"[" * 4000):
        answer = requests.post(
            board_at(hub) + "reports", data=data, headers=nina["token"], timeout=60
        )
        assert answer.status_code == 400, data
    assert send(hub, nina, "games", {"counts": [9, 5, 3, 5]}).status_code == 400
    long = {**good, "more": "x" * 10_000}
    assert send(hub, nina, "reports", long).status_code >= 400
    for path in (
        "static/service.py",
        "static/../service.py",
        "board.sqlite",
        "static/board.sqlite",
    ):
        assert requests.get(board_at(hub) + path, timeout=60).status_code in (403, 404), path


def wait_until(board_answers):
    until = time.monotonic() + 120
    while not board_answers():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.hub
def test_where_the_board_is_down_the_hub_goes_on_and_nothing_is_lost(hub, tokens):
    nina = tokens["nina"]
    wait_until(lambda: send(hub, nina, "me", {"told": True, "sharing": True}).ok)
    assert send(hub, nina, "reports", report("megabytes", "right")).ok
    assert not (hub.state / "board" / "board.sqlite").stat().st_mode & 0o077
    board = hubs.board_of(hub)
    board.kill()
    board.wait(30)
    assert send(hub, nina, "reports", report("megabytes", "value")).status_code == 503
    hubs.log_in(hub, "nina", "password of nina")
    hubs.start_board(hub)
    wait_until(lambda: send(hub, nina, "me", {}).ok)
    assert "megabytes" in nina["session"].get(board_at(hub), timeout=60).text


@pytest.mark.hub
def test_a_damaged_file_is_named_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "board.sqlite").write_bytes(b"no database" * 100)
    monkeypatch.setenv("CLASS_BOARD_STATE", str(tmp_path))
    monkeypatch.setenv("CLASS_BOARD_TOKEN", "a" * 64)
    done = subprocess.run([sys.executable, str(hubs.BOARD)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "board.sqlite cannot be opened" in done.stderr


@pytest.mark.hub
def test_a_hub_without_a_board_says_nothing_of_one(load):
    config = load()
    assert [service["name"] for service in config.JupyterHub.services] == ["idle-culler"]
    assert "CHEST_XRAYS_BOARD" not in config.Spawner.environment
    assert "board" not in json.dumps(config.JupyterHub.load_roles)
    assert "template_vars" not in config.JupyterHub


@pytest.mark.hub
def test_kernels_of_learners_know_the_board_and_the_instructors_does_not(load):
    address = load(BOARD_TOKEN="a" * 64).Spawner.environment["CHEST_XRAYS_BOARD"]
    ana, ina = (SimpleNamespace(user=SimpleNamespace(name=name)) for name in ("ana", "instructor"))
    assert address(ana) == "http://127.0.0.1:8083/services/board/" and address(ina) == ""


def test_each_setting_of_the_board_has_its_place():
    install = read("deploy/one-server/install.sh")
    unit = read("deploy/one-server/chest-xrays-board.service")
    assert "CLASS_BOARD_TOKEN=$(python3" in install and "token_hex(32)" in install
    for service in (unit, read("deploy/one-server/chest-xrays.service")):
        assert "EnvironmentFile=/etc/chest-xrays/board.env" in service
    assert "DynamicUser=yes" in unit and "class.env" not in unit  # it knows no pass phrase
    assert "StateDirectory=chest-xrays-board" in unit  # where service.py looks by itself
    assert '"/var/lib/chest-xrays-board"' in read("deploy/one-server/board/service.py")
