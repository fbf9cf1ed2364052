"""The class's board: how many have tried and solved which exercise, and who may need help.

A service of JupyterHub (see jupyterhub_config.py), which runs with the lesson's Python and asks the
hub who is there. Kernels report to it by token (``exercises/board.py``); pages are for people, by
the hub's own OAuth: the instructor's shows the class, a learner's shows the own line and a switch.
It answers on 127.0.0.1 alone and keeps what it knows in one SQLite file.

    python service.py               serves it; board.env has the settings
    python service.py --forget      removes all that is kept, also while the board runs
"""

import argparse
import json
import os
import re
import sqlite3
import sys
import time
from pathlib import Path

import jinja2
import records
from jupyterhub.services.auth import (
    HubAuth,
    HubAuthenticated,
    HubOAuthCallbackHandler,
    HubOAuthenticated,
    UserNotAllowed,
)
from tornado import ioloop, web
from tornado.escape import to_unicode

from exercises import CHECKS
from exercises.hints import KINDS

HERE = Path(__file__).resolve().parent
PREFIX = "/services/board/"
ACCESS = "access:services!service=board"  # who has this scope may report, and see the own line
READ = "custom:board:read"  # who has this scope sees the class
LONGEST = 4096  # bytes of a report
CONTENT = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
pages = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=True)


class Common(web.RequestHandler):
    """What all answers share: headers, and who asks is found out without blocking others."""

    def set_default_headers(self):
        self.set_header("Content-Security-Policy", CONTENT)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    async def prepare(self):
        user = await self.hub_auth.get_user(self, sync=False)
        try:
            self.current_user = self.check_hub_user(user) if user else None
        except UserNotAllowed:
            raise web.HTTPError(403) from None

    @property
    def database(self):
        return self.settings["database"]

    @property
    def name(self):
        return self.current_user["name"]


class ForKernels(HubAuthenticated, Common):
    """Answers to kernels: by token alone, so cookies, and with them other sites, do nothing."""

    def check_xsrf_cookie(self):
        """No cookie is read here."""

    def read(self) -> dict:
        """Return what was sent, or refuse it."""
        try:
            sent = json.loads(self.request.body)
        except (ValueError, RecursionError):
            sent = None
        if not isinstance(sent, dict):
            raise web.HTTPError(400, "a JSON object is expected")
        return sent

    def state(self) -> dict:
        """Return how the learner's switch stands."""
        return records.state_of(self.database, self.name, time.time())

    def write_error(self, status_code, **_):
        self.finish({"status": status_code})


class Me(ForKernels):
    """Whether a learner was told and shares."""

    @web.authenticated
    def get(self):
        self.finish(self.state())

    @web.authenticated
    def post(self):
        sent = self.read()
        self.state()
        records.change(self.database, self.name, sent.get("told"), sent.get("sharing"))
        self.finish(self.state())


class Reports(ForKernels):
    """An exercise was tried: its name, and right or the kind of the hint."""

    @web.authenticated
    def post(self):
        sent = self.read()
        number, exercise, kind = (str(sent.get(key)) for key in ("id", "exercise", "kind"))
        known = exercise in CHECKS and kind in {*KINDS, "right"}
        if not known or not re.fullmatch("[0-9a-f]{32}", number):
            raise web.HTTPError(400, "no such exercise, kind or id")
        state = self.state()
        if all(state.values()):  # told, and shares
            records.keep_report(self.database, self.name, number, exercise, kind, time.time())
        self.finish(state)


class Games(ForKernels):
    """Results of the guessing game: one is sent, all are read without names."""

    @web.authenticated
    def get(self):
        self.finish({"games": records.games_of_class(self.database)})

    @web.authenticated
    def post(self):
        counts = self.read().get("counts")
        if not records.is_game(counts):
            raise web.HTTPError(400, "no result of the guessing game")
        state = self.state()
        if all(state.values()):
            records.keep_game(self.database, self.name, counts)
        self.finish(state)


