"""What the board keeps, in one SQLite file, and what it computes from that.

All times are seconds since 1970, as ``time.time()`` gives them.
"""

import os
import sqlite3
from collections import Counter
from itertools import takewhile
from pathlib import Path

from exercises import MODULES
from exercises.hints import KINDS

IN_A_ROW = 3  # hints without a right answer, until somebody counts as stuck
QUIET = 15 * 60  # seconds without a report, until somebody counts as stuck
AWAY = 2 * 3600  # seconds without a report, until somebody is not in the room any more
MOST = 2000  # reports that are kept of one learner
TABLES = """
CREATE TABLE IF NOT EXISTS learners (
    name TEXT PRIMARY KEY, told INTEGER DEFAULT 0, sharing INTEGER DEFAULT 1, seen REAL NOT NULL);
CREATE TABLE IF NOT EXISTS reports (
    id TEXT NOT NULL, name TEXT NOT NULL, exercise TEXT NOT NULL, kind TEXT NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (name, id));
CREATE TABLE IF NOT EXISTS games (
    name TEXT PRIMARY KEY, right_effusions INTEGER, effusions INTEGER, right_normals INTEGER,
    normals INTEGER);
"""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the board's file, which nobody else can read; what was committed survives a kill."""
    os.umask(0o077)
    database = sqlite3.connect(path, isolation_level=None, timeout=10)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
    database.executescript(f"PRAGMA secure_delete=ON; {TABLES}")
    return database


def forget(database: sqlite3.Connection, name: str | None = None) -> None:
    """Remove all that was reported by one learner, or everything, from the disk as well."""
    if name is None:
        database.executescript("DELETE FROM reports; DELETE FROM games; DELETE FROM learners;")
    else:
        for table in ("reports", "games"):
            database.execute(f"DELETE FROM {table} WHERE name = ?", [name])
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def state_of(database: sqlite3.Connection, name: str, now: float) -> dict:
    """Return whether a learner was told and shares; who asks for the first time is noted."""
    database.execute(
        "INSERT INTO learners (name, seen) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET seen = excluded.seen",
        [name, now],
    )
    row = database.execute("SELECT told, sharing FROM learners WHERE name = ?", [name]).fetchone()
    return {"told": bool(row[0]), "sharing": bool(row[1])}


def change(database: sqlite3.Connection, name: str, told: object, sharing: object) -> None:
    """Note that a learner was told, or what the learner chose; None leaves it as it is."""
    if told is not None:
        database.execute("UPDATE learners SET told = 1 WHERE name = ?", [name])
    if sharing is not None:
        database.execute(
            "UPDATE learners SET sharing = ?, told = 1 WHERE name = ?", [bool(sharing), name]
        )
        if not sharing:
            forget(database, name)


def keep_report(
    database: sqlite3.Connection, name: str, number: str, exercise: str, kind: str, now: float
) -> None:
    """Keep a report, unless it was sent before or the learner has sent very many."""
    database.execute(
        "INSERT OR IGNORE INTO reports SELECT ?, ?, ?, ?, ? "
        "WHERE (SELECT COUNT(*) FROM reports WHERE name = ?) < ?",
        [number, name, exercise, kind, now, name, MOST],
    )


def keep_game(database: sqlite3.Connection, name: str, counts: list[int]) -> None:
    """Keep a learner's last result of the guessing game."""
    database.execute("INSERT OR REPLACE INTO games VALUES (?, ?, ?, ?, ?)", [name, *counts])


def line_of(database: sqlite3.Connection, name: str) -> dict:
    """Return what the board shows of one learner: exercise, solved or not, hints; and the game."""
    reports = database.execute(
        "SELECT exercise, SUM(kind = 'right') > 0, SUM(kind != 'right') FROM reports "
        "WHERE name = ? GROUP BY exercise ORDER BY MIN(at)",
        [name],
    ).fetchall()
    game = database.execute("SELECT 1 FROM games WHERE name = ?", [name]).fetchone()
    return {"reports": reports, "game": bool(game)}


