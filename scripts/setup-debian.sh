#!/bin/sh
# Installs what building and testing needs on Debian 12 or 13; does nothing where all is there.
set -eu

packages="gcc libc6-dev cmake ninja-build pkg-config libdnnl-dev libvips-dev libprotobuf-c-dev
          protobuf-c-compiler libzip-dev libjansson-dev libssl-dev liblapacke-dev
          libopenmpi-dev openmpi-bin"

# A name counts when a package provides it: Debian 13 has pkgconf for pkg-config.
installed() { dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

missing=
if command -v dpkg-query >/dev/null; then
    for p in $packages; do installed "$p" || missing="$missing $p"; done
else
    echo "setup: this is not Debian; please install the like of:" $packages >&2
    exit 1
fi
[ -n "$missing" ] || exit 0

echo "setup: installing$missing"
root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "setup: neither root nor sudo; run as root: apt-get install$missing" >&2
        exit 1
    }
    root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3"
$apt update
$apt install -y --no-install-recommends $missing >/dev/null
