"""What the hub's configuration makes of the settings in class.env, without starting it."""

import asyncio
import re
import shutil
import subprocess
import tempfile
import uuid
from types import SimpleNamespace

import pytest
from support import ROOT

pytestmark = pytest.mark.hub
FOLDER = ROOT / "deploy" / "one-server"


def test_other_machines_reach_the_hub_only_with_a_certificate_or_on_request(load):
    assert load().JupyterHub.bind_url == "http://127.0.0.1:8000"
    encrypted = load(CERTIFICATE="/c.pem", KEY="/k.pem").JupyterHub
    assert encrypted.bind_url == "https://:443"
    assert (encrypted.ssl_cert, encrypted.ssl_key) == ("/c.pem", "/k.pem")
    assert load(ADDRESS="0.0.0.0", PORT="80").JupyterHub.bind_url == "http://0.0.0.0:80"
    for config in (load(), load(CERTIFICATE="/c.pem", KEY="/k.pem"), load(ADDRESS="0.0.0.0")):
        assert config.JupyterHub.hub_bind_url == "http://127.0.0.1:8081"
        assert config.ConfigurableHTTPProxy.api_url == "http://127.0.0.1:8082"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"PASS_PHRASE": ""}, "CLASS_PASS_PHRASE needs at least 12 characters"),
        ({"PASS_PHRASE": "open sesame"}, "CLASS_PASS_PHRASE needs at least 12 characters"),
        ({"PASS_PHRASE": "a-b-c-d-e-f-"}, "CLASS_PASS_PHRASE needs at least 12 characters"),
        ({"INSTRUCTOR_PASS_PHRASE": ""}, "CLASS_INSTRUCTOR_PASS_PHRASE needs at least 12"),
        ({"INSTRUCTOR_PASS_PHRASE": "KQFM TZNA PRUW"}, "must differ"),
        ({"CERTIFICATE": "/c.pem"}, "belong together"),
        ({"KEY": "/k.pem"}, "belong together"),
        ({"INSTRUCTOR": "Ina Müller"}, "CLASS_INSTRUCTOR"),
        ({"SPAWNER": "simpel"}, "CLASS_SPAWNER"),
    ],
)
def test_settings_that_would_open_the_hub_stop_it_with_one_sentence(wrong, sentence, load, capsys):
    with pytest.raises(SystemExit):
        load(**wrong)
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1


def test_a_real_server_limits_and_separates_learners(load):
    config = load(MEMORY="1500M", CPUS="1.5")
    assert config.JupyterHub.spawner_class == "systemd"  # where nothing else is asked for
    assert (config.Spawner.mem_limit, config.Spawner.cpu_limit) == ("1500M", 1.5)
    assert config.Spawner.environment["OMP_NUM_THREADS"] == "2"
    assert config.Spawner.disable_user_config is True
    assert "--allow-root" not in config.Spawner.args
    learners = config.SystemdSpawner
    assert learners.username_template == "learner-{USERNAME}"  # so never root or www-data
    assert learners.disable_user_sudo and learners.isolate_tmp and learners.isolate_devices
    assert learners.unit_extra_properties["ProtectSystem"] == "strict"
    assert learners.unit_extra_properties["ReadWritePaths"] == "/home/learner-{USERNAME}"


@pytest.mark.parametrize("spawner", ["systemd", "simple"])
def test_the_longest_name_leaves_room_for_the_sockets_of_kernels(spawner, load):
    with tempfile.TemporaryDirectory(prefix="hub-") as state:  # as `make hub` has it
        config = load(SPAWNER=spawner, STATE=state)
    name = "a" * 20
    assert re.match(config.ClassLogin.username_pattern, name)
    user = SimpleNamespace(user=SimpleNamespace(name=name))
    folder = config.Spawner.environment["JUPYTER_RUNTIME_DIR"](user)
    assert name in folder  # nobody else's
    if spawner == "systemd":
        writable = config.SystemdSpawner.unit_extra_properties["ReadWritePaths"]
        assert folder.startswith(writable.format(USERNAME=name) + "/")
    assert len(f"{folder}/kernel-{uuid.uuid4()}-ipc-5") <= 107


def test_idle_servers_and_kernels_end(load):
    config = load()
    culler = config.JupyterHub.services[0]
    assert "--timeout=10800" in culler["command"] and "--cull-users" not in str(culler)
    assert "--MappingKernelManager.cull_idle_timeout=7200" in config.Spawner.args
    scopes = {role["name"]: {*role["scopes"]} for role in config.JupyterHub.load_roles}
    assert scopes["idle-culler"] == {
        "list:users", "read:users:activity", "read:servers", "delete:servers",
    }  # fmt: skip
    assert not any(scope.startswith("access:") for scope in scopes["instructor"])


