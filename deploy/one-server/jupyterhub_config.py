"""JupyterHub for a class on one server. README.md beside this file says how it is used.

What differs from class to class is read from environment variables, which `class.env` holds on a
real server. All that is decided for every class stands below.
"""

import math
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for class_login

from class_login import ClassLogin, plain  # noqa: E402

LESSON = HERE.parents[1]
HOUR = 3600


def setting(name, default=""):
    """Return what class.env says; an empty value counts as none."""
    return os.environ.get(f"CLASS_{name}") or default


def stop(sentence):
    """End with one sentence, and not with a traceback."""
    print(sentence, file=sys.stderr)
    sys.exit(1)


c = get_config()  # noqa: F821

# -- Where ---------------------------------------------------------------------------------------
# Without a certificate only this machine can reach the hub, unless CLASS_ADDRESS says otherwise.
certificate, key = setting("CERTIFICATE"), setting("KEY")
if bool(certificate) != bool(key):
    stop("CLASS_CERTIFICATE and CLASS_KEY belong together: set both in class.env, or none.")
address = setting("ADDRESS", "" if certificate else "127.0.0.1")
port = setting("PORT", "443" if certificate else "8000")
inner = int(setting("INNER_PORT", "8081"))  # the hub's, and the next two: on this machine only
state = Path(setting("STATE", "/var/lib/chest-xrays"))

os.umask(0o077)  # what the hub writes, nobody else reads
state.mkdir(parents=True, exist_ok=True)
c.JupyterHub.bind_url = f"{'https' if certificate else 'http'}://{address}:{port}"
c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = certificate, key
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{inner}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{inner + 1}"
c.ConfigurableHTTPProxy.command = [
    "node",
    str(HERE / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"),
]
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{state / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
# A web server in front of the hub's proxy runs on this machine: whom it names is who asks.
c.JupyterHub.trusted_downstream_ips = ["127.0.0.1", "::1"]
# That it encrypts, the hub does not see: without this address, cookies lack `Secure`.
c.JupyterHub.public_url = setting("URL")

# -- Who -----------------------------------------------------------------------------------------
NAME = r"[a-z][a-z0-9-]{1,19}\Z"
instructor = setting("INSTRUCTOR", "instructor")
pass_phrases = {
    "PASS_PHRASE": setting("PASS_PHRASE"),
    "INSTRUCTOR_PASS_PHRASE": setting("INSTRUCTOR_PASS_PHRASE"),
}
if not re.match(NAME, instructor):
    stop("CLASS_INSTRUCTOR must be 2 to 20 small letters from a to z, digits and hyphens.")
for name, text in pass_phrases.items():
    if len(plain(text)) < 12:
        stop(f"CLASS_{name} needs at least 12 characters, hyphens not counted: see class.env.")
if len({plain(text) for text in pass_phrases.values()}) < 2:
    stop("CLASS_PASS_PHRASE and CLASS_INSTRUCTOR_PASS_PHRASE must differ: learners know the first.")
c.JupyterHub.authenticator_class = ClassLogin
c.ClassLogin.class_pass_phrase = pass_phrases["PASS_PHRASE"]
c.ClassLogin.instructor = instructor
c.ClassLogin.instructor_pass_phrase = pass_phrases["INSTRUCTOR_PASS_PHRASE"]
c.ClassLogin.allow_all = True  # who knows the pass phrase
c.ClassLogin.username_pattern = NAME
c.ClassLogin.minimum_password_length = 8
c.ClassLogin.check_common_password = True
c.ClassLogin.allowed_failed_logins = 10  # then one a minute
c.ClassLogin.seconds_before_next_try = 60
# The instructor sees and stops servers and resets passwords, but cannot open a learner's server: a
# page in it could then act as the instructor, since all pages have one address.
instructors_scopes = ["admin-ui", "admin:users", "admin:servers", "read:hub"]
c.JupyterHub.load_roles = [
    {"name": "instructor", "users": [instructor], "scopes": instructors_scopes},
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]
c.JupyterHub.cookie_max_age_days = 7
c.JupyterHub.token_expires_in_max_seconds = 24 * HOUR
c.JupyterHub.allow_named_servers = False
c.JupyterHub.template_paths = [str(HERE / "templates")]

# -- What each learner gets ----------------------------------------------------------------------
# The server is started as `make lab` starts it: copies of the notebooks that are renewed without
# touching a learner's work, and the lesson's settings.
cpus = float(setting("CPUS", "2"))
kind = setting("SPAWNER", "systemd")
homes = "/home/learner-{}" if kind == "systemd" else f"{state}/homes/{{}}"
c.Spawner.cmd = [setting("LESSON_PYTHON", sys.executable), "-m", "jupyterhub.singleuser"]
c.Spawner.args = [
    f"--config={LESSON / 'tools' / 'jupyter_lab_config.py'}",
    f"--MappingKernelManager.cull_idle_timeout={2 * HOUR}",
    "--MappingKernelManager.cull_interval=300",
    "--MappingKernelManager.cull_connected=True",
]
c.Spawner.environment = {
    "CHEST_XRAYS_WORK": "~/work",
    "CHEST_XRAYS": setting("XRAYS"),
    # Kernels have their sockets here: the path of a socket has at most 107 characters, and in
    # Jupyter's own folder a name of 15 letters would be too long
    "JUPYTER_RUNTIME_DIR": lambda spawner: f"{homes.format(spawner.user.name)}/.run",
    # As many threads as processors are allowed: more would wait for each other
    "OMP_NUM_THREADS": str(math.ceil(cpus)),
    "TF_NUM_INTRAOP_THREADS": str(math.ceil(cpus)),
    "TF_NUM_INTEROP_THREADS": str(math.ceil(cpus)),
}
c.Spawner.mem_limit = setting("MEMORY", "2G")
c.Spawner.cpu_limit = cpus
c.Spawner.disable_user_config = True  # a file in a home cannot change how its server is guarded
c.Spawner.default_url = "/lab/tree/notebooks/01-introduction.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # when all come at once
c.Spawner.poll_interval = 5  # seconds until the hub sees that a server died, and starts another
c.JupyterHub.cleanup_servers = False  # learners go on working while the hub starts again
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [
            *(sys.executable, "-m", "jupyterhub_idle_culler"),
            *(f"--timeout={3 * HOUR}", "--cull-every=300"),
        ],
    }
]


