#!/usr/bin/env bash
# Installs the lesson and its hub on a plain Debian or Ubuntu server, and renews both: it can be run
# again at any time. Learners' homes and passwords, and what stands in class.env, stay as they are.
#
#   sudo bash deploy/one-server/install.sh
#
# It writes into /opt/chest-xrays (the lesson and its packages), /etc/chest-xrays (the settings) and
# /etc/systemd/system (three files). What runs then keeps its databases in /var/lib/chest-xrays (the
# hub) and /var/lib/chest-xrays-board.
set -euo pipefail
umask 022

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
OPT=/opt/chest-xrays
SETTINGS=/etc/chest-xrays/class.env
BOARD=/etc/chest-xrays/board.env

stop() {
  echo "$1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || stop "This needs root: sudo bash deploy/one-server/install.sh"
[ "$SOURCE" != "$OPT/lesson" ] || stop "Run this in your own copy of the lesson, not in $OPT/lesson."

echo "1. What the system has to have"
missing=()
command -v python3 > /dev/null || missing+=(python3)
python3 -c "import ensurepip, venv" 2> /dev/null || missing+=(python3-venv)
command -v node > /dev/null || missing+=(nodejs)
command -v npm > /dev/null || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends "${missing[@]}"
fi
python3 -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" ||
  stop "The lesson needs Python 3.11, 3.12 or 3.13: use Debian 12 or 13, or Ubuntu 24.04."
[ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge 18 ] ||
  stop "The hub's proxy needs Node 18 or newer: use Debian 12 or 13, or Ubuntu 24.04."

echo "2. The lesson, which learners can read and not change"
# A copy beside the old one takes its place in one step
mkdir -p "$OPT"
rm -rf "$OPT/lesson.new" "$OPT/lesson.old"
mkdir "$OPT/lesson.new"
tar --create --directory "$SOURCE" --exclude=./.git --exclude=./.venv --exclude=./work \
  --exclude=./build --exclude=node_modules --exclude=__pycache__ --exclude='*.egg-info' . |
  tar --extract --directory "$OPT/lesson.new" --no-same-owner
(cd "$OPT/lesson.new/deploy/one-server" && npm ci --ignore-scripts --no-audit --no-fund)
chmod -R u=rwX,go=rX "$OPT/lesson.new"

echo "3. The packages, once for all learners, and the hub's own apart (the first time about 500 MB)"
for each in environment hub; do
  [ -x "$OPT/$each/bin/python" ] || python3 -m venv "$OPT/$each"
done
install_into() { "$OPT/$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"; }
install_into hub --require-hashes -r "$OPT/lesson.new/requirements-hub.txt"
install_into environment --require-hashes -r "$OPT/lesson.new/requirements.txt"
install_into environment --require-hashes -r "$OPT/lesson.new/requirements-hub.txt"
[ ! -e "$OPT/lesson" ] || mv "$OPT/lesson" "$OPT/lesson.old"
mv "$OPT/lesson.new" "$OPT/lesson"
rm -rf "$OPT/lesson.old"
install_into environment --no-deps --no-build-isolation --editable "$OPT/lesson"
"$OPT/environment/bin/python" -m compileall -q "$OPT/lesson"

echo "4. The settings, which only root can read"
mkdir -p "$(dirname "$SETTINGS")"
if [ ! -e "$SETTINGS" ]; then
  pass_phrase() {
    python3 -c "import secrets; print('-'.join(''.join(secrets.choice('abcdefghjkmnpqrstuvwxyz') for _ in range(4)) for _ in range(3)))"
  }
  (
    umask 077
    sed -e "s/^CLASS_PASS_PHRASE=.*/CLASS_PASS_PHRASE=$(pass_phrase)/" \
      -e "s/^CLASS_INSTRUCTOR_PASS_PHRASE=.*/CLASS_INSTRUCTOR_PASS_PHRASE=$(pass_phrase)/" \
      "$OPT/lesson/deploy/one-server/class.env" > "$SETTINGS"
  )
fi
if [ ! -e "$BOARD" ]; then
  (
    umask 077
    {
      echo "# What hub and board know each other by. Without the next line there is no board."
      echo "CLASS_BOARD_TOKEN=$(python3 -c "import secrets; print(secrets.token_hex(32))")"
    } > "$BOARD"
  )
fi
chmod 600 "$SETTINGS" "$BOARD"

echo "5. The services, which start with the machine"
for each in chest-xrays.service chest-xrays-board.service learners.slice; do
  cp "$OPT/lesson/deploy/one-server/$each" /etc/systemd/system/
done
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl enable --quiet chest-xrays chest-xrays-board
  systemctl restart chest-xrays chest-xrays-board
else
  echo "systemd does not run here: nothing was started."
fi

echo
echo "Installed. The pass phrases stand in $SETTINGS: sudo cat $SETTINGS"
grep -q '^CLASS_CERTIFICATE=.' "$SETTINGS" || grep -q '^CLASS_ADDRESS=.' "$SETTINGS" ||
  echo "The hub answers on this machine only, at http://127.0.0.1:8000, until it has a certificate: see README.md."