class ForPeople(HubOAuthenticated, Common):
    """Pages, for who has logged in to the hub."""

    def show(self, page: str, **values: object) -> None:
        """Send a page."""
        template = pages.get_template(page)
        values |= {"prefix": self.settings["prefix"], "xsrf": to_unicode(self.xsrf_token)}
        self.finish(template.render(values))

    def class_now(self) -> dict:
        """Return what the tables of the class show."""
        rows = records.learners_of_class(self.database, time.time())
        present = [row for row in rows if row["stuck"] != "away"]
        return {
            "exercises": records.exercises_of_class(self.database),
            "learners": rows,
            "present": len(present),
            "stuck": len([row for row in present if row["stuck"]]),
            "games": len(records.games_of_class(self.database)),
            "hidden": self.get_argument("names", "") == "hidden",
            "off": records.switched_off(self.database),
        }

    def may_read(self) -> bool:
        """Tell whether this person sees the class."""
        return READ in self.current_user["scopes"]


class Page(ForPeople):
    """The class for the instructor; for a learner the own line and the switch."""

    @web.authenticated
    def get(self):
        if self.may_read():
            self.show("class.html", **self.class_now())
            return
        state = records.state_of(self.database, self.name, time.time())
        line = records.line_of(self.database, self.name)
        self.show("learner.html", name=self.name, **line, **state)


class Tables(ForPeople):
    """The tables of the class alone, which its page asks for again and again."""

    @web.authenticated
    def get(self):
        if not self.may_read():
            raise web.HTTPError(403)
        self.show("tables.html", **self.class_now())


class Switch(ForPeople):
    """The switch on a learner's page."""

    @web.authenticated
    def post(self):
        records.state_of(self.database, self.name, time.time())
        records.change(self.database, self.name, True, self.get_argument("sharing") == "on")
        self.redirect(self.settings["prefix"])


def application(database: sqlite3.Connection, prefix: str) -> web.Application:
    """Return the board, to be served below a prefix such as ``/services/board/``."""
    token_only = HubAuth()
    for handler in (Me, Reports, Games):
        handler.hub_auth = token_only
    return web.Application(
        [
            (prefix, Page),
            (prefix + "tables", Tables),
            (prefix + "switch", Switch),
            (prefix + "me", Me),
            (prefix + "reports", Reports),
            (prefix + "games", Games),
            (prefix + "oauth_callback", HubOAuthCallbackHandler),
            (prefix + r"static/(board\.css|board\.js)", web.StaticFileHandler, {"path": HERE}),
        ],
        database=database,
        prefix=prefix,
        cookie_secret=os.urandom(32),
        xsrf_cookies=True,
    )


def introduce(token: str, hub: int) -> None:
    """Set what JupyterHub's own code reads: who the board is, and on which port the hub answers."""
    os.environ |= {
        "JUPYTERHUB_API_TOKEN": token,
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub}/hub/api",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_CLIENT_ID": "service-board",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([ACCESS]),
        "JUPYTERHUB_OAUTH_CALLBACK_URL": PREFIX + "oauth_callback",
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
    }


def main() -> None:
    """Serve the board, or forget all."""
    parser = argparse.ArgumentParser(description="The class's board, a service of JupyterHub")
    parser.add_argument("--forget", action="store_true", help="remove all that is kept")
    given = parser.parse_args()
    folder = Path(os.environ.get("CLASS_BOARD_STATE", "/var/lib/chest-xrays-board"))
    if not folder.is_dir():
        sys.exit(f"{folder} is no folder: the board keeps what it knows there.")
    try:
        database = records.open_database(folder / "board.sqlite")
    except sqlite3.Error as error:
        sys.exit(f"{folder / 'board.sqlite'} cannot be opened ({error}): move it away.")
    if given.forget:
        records.forget(database)
        print("The board knows nothing any more.")
        return
    token = os.environ.get("CLASS_BOARD_TOKEN", "")
    if not token:
        sys.exit("CLASS_BOARD_TOKEN is empty: set it in board.env, for the hub and for the board.")
    inner = int(os.environ.get("CLASS_INNER_PORT", "8081"))
    introduce(token, inner)
    board = application(database, PREFIX)
    board.listen(inner + 2, "127.0.0.1", max_body_size=LONGEST, xheaders=True)
    ioloop.IOLoop.current().start()


if __name__ == "__main__":
    main()