def test_every_setting_is_explained(load):
    code = (FOLDER / "jupyterhub_config.py").read_text("utf-8")
    asked = {*re.findall(r'setting\("(\w+)"', code)}
    # Not for a class to set, and what stands in board.env
    for_us = {"STATE", "INNER_PORT", "LESSON_PYTHON", "SPAWNER", "BOARD_TOKEN"}
    written = {*re.findall(r"^CLASS_(\w+)=", (FOLDER / "class.env").read_text("utf-8"), re.M)}
    assert written == asked - for_us
    for name in written:
        assert f"`CLASS_{name}`" in (FOLDER / "README.md").read_text("utf-8"), name


def test_systemd_understands_what_it_is_given(load, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    learner = load().SystemdSpawner.unit_extra_properties
    lines = [f"{name}={text.format(USERNAME='ana')}" for name, text in learner.items()]
    unit = tmp_path / "learner-ana.service"
    unit.write_text("\n".join(["[Service]", "ExecStart=/bin/true", *lines, ""]))
    for ours in FOLDER.glob("*.service"):
        text = re.sub("^ExecStart=.*$", "ExecStart=/bin/true", ours.read_text("utf-8"), flags=re.M)
        (tmp_path / ours.name).write_text(text)
    shutil.copy(FOLDER / "learners.slice", tmp_path)
    units = sorted(path for path in tmp_path.iterdir() if path.is_file())
    checked = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, cwd=tmp_path
    )
    about_ours = [line for line in checked.stderr.splitlines() if str(tmp_path) in line]
    assert checked.returncode == 0 and not about_ours, checked.stderr


def test_the_account_of_a_learner_is_made_once_and_is_private(load, monkeypatch, tmp_path):
    hook = load().Spawner.pre_spawn_hook
    asked, homes = [], {}

    def account_of(name):
        home = type("Account", (), {"pw_dir": str(homes[name])})
        return home

    def run(command, check):
        asked.append(command)
        homes[command[-1]] = tmp_path / command[-1]
        homes[command[-1]].mkdir()
        homes[command[-1]].chmod(0o755)

    monkeypatch.setattr("pwd.getpwnam", account_of)
    monkeypatch.setattr("subprocess.run", run)
    spawner = type("Spawner", (), {"user": type("User", (), {"name": "ana"})})
    hook(spawner)
    hook(spawner)
    assert [command[-1] for command in asked] == ["learner-ana"]
    assert "--create-home" in asked[0] and "--base-dir=/home" in asked[0]
    assert homes["learner-ana"].stat().st_mode & 0o777 == 0o700


def test_each_learner_is_started_in_an_own_place(load, monkeypatch):
    """What the spawner asks systemd for, since there is no systemd in most places of tests."""
    from systemdspawner import SystemdSpawner, systemd

    asked = {}

    async def start(unit, **more):
        asked[unit] = more

    async def running(unit):
        return unit in asked

    async def failed(unit):
        return False

    monkeypatch.setattr(systemd, "start_transient_service", start)
    monkeypatch.setattr(systemd, "service_running", running)
    monkeypatch.setattr(systemd, "service_failed", failed)
    monkeypatch.setattr(
        "pwd.getpwnam",
        lambda name: SimpleNamespace(pw_uid=len(name), pw_gid=1, pw_dir=f"/home/{name}"),
    )
    config = load()
    for name in ("ana", "berta"):
        spawner = SystemdSpawner(user=SimpleNamespace(name=name, id=1), config=config)
        monkeypatch.setattr(spawner, "get_env", dict)
        monkeypatch.setattr(spawner, "get_args", list)
        asyncio.run(spawner.start())
    assert [*asked] == ["learner-ana", "learner-berta"]
    for unit, given in asked.items():
        properties = given["properties"]
        assert given["uid"] == len(unit) and given["working_dir"] == f"/home/{unit}"
        assert given["slice"] == "learners.slice"
        assert properties["ReadWritePaths"] == f"/home/{unit}"
        assert properties["MemoryMax"] == 2 * 1024**3 and properties["MemorySwapMax"] == "0"
        assert properties["CPUQuota"] == "200%"
        assert {*properties} >= {"PrivateTmp", "PrivateDevices", "NoNewPrivileges", "ProtectProc"}
