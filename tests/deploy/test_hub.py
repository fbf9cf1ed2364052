"""A class on one server: the real hub with its real proxy, used through its web forms."""

import dataclasses
import re
import shutil
import socket
import stat
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import requests

from tools import hub as hubs

pytestmark = pytest.mark.hub
FIRST = "notebooks/01-introduction.ipynb"


def refused(hub, *typed, **more):
    """Return what the form says to a log-in that must not succeed."""
    with pytest.raises(hubs.NotLoggedIn) as error:
        hubs.log_in(hub, *typed, **more)
    return str(error.value)


def contents(hub, session, name, path=FIRST, **changes):
    """Ask a learner's server for the first notebook, or another file; with changes, save it."""
    return hubs.contents(hub, session, name, path, **changes)


def test_the_first_use_needs_the_pass_phrase(hub):
    for sender, wrong in enumerate(["", "open sesame", hub.pass_phrase[:-1]]):
        said = refused(hub, "dora", "password of dora", wrong, sender=f"192.0.2.{sender}")
        assert "does not know this name yet" in said
    typed = hub.pass_phrase.upper()[:8] + " - " + hub.pass_phrase[8:]  # as on a telephone
    assert hubs.log_in(hub, "dora", "password of dora", typed).cookies
    assert "too short" in refused(hub, "emil", "short", hub.pass_phrase)
    assert "too common" in refused(hub, "emil", "password1", hub.pass_phrase)
    assert "too long" in refused(hub, "emil", "é" * 37, hub.pass_phrase)


def test_afterwards_only_the_own_password_opens(hub):
    hubs.log_in(hub, "fritz", "password of fritz", hub.pass_phrase)
    hubs.log_in(hub, "Fritz ", "password of fritz")
    for wrong in ("", "password of dora", hub.pass_phrase, "é" * 37):
        assert "do not match" in refused(hub, "fritz", wrong, hub.pass_phrase)
    hubs.log_in(hub, "fritz", "password of fritz")


@pytest.mark.parametrize(
    "name",
    ["", "a", "1st", "-ana", "../ana", "ana/../ben", "a%2Fb", "ana ben", "ana,ben", "ánà", "ana\0b",
     "ana;id", "{USERNAME}", "a" * 21, "ana\nb"],
)  # fmt: skip
def test_names_that_could_do_harm_are_refused(name, hub):
    assert "2 to 20 characters" in refused(hub, name, "password of nobody", hub.pass_phrase)


def test_attempts_are_limited(hub):
    hubs.log_in(hub, "gina", "password of gina", hub.pass_phrase)
    for _ in range(10):
        assert "do not match" in refused(hub, "gina", "a guess of ben", sender="192.0.2.10")
    assert "Too many attempts" in refused(hub, "gina", "password of gina")
    # Pass phrases are counted by address, since each guess can come with another name
    for number in range(10):
        said = refused(hub, f"hans-{number}", "password", "open sesame", sender="192.0.2.11")
        assert "does not know this name yet" in said
    typed = ("hans", "password of hans", hub.pass_phrase)
    assert "Too many attempts" in refused(hub, *typed, sender="192.0.2.11")
    hubs.log_in(hub, *typed, sender="192.0.2.12")


def test_the_class_cannot_become_the_instructor(hub, request):
    refused(hub, "instructor", "password of ana", hub.pass_phrase)
    session = request.getfixturevalue("instructor")
    assert session.get(f"{hub.address}/hub/admin", timeout=60).ok
    refused(hub, "instructor", "password of ana", hub.instructor_pass_phrase)


def test_the_instructor_sees_servers_but_opens_none(hub, learners, instructor):
    session = instructor
    assert session.get(f"{hub.address}/hub/admin", timeout=60).ok
    seen = session.get(f"{hub.address}/hub/api/users/ana", timeout=60)
    assert seen.json()["server"] == "/user/ana/"
    for path in ("lab", f"api/contents/{FIRST}"):
        assert session.get(f"{hub.address}/user/ana/{path}", timeout=60).status_code == 403
    headers = hubs.from_page(session, "/hub/")
    more = session.patch(
        f"{hub.address}/hub/api/users/instructor", json={"admin": True}, headers=headers, timeout=60
    )
    assert more.status_code == 403
    assert learners["ana"].get(f"{hub.address}/hub/admin", timeout=60).status_code == 403


