#!/bin/sh
# Installs the Debian packages of tests/apt-packages.txt that are missing, and leaves no service of theirs running.
# Not root, or no apt: names them; the tests that need them are skipped.
set -eu
cd "$(dirname "$0")"

missing=
for package in $(sed 's/#.*//' apt-packages.txt); do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, so their tests are skipped:$missing"
    exit 0
fi

echo "installing$missing"
dpkg-query -W -f '${Package}\n' | sort -u >/tmp/peers-before.$$
trap 'rm -f /tmp/peers-before.$$' EXIT
export DEBIAN_FRONTEND=noninteractive
export RUNLEVEL=1 # invoke-rc.d starts nothing in single-user mode
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null

# systemd does not look at RUNLEVEL: stop what came with the new packages, and only that.
[ -d /run/systemd/system ] || exit 0
for package in $(dpkg-query -W -f '${Package}\n' | sort -u | comm -13 /tmp/peers-before.$$ -); do
    for unit in $(dpkg-query -L "$package" | grep -E '/systemd/system/[^/@]*\.service$' || true); do
        systemctl disable --now "$(basename "$unit")" >/dev/null 2>&1 || true
    done
done
