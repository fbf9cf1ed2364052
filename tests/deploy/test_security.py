"""What somebody in the class could try against others, and what comes of it.

`test_hub.py` has the log-in, the ports and the pages of others. Two things cannot be tried here,
where all servers run under one account: that accounts, homes (mode 700) and `systemd` keep files of
others from being read or linked to, and that they hide and guard processes of others.
"""

import asyncio
import http.client
import json
import os
import re
import time
from urllib.parse import quote

import nbformat
import pytest
import requests
import zmq
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tools import hub as hubs

pytestmark = pytest.mark.hub
FIRST = "notebooks/01-introduction.ipynb"
SCRIPT = "<script>document.title = 'run'</script>"
OWN = re.compile(r"/(?![/\\])[^\\\s]*\Z")  # a browser stays where it is
EVIL = "https://class.example.org.evil.example/"


def get(hub, path, cookies=None, save=None, **headers):
    """Ask for exactly this path, which no client tidies up before; return the answer, read.

    With something to save, it is put there.
    """
    connection = http.client.HTTPConnection(hub.address.removeprefix("http://"), timeout=60)
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    if cookies:
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    method, body = ("PUT", json.dumps(save)) if save else ("GET", None)
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    answer.body = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer


def cookies_of(session, path):
    """Return the cookies that a browser sends to pages below this path, by name."""
    return {each.name: each.value for each in session.cookies if each.path in ("/", path)}


def altered(value, part=0.5):
    """Change one character: in the middle what is said, near the end how it is signed."""
    place = int(len(value) * part)
    return value[:place] + ("a" if value[place] != "a" else "b") + value[place + 1 :]


def test_altered_cookies_open_nothing(hub, learners):
    at_hub, at_server = (
        cookies_of(learners["ana"], "/hub/"),
        cookies_of(learners["ana"], "/user/ana/"),
    )
    mine = "/user/ana/api/contents"
    assert get(hub, "/hub/home", at_hub).status == 200
    assert get(hub, mine, at_server).status == 200
    login, server = "jupyterhub-hub-login", "jupyterhub-user-ana"
    for forged in (altered(at_hub[login]), altered(at_hub[login], 0.9)):
        answer = get(hub, "/hub/home", {**at_hub, login: forged})
        assert (answer.status, (answer.headers["Location"] or "")[:10]) == (302, "/hub/login")
        assert get(hub, "/hub/api/user", {**at_hub, login: forged}).status == 403
    for name in ("jupyterhub-session-id", "_xsrf"):
        assert get(hub, mine, {name: at_server[name]}).status in (302, 403)
    bens = cookies_of(learners["ben"], "/user/ben/")["jupyterhub-user-ben"]
    forged = altered(at_server[server]), altered(at_server[server], 0.9)
    for value in (*forged, at_hub[login], bens, "", "ana"):
        assert get(hub, mine, {**at_server, server: value}).status in (302, 403), value


def test_a_request_needs_the_token_of_its_own_page(hub, learners):
    session, bens = learners["ana"], learners["ben"]
    address = f"{hub.address}/user/ana/api/contents/made.txt"
    saved = {"type": "file", "format": "text", "content": "by another site"}
    right = hubs.from_page(session, "/user/ana/")["X-XSRFToken"]
    for wrong in ("", "invented", altered(right), hubs.from_page(session, "/hub/")["X-XSRFToken"],
                  hubs.from_page(bens, "/user/ben/")["X-XSRFToken"]):  # fmt: skip
        answer = session.put(address, json=saved, headers={"X-XSRFToken": wrong}, timeout=60)
        assert answer.status_code == 403, wrong
        both = {"_xsrf": wrong, "jupyterhub-user-ana": session.cookies["jupyterhub-user-ana"]}
        answer = requests.put(
            address, json=saved, headers={"X-XSRFToken": wrong}, cookies=both, timeout=60
        )
        assert answer.status_code == 403, wrong
    # What a form of another site can send: no header, and a body that is no JSON by its type
    for path in ("api/contents", "api/kernels", "api/terminals", "api/sessions"):
        answer = session.post(f"{hub.address}/user/ana/{path}", data="{}", timeout=60)
        assert answer.status_code == 403, path
    for path in ("hub/spawn", "hub/change-password", "hub/api/users/ana/tokens", "hub/api/user"):
        answer = session.post(f"{hub.address}/{path}", data="{}", timeout=60)
        assert answer.status_code in (403, 405), path
    assert session.get(address, timeout=60).status_code == 404
    for path in ("/user/ana/api/contents", "/hub/api/user", "/hub/login"):
        answer = get(hub, path, cookies_of(session, "/user/ana/"), Origin=EVIL)
        assert not answer.headers["Access-Control-Allow-Origin"]


