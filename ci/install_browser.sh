#!/usr/bin/env bash

# Install Debian's Chromium, which the tests in tests/browser drive, where it is missing
# and where that is allowed without asking. Not part of "make setup": nobody's system is
# changed by setting up the clone. Never fails: without a browser these tests are skipped.
# usage: ci/install_browser.sh      ESPNET_PROBE_BROWSER=/path/to/chromium names one.

set -u

# The names that tests/browser/conftest.py looks for, in its order.
for name in "${ESPNET_PROBE_BROWSER:-}" chromium chromium-browser google-chrome; do
    if [ -n "${name}" ] && command -v "${name}" >/dev/null; then
        echo "browser: $(command -v "${name}")"
        exit 0
    fi
done

skip() {
    echo "NOTE: $*: the tests in a browser will be skipped. Install one, e.g. 'apt-get install chromium', or name it: ESPNET_PROBE_BROWSER=/path/to/chromium" >&2
    exit 0
}

system=$(. /etc/os-release 2>/dev/null && echo "${ID:-}")
# Elsewhere the package has another name, or, as Ubuntu's, only starts a snap.
[ "${system}" = debian ] || skip "there is no browser, and this is not Debian"

if [ "$(id -u)" -eq 0 ]; then
    as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
else
    skip "there is no browser, and installing one needs root"
fi

# dpkg may be in use for a while on a machine that has just been started.
apt() {
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@"
}

echo "installing chromium"
# A new machine has no list of packages, or an old one with versions that are gone.
apt update || echo "NOTE: the list of packages could not be renewed" >&2
# Fonts are only recommended by it, and without any the pages have no letters.
if ! apt install -y --no-install-recommends chromium fonts-liberation >/dev/null; then
    skip "chromium could not be installed"
fi
echo "browser: $(command -v chromium)"
