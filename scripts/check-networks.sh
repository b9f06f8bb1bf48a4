#!/bin/sh
# The table of doc/networks.md is what the program says. Memory differs between machines: it is left out.
#   scripts/check-networks.sh GUISE
doc=$(dirname "$0")/../doc/networks.md
said=$("$1" net sizes) || exit 1
rows() { sed '/^## /,$d' | grep '^| ' | awk -F'|' '{ print $2 "|" $3 "|" $4 "|" $5 "|" $7 }'; }
if [ "$(echo "$said" | rows)" != "$(rows <"$doc")" ]; then
    echo "doc/networks.md is not what guise net sizes says:"
    echo "$said"
    exit 1
fi