def test_a_log_in_that_another_page_began_is_refused(hub, learners):
    cookies = cookies_of(learners["ana"], "/user/ana/")
    for state in ("", "invented", altered(cookies["jupyterhub-user-ana"])):
        path = f"/user/ana/oauth_callback?code=invented&state={quote(state)}"
        answer = get(hub, path, cookies)
        # Who is logged in already is sent to the own page, and nothing else happens
        assert answer.status in (400, 403) or answer.headers["Location"].startswith("/user/ana/")
        assert "jupyterhub-user-ana=" not in str(answer.headers.get_all("Set-Cookie"))
    at_hub = cookies_of(learners["ana"], "/hub/")
    asked = "/hub/api/oauth2/authorize?response_type=code&state=x&client_id="
    for client, back in (("jupyterhub-user-ana", EVIL), ("jupyterhub-user-ana", "//evil.example"),
                         ("jupyterhub-user-ana", "/user/ben/oauth_callback"),
                         ("jupyterhub-user-nobody", "/user/ana/oauth_callback")):  # fmt: skip
        answer = get(hub, f"{asked}{client}&redirect_uri={quote(back)}", at_hub)
        assert answer.status in (400, 403), (client, back)


def test_tokens_that_are_invented_or_have_expired_open_nothing(hub, learners):
    token = hubs.ask_token(hub, learners["ana"], "ana", expires_in=1).json()["token"]
    until = time.monotonic() + 60
    while get(hub, "/hub/api/user", Authorization=f"token {token}").status != 403:
        assert time.monotonic() < until
        time.sleep(0.2)
    for wrong in (token, "0" * 32, "", "null", "../../"):
        for path in ("/hub/api/user", "/user/ana/api/contents"):
            assert get(hub, path, Authorization=f"token {wrong}").status == 403, (wrong, path)
            assert get(hub, path, Authorization=f"Bearer {wrong}").status == 403, (wrong, path)
    good = hubs.ask_token(hub, learners["ana"], "ana", expires_in=600).json()["token"]
    assert get(hub, "/user/ana/api/contents", Authorization=f"token {good}").status == 200
    # An address is written into logs, and shown over somebody's shoulder
    for path in ("/hub/api/user", "/user/ana/api/contents"):
        assert get(hub, f"{path}?token={good}").status in (302, 403), path


def test_a_learner_cannot_take_rights_of_others(hub, learners):
    session, headers = learners["ana"], hubs.from_page(learners["ana"], "/hub/")
    for scopes in (["admin:users"], ["access:servers!user=ben"], ["access:servers"], ["proxy"]):
        answer = hubs.ask_token(hub, session, "ana", scopes=scopes)
        assert answer.status_code in (400, 403), scopes
    tries = [
        ("GET", "users"), ("GET", "users/ben"), ("GET", "proxy"), ("GET", "services"),
        ("GET", "groups"), ("GET", "info"), ("POST", "users"), ("POST", "users/ben/server"),
        ("DELETE", "users/ben/server"), ("POST", "users/ben/tokens"), ("GET", "users/ben/tokens"),
        ("DELETE", "users/ben"), ("PATCH", "users/ana"), ("POST", "groups/all"),
        ("POST", "shutdown"),
        ("POST", "shares/ben/"), ("POST", "shares/ana/"), ("POST", "share-codes/ana/"),
        ("POST", "users/ben/activity"),
    ]  # fmt: skip
    for method, path in tries:
        answer = session.request(
            method, f"{hub.address}/hub/api/{path}", json={}, headers=headers, timeout=60
        )
        assert answer.status_code in (403, 404), (method, path, answer.text)
    for path in ("hub/admin", "hub/spawn/ben", "hub/spawn-pending/ben", "hub/change-password/ben"):
        answer = session.get(f"{hub.address}/{path}", timeout=60)
        assert answer.status_code in (403, 404), path


