"""No file of the repository holds a secret: a private key, a token, or a pass phrase of a class."""

import re

from repository import files, read
from support import ROOT

# Written in parts, so that this file does not hold them itself
SECRETS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE"
    rb" KEY|\bgh[pousr]_[A-Za-z0-9]{30}|\bgithub"
    rb"_pat_[A-Za-z0-9]"
    rb"|\bAKIA[A-Z0-9]{16}\b|\bglpat-[\w-]{20}|\bxox[bpars]-\w|\bsk-[A-Za-z0-9]{30}"
    rb"|://[^/\s:@\"'`<>{}$]+:[^/\s:@\"'`<>{}$]+@"
)
NAMES = re.compile(r"(^|/)(cookie_secret|hub\.sqlite|secret\.yaml|id_\w+|\.env)$|\.(pem|key|p12)$")


def test_no_file_holds_a_secret():
    for name in files():
        assert not NAMES.search(name), name
        found = SECRETS.search((ROOT / name).read_bytes())
        assert not found, f"{name}: {found[0]}"


def test_the_pass_phrases_of_a_class_are_left_open():
    settings = read("deploy/one-server/class.env")
    assert re.findall(r"^CLASS_(?:INSTRUCTOR_)?PASS_PHRASE=(.*)$", settings, re.M) == ["", ""]
    assert re.findall(r"^CLASS_(?:KEY|CERTIFICATE)=(.*)$", settings, re.M) == ["", ""]
    values = read("deploy/kubernetes/values.yaml")
    assert not re.search(r"^\s*\w*pass_phrase:\s*\S", values, re.M)


def test_what_looks_like_a_secret_is_found():
    for secret in (
        "-----BEGIN RSA PRIVATE" + " KEY-----",
        "ghp" + "_" + "a" * 36,
        "https://ana:" + "hello@example.org",
    ):
        assert SECRETS.search(secret.encode()), secret