def switched_off(database: sqlite3.Connection) -> int:
    """Return how many learners share nothing."""
    (number,) = database.execute("SELECT COUNT(*) FROM learners WHERE sharing = 0").fetchone()
    return int(number)


def exercises_of_class(database: sqlite3.Connection) -> list[dict]:
    """Return one row for each exercise, in the order of the lesson.

    Each has its name and episode, how many learners tried and solved it, and the kind of hint that
    most learners got, with the number of these.
    """
    tried: dict[str, set] = {}
    solved: dict[str, set] = {}
    hints: dict[str, Counter] = {}
    for name, exercise, kind in database.execute(
        "SELECT DISTINCT name, exercise, kind FROM reports"
    ):
        tried.setdefault(exercise, set()).add(name)
        if kind == "right":
            solved.setdefault(exercise, set()).add(name)
        else:
            hints.setdefault(exercise, Counter())[kind] += 1
    rows = []
    for module in MODULES:
        episode = module.__name__.rpartition(".")[2].removeprefix("episode_")
        for exercise in module.CHECKS:
            if exercise in tried:
                most = sorted(hints.get(exercise, {}).items(), key=lambda it: (-it[1], it[0]))[:1]
                rows.append(
                    {
                        "episode": episode,
                        "exercise": exercise,
                        "tried": len(tried[exercise]),
                        "solved": len(solved.get(exercise, ())),
                        "hint": KINDS.get(most[0][0], most[0][0]) if most else "",
                        "with_hint": most[0][1] if most else 0,
                    }
                )
    return rows


def learners_of_class(database: sqlite3.Connection, now: float) -> list[dict]:
    """Return one row for each learner who shares: those who may need help first.

    Each has the name, the exercise of the last report, how many hints came in a row since the last
    right answer, the minutes since the last sign of life, how many exercises were solved, and why
    the learner may be stuck.
    """
    rows = []
    learners = database.execute(
        "SELECT name, seen FROM learners WHERE sharing = 1 AND told = 1 ORDER BY rowid"
    ).fetchall()
    for number, (name, seen) in enumerate(learners, start=1):
        reports = database.execute(
            "SELECT exercise, kind FROM reports WHERE name = ? ORDER BY at DESC, rowid DESC",
            [name],
        ).fetchall()
        exercise = reports[0][0] if reports else ""
        in_a_row = len([*takewhile(lambda report: report[1] != "right", reports)])
        quiet = now - seen  # each report is a sign of life, too
        stuck = ""
        if quiet > AWAY:
            stuck = "away"
        elif in_a_row >= IN_A_ROW:
            stuck = f"{in_a_row} hints in a row"
        elif quiet > QUIET:
            stuck = f"nothing for {quiet / 60:.0f} minutes"
        rows.append(
            {
                "name": name,
                "number": number,
                "exercise": exercise,
                "in_a_row": in_a_row,
                "minutes": int(quiet / 60),
                "solved": len({its for its, kind in reports if kind == "right"}),
                "stuck": stuck,
            }
        )
    return sorted(rows, key=lambda row: (row["stuck"] in ("", "away"), row["stuck"] == "away"))


def games_of_class(database: sqlite3.Connection) -> list[tuple[int, int, int, int]]:
    """Return the results of the guessing game without names, in an order that tells nothing."""
    columns = "right_effusions, effusions, right_normals, normals"
    return database.execute(f"SELECT {columns} FROM games ORDER BY {columns}").fetchall()


def is_game(counts: object) -> bool:
    """Tell whether this is a result as the guessing game reports it."""
    if not isinstance(counts, list) or len(counts) != 4:
        return False
    if not all(type(count) is int and 0 <= count <= 1000 for count in counts):
        return False
    found, effusions, cleared, normals = counts
    return found <= effusions and cleared <= normals and effusions + normals > 0