PATHS = [
    "../../ben/work/{first}", "%2e%2e/%2e%2e/ben/work/{first}", "..%2f..%2fben%2fwork%2f{first}",
    "%252e%252e/%252e%252e/ben/work/{first}", "notebooks/../../../ben/work/{first}",
    "..%5c..%5cben%5cwork%5c{first}", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd",
    "../../../../../../../../etc/passwd", "file:///etc/passwd", "notebooks/%00/../../../etc/passwd",
    "....//....//ben/work/{first}", "~root/.profile", "{home}/work/{first}",
]  # fmt: skip


@pytest.mark.parametrize("trick", PATHS)
def test_path_tricks_stay_in_the_own_folder(trick, hub, learners):
    path = trick.format(first=FIRST, home=hub.state / "homes" / "ben")
    cookies = cookies_of(learners["ana"], "/user/ana/")
    for api in ("api/contents", "files", "nbconvert/html", "static", "lab/api/settings", "view"):
        answer = get(hub, f"/user/ana/{api}/{path}", cookies)
        assert not re.search(r"root:x:0|cell_type", answer.body), api
        # Tidied up, some paths are those of JupyterLab's own page
        assert answer.status != 200 or "jupyter-config-data" in answer.body, api
    before = sorted(hub.state.rglob("*.trick")), os.path.exists("/etc/passwd.trick")
    saved = {"type": "file", "format": "text", "content": "x"}
    headers = hubs.from_page(learners["ana"], "/user/ana/")
    answer = get(hub, f"/user/ana/api/contents/{path}.trick", cookies, saved, **headers)
    assert answer.status >= 400, answer.body
    assert before == (sorted(hub.state.rglob("*.trick")), os.path.exists("/etc/passwd.trick"))


@pytest.mark.parametrize(
    "path", ["/user/ana/../ben/api/contents", "/user/ana/%2e%2e/ben/api/contents", "/user//ben/lab",
             "/user/ben%2flab", "/user/Ben/lab", "//user/ben/lab",
             "/user/ana/..%2fben/api/contents", "/hub/../user/ben/api/contents",
             "/user/ana%2f..%2fben/api/contents"],
)  # fmt: skip
def test_tricks_with_names_do_not_lead_to_another_server(path, hub, learners):
    for cookies in (
        cookies_of(learners["ana"], "/user/ana/"),
        cookies_of(learners["ana"], "/hub/"),
    ):
        answer = get(hub, path, cookies)
        assert answer.status in (302, 403, 404), answer.status
        assert "cell_type" not in answer.body and '"notebooks"' not in answer.body


