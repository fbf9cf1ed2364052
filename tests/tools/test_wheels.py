"""Packages on a memory stick: the right ones for each system, whole, installed without network."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile

import pytest

from tools import wheels

HASH = "--hash=sha256:" + "0" * 64
ASKED = [
    f"everywhere==1.0 {HASH}",
    f"windows-only==2.0 ; sys_platform == 'win32' {HASH}",
    f"parts==1.0 ; python_full_version < '3.11.5' {HASH}",
    f"parts==2.0 ; python_full_version >= '3.11.5' {HASH}",
]


def names(platform, version):
    asked = wheels.needed(ASKED, version, wheels.PLATFORMS[platform][0])
    assert all(line.endswith(HASH) and ";" not in line for line in asked)
    return [line.split(" ")[0] for line in asked]


def test_each_computer_gets_what_its_markers_ask_for():
    assert names("windows", "3.11.0") == ["everywhere==1.0", "windows-only==2.0", "parts==1.0"]
    assert names("linux", "3.11.99") == ["everywhere==1.0", "parts==2.0"]


@pytest.mark.parametrize("platform", wheels.PLATFORMS)
@pytest.mark.parametrize("version", ["3.11.0", "3.12.99", "3.13.0"])
def test_every_system_and_python_gets_tensorflow_once(platform, version):
    markers = wheels.PLATFORMS[platform][0]
    asked = [line.split("==")[0] for line in wheels.needed(wheels.blocks(), version, markers)]
    assert len(asked) == len({*asked}) > 90
    assert sum(name in ("tensorflow", "tensorflow-cpu") for name in asked) == 1
    assert {"numpy", "jupyterlab", "uv"} <= {*asked}


def test_collecting_says_what_is_there_or_what_went_wrong(tmp_path, monkeypatch, capsys):
    lists = []

    def download(text, folder, version, tags):
        lists.append((version, tags))
        (folder / f"a-{len(lists)}.whl").write_bytes(b"0" * 1_000_000)
        return 0

    monkeypatch.setattr(wheels, "_download", download)
    folder = tmp_path / "new" / "stick"
    wheels.collect(folder, ["windows", "macos"], ["3.12"])
    assert [tags[0] for _, tags in lists] == ["win_amd64", "macosx_12_0_arm64"]
    assert f"{folder} holds 2 files, 2 MB." in capsys.readouterr().out
    monkeypatch.setattr(wheels, "_download", lambda *_: 1)
    with pytest.raises(SystemExit, match=r"windows, Python 3\.12 are not complete"):
        wheels.collect(folder, ["windows"], ["3.12"])
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="name another folder"):
        wheels.collect(tmp_path / "file" / "stick")


@pytest.fixture
def lesson(tmp_path):
    """Make a lesson that needs one package, and a stick with that package."""
    root, stick = tmp_path / "lesson", tmp_path / "stick"
    root.mkdir()
    stick.mkdir()
    wheel = stick / "tiny_part-1.0-py3-none-any.whl"
    info = "tiny_part-1.0.dist-info"
    files = {
        "tiny_part.py": b"VALUE = 42\n",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-part\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(name, content)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (root / "requirements.txt").write_text(f"tiny-part==1.0 \\\n    --hash=sha256:{digest}\n")
    (root / "requirements-uv.txt").write_text("# nothing more\n")
    return root, stick


def test_damaged_files_and_wrong_folders_are_named_before_anything_is_installed(
    lesson, tmp_path, monkeypatch
):
    root, stick = lesson
    monkeypatch.setattr(wheels, "environment", lambda: pytest.fail("this is too early"))
    for folder in (tmp_path / "lost", root):
        with pytest.raises(SystemExit, match="holds no packages"):
            wheels.install(folder, root)
    (stick / "._tiny_part-1.0-py3-none-any.whl").write_bytes(b"made by some file managers")
    with (stick / "tiny_part-1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"0")
    with pytest.raises(SystemExit, match=r"^tiny_part-1.0-py3-none-any.whl in .* is damaged"):
        wheels.install(stick, root)
    monkeypatch.setattr(wheels, "NEWEST", (3, 5))
    with pytest.raises(SystemExit, match="but the lesson needs"):
        wheels.install(stick, root)


def test_packages_are_installed_without_a_network(lesson, tmp_path, monkeypatch, capfd):
    root, stick = lesson
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    monkeypatch.setattr(wheels, "environment", lambda: str(python))
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_CONFIG_FILE", os.devnull)):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="cannot be installed"):  # it has no pyproject.toml
        wheels.install(stick, root)
    asked = [str(python), "-c", "import tiny_part; print(tiny_part.VALUE)"]
    assert subprocess.run(asked, capture_output=True, text=True).stdout == "42\n"
