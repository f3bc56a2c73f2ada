#!/usr/bin/env bash
# Installs the Debian packages that are missing of those named, so that nothing need be installed by hand.
#
#   ci/packages.sh COMMAND=PACKAGE...      a package is installed when its command is not there
set -euo pipefail

missing=()
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || { echo "these packages are missing, and only root may install them: ${missing[*]}" >&2; exit 1; }
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