def make_account(spawner):
    """Make a learner's account on this machine, whose home nobody else can read."""
    account = f"learner-{spawner.user.name}"
    try:
        pwd.getpwnam(account)
    except KeyError:
        command = ["useradd", "--create-home", "--base-dir=/home", "--shell=/bin/bash", account]
        subprocess.run(command, check=True)
    os.chmod(pwd.getpwnam(account).pw_dir, 0o700)


# -- The board -----------------------------------------------------------------------------------
# Who has tried and solved which exercise: board/service.py. It is a service of its own, which the
# hub does not start: where it is down, the hub goes on. Both know its token.
board_token = setting("BOARD_TOKEN")
if board_token:
    address_of_board = f"http://127.0.0.1:{inner + 2}"
    may_report = "access:services!service=board"
    c.JupyterHub.services.append(
        {
            "name": "board",
            "url": address_of_board,
            "api_token": board_token,
            "oauth_no_confirm": True,
            "oauth_client_allowed_scopes": ["custom:board:read"],
            "display": False,  # templates/page.html has a link
        }
    )
    c.JupyterHub.template_vars = {"board": "/services/board/"}
    c.JupyterHub.custom_scopes = {"custom:board:read": {"description": "See the class's board"}}
    instructors_scopes.append("custom:board:read")
    c.JupyterHub.load_roles += [
        {"name": "user", "scopes": ["self", may_report]},
        {"name": "server", "scopes": ["users:activity!user", "access:servers!server", may_report]},
    ]
    # What the instructor tries out is not reported.
    c.Spawner.environment["CHEST_XRAYS_BOARD"] = lambda spawner: (
        "" if spawner.user.name == instructor else f"{address_of_board}/services/board/"
    )

# -- Under whose account -------------------------------------------------------------------------
if kind == "systemd":
    c.JupyterHub.spawner_class = "systemd"
    c.Spawner.pre_spawn_hook = make_account
    c.SystemdSpawner.username_template = "learner-{USERNAME}"
    c.SystemdSpawner.unit_name_template = "learner-{USERNAME}"
    c.SystemdSpawner.slice = "learners.slice"
    c.SystemdSpawner.default_shell = "/bin/bash"
    c.SystemdSpawner.isolate_tmp = True
    c.SystemdSpawner.isolate_devices = True
    c.SystemdSpawner.disable_user_sudo = True
    c.SystemdSpawner.unit_extra_properties = {
        "MemorySwapMax": "0",
        "TasksMax": "512",
        "UMask": "0077",
        "ProtectSystem": "strict",  # all is read-only ...
        "ReadWritePaths": "/home/learner-{USERNAME}",  # ... but this
        "ProtectProc": "invisible",  # not even the names of others' programs
        "RestrictSUIDSGID": "yes",
        # Where clouds hand out a machine's own passwords
        "IPAddressDeny": "169.254.169.254 fd00:ec2::254",
    }
elif kind == "simple":  # to try it, and in tests: without limits, and all under one account
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = homes.format("{username}")
    if os.geteuid() == 0:
        c.Spawner.args += ["--allow-root"]
else:
    stop("CLASS_SPAWNER is systemd or simple.")