def handshake(hub, path, cookies, **headers):
    """Try to open a websocket; return the status."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    request = HTTPRequest(hub.address.replace("http", "ws", 1) + path, headers=sent)

    async def open_it():
        try:
            (await websocket_connect(request)).close()
        except HTTPClientError as refused:
            return refused.code
        return 101

    return asyncio.run(asyncio.wait_for(open_it(), 60))


def test_kernels_and_terminals_open_for_their_owner_on_own_pages_only(hub, learners):
    headers = hubs.from_page(learners["ben"], "/user/ben/")
    terminal = learners["ben"].post(
        f"{hub.address}/user/ben/api/terminals", headers=headers, timeout=60
    ).json()["name"]  # fmt: skip
    wanted = {"path": FIRST, "name": FIRST, "type": "notebook", "kernel": {"name": "python3"}}
    kernel = learners["ben"].post(
        f"{hub.address}/user/ben/api/sessions", json=wanted, headers=headers, timeout=60
    ).json()["kernel"]["id"]  # fmt: skip
    bens, anas = (cookies_of(learners[name], f"/user/{name}/") for name in ("ben", "ana"))
    for path in (f"api/kernels/{kernel}/channels", f"terminals/websocket/{terminal}",
                 "api/events/subscribe"):  # fmt: skip
        bens_path = f"/user/ben/{path}"
        assert handshake(hub, bens_path, bens, Origin=hub.address) == 101
        assert handshake(hub, bens_path, {}, Origin=hub.address) == 403
        assert handshake(hub, bens_path, anas, Origin=hub.address) == 403
        renamed = {"jupyterhub-user-ben": anas["jupyterhub-user-ana"]}
        assert handshake(hub, bens_path, {**anas, **renamed}, Origin=hub.address) == 403
        assert handshake(hub, bens_path, bens, Origin="https://evil.example") == 403
        assert handshake(hub, bens_path, bens, Origin="null") == 403
    assert (
        handshake(hub, f"/user/ana/api/kernels/{kernel}/channels", anas, Origin=hub.address) == 404
    )
    for method, path in (("POST", "interrupt"), ("POST", "restart"), ("DELETE", "")):
        address = f"{hub.address}/user/ben/api/kernels/{kernel}/{path}".rstrip("/")
        mine = hubs.from_page(learners["ana"], "/user/ana/")
        answer = learners["ana"].request(method, address, headers=mine, timeout=60)
        assert answer.status_code == 403, path


def test_kernels_talk_through_private_sockets(hub, learners):
    session, headers = learners["ana"], hubs.from_page(learners["ana"], "/user/ana/")
    address = f"{hub.address}/user/ana/api/kernels"
    number = session.post(address, headers=headers, timeout=60).json()["id"]
    folder = hub.state / "homes" / "ana" / ".run"
    assert not folder.stat().st_mode & 0o077
    (kernel,) = [each for each in hubs.processes(folder.parent) if number in str(each.cmdline())]
    until = time.monotonic() + 60
    while not (ports := [c for c in kernel.net_connections("inet") if c.status == "LISTEN"]):
        assert time.monotonic() < until  # ipykernel opens it at its start
        time.sleep(0.2)
    named = [each for each in folder.iterdir() if number in each.name and each.is_socket()]
    assert len(named) == 5  # shell, iopub, stdin, control and heartbeat
    # ipykernel's own port, for what its subprocesses print, asks for 16 random bytes
    (port,) = [each.laddr for each in ports]
    assert port.ip == "127.0.0.1"
    stranger = zmq.Context.instance().socket(zmq.PUSH)
    stranger.connect(f"tcp://{port.ip}:{port.port}")
    header = {"msg_id": "1", "session": "1", "username": "ben", "date": None, "version": "5.3"}
    said = {"name": "stdout", "text": "what ben says"}
    parts = [{**header, "msg_type": "stream"}, {}, {}, said]
    stranger.send_multipart([bytes(16), *(json.dumps(part).encode() for part in parts)])
    until = time.monotonic() + 60
    while "Bad pipe message" not in hub.log.read_text("utf-8", "replace"):
        assert time.monotonic() < until  # it has come, and was thrown away
        time.sleep(0.2)
    stranger.close(0)
    assert session.delete(f"{address}/{number}", headers=headers, timeout=60).ok


def test_inner_ports_ask_for_a_secret_that_learners_do_not_have(hub, learners):
    for port, path in ((hub.inner_port, "hub/api/users"), (hub.inner_port + 1, "api/routes")):
        address = f"http://127.0.0.1:{port}/{path}"
        for token in ("", "0" * 64):
            headers = {"Authorization": f"token {token}"}
            assert requests.get(address, headers=headers, timeout=60).status_code == 403
    routes = f"http://127.0.0.1:{hub.inner_port + 1}/api/routes/user/ben"
    assert requests.post(routes, json={"target": EVIL}, timeout=60).status_code == 403
    assert requests.delete(routes, timeout=60).status_code == 403
    # What a kernel of ana finds in its environment opens what is hers, and no more
    (server,) = [each for each in hubs.processes(hub.state / "homes" / "ana")
                 if "jupyterhub.singleuser" in each.cmdline()]  # fmt: skip
    own = server.environ()
    assert not [name for name in own if "CONFIGPROXY" in name or name.startswith("CLASS_")]
    headers = {"Authorization": f"token {own['JUPYTERHUB_API_TOKEN']}"}
    for path, status in (("user", 200), ("users", 403), ("users/ben", 404), ("proxy", 403)):
        address = f"http://127.0.0.1:{hub.inner_port}/hub/api/{path}"
        assert requests.get(address, headers=headers, timeout=60).status_code == status, path


def test_pages_that_are_uploaded_run_apart_from_the_hub(hub, learners):
    html = nbformat.v4.new_output("display_data", {"text/html": SCRIPT})
    cells = [nbformat.v4.new_code_cell("1", outputs=[html]), nbformat.v4.new_markdown_cell(SCRIPT)]
    notebook, session = nbformat.v4.new_notebook(cells=cells), learners["ana"]
    for name, content in (("evil.html", SCRIPT), ("evil.svg", f"<svg>{SCRIPT}</svg>")):
        uploaded = {"type": "file", "format": "text", "content": content}
        assert hubs.contents(hub, session, "ana", name, **uploaded).ok
    assert hubs.contents(hub, session, "ana", "evil.ipynb", type="notebook", content=notebook).ok
    opened = hubs.contents(hub, session, "ana", "evil.ipynb").json()
    trusted = [cell["metadata"].get("trusted") for cell in opened["content"]["cells"]]
    assert trusted[0] is False  # so JupyterLab does not run it
    for path in ("files/evil.html", "files/evil.svg", "files/evil.ipynb",
                 "nbconvert/html/evil.ipynb"):  # fmt: skip
        answer = session.get(f"{hub.address}/user/ana/{path}", timeout=60)
        policy = answer.headers["Content-Security-Policy"]
        assert answer.ok and re.search(r"(^|; *)sandbox", policy), (path, policy)
        assert "allow-same-origin" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path


@pytest.mark.parametrize(
    "where", ["//evil.example", EVIL, "/\\evil.example", "\\\\evil.example", "https:evil.example",
              "///evil.example", "/%09/evil.example", "javascript:alert(1)",
             "hub/..//evil.example"],
)  # fmt: skip
def test_a_log_in_leads_to_no_other_site(where, hub, learners):
    session = requests.Session()
    page = session.get(f"{hub.address}/hub/login", params={"next": where}, timeout=60)
    (token,) = re.findall(r'name="_xsrf" value="([^"]*)"', page.text)
    typed = {"username": "nora", "password": "password of nora", "pass_phrase": hub.pass_phrase}
    answer = session.post(
        page.url, data={**typed, "_xsrf": token}, timeout=60, allow_redirects=False
    )
    assert answer.status_code == 302
    assert OWN.match(answer.headers["Location"]), answer.headers["Location"]
    cookies = cookies_of(learners["ana"], "/user/ana/")
    for path in ("/hub/login", "/user/ana/login", "/hub/logout", "/user/ana/logout"):
        # The last two with nobody logged in, so that ana stays
        given = cookies if path.endswith("login") else {}
        answer = get(hub, f"{path}?next={quote(where)}", given)
        location = answer.headers["Location"] or "/hub/"
        assert OWN.match(location), (path, location)


def test_the_name_that_a_request_gives_the_hub_leads_nowhere(hub):
    for path in ("/", "/hub/", "/hub/home", "/user/ana/", "/hub/login"):
        answer = get(hub, path, Host="evil.example", X_Forwarded_Host="evil.example")
        assert "evil.example" not in (answer.headers["Location"] or "") + answer.body, path


def test_cookies_are_kept_from_scripts_and_other_sites(hub):
    session = requests.Session()
    page = session.get(f"{hub.address}/hub/login", timeout=60)
    (token,) = re.findall(r'name="_xsrf" value="([^"]*)"', page.text)
    typed = {"username": "olga", "password": "password of olga", "pass_phrase": hub.pass_phrase}
    answer = session.post(
        page.url, data={**typed, "_xsrf": token}, timeout=60, allow_redirects=False
    )
    given = answer.raw.headers.getlist("Set-Cookie")
    (login,) = [cookie for cookie in given if cookie.startswith("jupyterhub-hub-login=")]
    assert "HttpOnly" in login and "Path=/hub/" in login
    assert json.dumps(typed["password"]) not in answer.text