def test_a_forgotten_password_is_set_anew_by_the_instructor(hub, instructor):
    hubs.log_in(hub, "jan", "password of jan", hub.pass_phrase)
    address = f"{hub.address}/hub/change-password/jan"
    (token,) = re.findall(r'name="_xsrf" value="([^"]+)"', instructor.get(address, timeout=60).text)
    new = {"new_password": "a new one of jan", "new_password_confirmation": "a new one of jan"}
    assert instructor.post(address, data={**new, "_xsrf": token}, timeout=60).ok
    assert "do not match" in refused(hub, "jan", "password of jan")
    mine = hubs.log_in(hub, "jan", "a new one of jan")
    assert mine.get(f"{hub.address}/hub/change-password/ana", timeout=60).status_code == 403


def test_a_learner_gets_copies_and_keeps_what_was_written(hub, learners):
    session, own = learners["ana"], f"{hub.address}/hub/api/users/ana/server"
    notebook = contents(hub, session, "ana").json()
    assert len(notebook["content"]["cells"]) > 10
    assert not any(cell.get("outputs") for cell in notebook["content"]["cells"])
    assert contents(hub, session, "ana", "episodes/figures").json()["content"]
    notebook["content"]["cells"][0]["source"] = "what ana wrote"
    saved = contents(hub, session, "ana", type="notebook", content=notebook["content"])
    assert saved.ok, saved.text
    headers = hubs.from_page(session, "/hub/")
    assert session.delete(own, headers=headers, timeout=60).status_code in (202, 204)
    assert hubs.open_server(hub, session, "ana").endswith(f"/user/ana/lab/tree/{FIRST}")
    again = contents(hub, session, "ana").json()["content"]["cells"]
    assert again[0]["source"] == "what ana wrote"
    names = [each["name"] for each in contents(hub, session, "ana", "notebooks").json()["content"]]
    assert len(names) == len({*names}) and not [name for name in names if "-yours-" in name]


def test_one_learner_cannot_open_what_is_anothers(hub, learners):
    session = learners["ana"]
    headers = hubs.from_page(learners["ben"], "/user/ben/")
    terminal = f"{hub.address}/user/ben/api/terminals"
    assert learners["ben"].post(terminal, headers=headers, timeout=60).json()["name"] == "1"
    for path in ("", "lab", f"api/contents/{FIRST}", f"files/{FIRST}", "api/kernels",
                 "api/sessions", "api/terminals/1"):  # fmt: skip
        address = f"{hub.address}/user/ben/{path}"
        assert learners["ben"].get(address, timeout=60).ok
        assert session.get(address, timeout=60).status_code == 403, path
        without = requests.get(address, timeout=60, allow_redirects=False)
        assert without.status_code in (302, 403), path
    token = hubs.ask_token(hub, session, "ana").json()
    left = datetime.fromisoformat(token["expires_at"]) - datetime.now(UTC)
    assert left <= timedelta(days=1)
    with_token = {"Authorization": f"token {token['token']}"}
    for path, expected in (("user/ana/api/contents", 200), ("user/ben/api/contents", 403),
                           ("hub/api/users/ana", 200), ("hub/api/users/ben", 404),
                           ("hub/api/users", 403)):  # fmt: skip
        answer = requests.get(f"{hub.address}/{path}", headers=with_token, timeout=60)
        assert answer.status_code == expected, path
    stopped = requests.delete(
        f"{hub.address}/hub/api/users/ben/server", headers=with_token, timeout=60
    )
    assert stopped.status_code == 404
    assert contents(hub, learners["ben"], "ben").ok


