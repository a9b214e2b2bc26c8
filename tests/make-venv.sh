#!/bin/sh
# make-venv.sh PYTHON: .venv from a Python of at least 3.11. Installs python3-venv on Debian when run as root.
set -eu
python=$1

complain() {
    echo "make: $*" >&2
    exit 1
}

command -v "$python" >/dev/null || complain "no $python on this host; authproxy needs Python 3.11 or later (PYTHON=... names another)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    complain "$("$python" -V 2>&1) is too old; authproxy needs Python 3.11 or later (PYTHON=... names another)"
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        complain "$python has no venv module: apt-get install $package"
    fi
    echo "installing $package"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null
fi
# --clear only what is broken: a .venv whose interpreter is gone can't be repaired in place
[ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' 2>/dev/null || "$python" -m venv --clear .venv