def test_a_learners_server_asks_who_comes_to_its_own_port(hub, learners):
    ports = [
        connection.laddr.port
        for process in hubs.processes(hub.state)
        if "jupyterhub.singleuser" in process.cmdline()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(ports) >= 2
    for port in ports:
        for name in ("ana", "ben"):
            answer = requests.get(
                f"http://127.0.0.1:{port}/user/{name}/api/contents",
                timeout=60,
                allow_redirects=False,
            )
            assert answer.status_code in (302, 403, 404)


def test_nothing_listens_to_other_machines(hub, learners):
    listening = [
        connection.laddr
        for process in hubs.processes(hub.state)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 5  # proxy twice, hub, two servers
    assert {each.ip for each in listening} == {"127.0.0.1"}
    others = {
        each.address
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family == socket.AF_INET and not each.address.startswith("127.")
    }
    for address in others:
        with socket.socket() as trial:
            trial.settimeout(2)
            assert trial.connect_ex((address, int(hub.address.rpartition(":")[2])))


def test_what_is_written_is_private_and_tells_no_secret(hub, learners):
    for path in [hub.state / "hub.sqlite", hub.state / "cookie_secret",
                 *(hub.state / "homes").iterdir()]:  # fmt: skip
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    said = hub.log.read_text("utf-8")
    for secret in (hub.pass_phrase, hub.instructor_pass_phrase, "password of ana"):
        assert secret not in said
    stored = (hub.state / "hub.sqlite").read_bytes()
    for secret in (hub.pass_phrase, hub.instructor_pass_phrase, "password of ana"):
        assert secret.encode() not in stored


def test_pages_cannot_be_put_into_frames_of_other_sites(hub, learners):
    for path in ("hub/login", "hub/home", "user/ana/lab", "user/ana/api/contents"):
        answer = learners["ana"].get(f"{hub.address}/{path}", timeout=60)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path


def test_requests_of_other_sites_do_nothing(hub, learners):
    typed = {"username": "kim", "password": "password of kim", "pass_phrase": hub.pass_phrase}
    assert requests.post(f"{hub.address}/hub/login", data=typed, timeout=60).status_code == 403
    session = learners["ben"]
    own = f"{hub.address}/hub/api/users/ben/server"
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.org"}
    assert session.delete(own, headers=elsewhere, timeout=60).status_code == 403
    address = f"{hub.address}/user/ben/api/contents/{FIRST}"
    assert session.delete(address, headers=elsewhere, timeout=60).status_code == 403
    assert contents(hub, session, "ben").ok


def assert_cookies_are_secure(hub):
    """Log in and look: such cookies go to encrypted pages only, and no script reads them."""
    page = requests.get(f"{hub.address}/hub/login", timeout=60)
    (token,) = re.findall(r'name="_xsrf" value="([^"]*)"', page.text)
    typed = {"username": "lea", "password": "password of lea", "pass_phrase": hub.pass_phrase}
    answer = requests.post(
        page.url,
        data={**typed, "_xsrf": token},
        cookies={"_xsrf": token},
        timeout=60,
        allow_redirects=False,
    )
    assert answer.status_code == 302
    kept = [cookie for cookie in answer.cookies if cookie.name.startswith("jupyterhub")]
    assert kept and all(cookie.secure for cookie in kept)
    assert all(cookie.has_nonstandard_attr("HttpOnly") for cookie in kept)


def test_cookies_stay_on_encrypted_pages_where_another_web_server_encrypts():
    with hubs.running(CLASS_URL="https://class.example.org") as hub:
        assert_cookies_are_secure(hub)


def test_with_a_certificate_the_proxy_encrypts(tmp_path, monkeypatch):
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days=1", "-subj=/CN=class",
         "-addext=subjectAltName=IP:127.0.0.1", f"-out={certificate}", f"-keyout={key}"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    settings = {"CERTIFICATE": str(certificate), "KEY": str(key), "ADDRESS": "127.0.0.1"}
    with tempfile.TemporaryDirectory(prefix="hub-") as folder:
        plain = hubs.describe(Path(folder))
        hub = dataclasses.replace(plain, address=plain.address.replace("http:", "https:"))
        try:
            hubs.start(hub, **{f"CLASS_{name}": text for name, text in settings.items()})
            assert_cookies_are_secure(hub)
            with pytest.raises(requests.ConnectionError):
                requests.get(f"{plain.address}/hub/login", timeout=60)
        finally:
            hubs.end(hub.state)
