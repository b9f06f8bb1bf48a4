#!/bin/sh
# doc/map.md has a section "### <layer>" for each layer and names each file of src/ in it, once a
# line, as - `name`; it names no file that is gone.
cd "$(dirname "$0")/.." || exit 1
{ find src -type f | sed 's/^src\///' | sort; cat doc/map.md; } | awk '
    /^[a-z]+\/[a-z0-9_.\/-]+$/ && !map { file[$0] = 1; next }
    { map = 1 }
    /^###* / { layer = $2 }
    /^- `/ && /^- (`[^`]+`,? ?)+/ {
        rest = substr($0, 3)
        while (match(rest, /^`[^`]+`,? */)) {
            name = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1)
            gsub(/[`, ]/, "", name); named[layer "/" name] = 1 } }
    END { for (f in file) if (!(f in named)) { print "doc/map.md says nothing of src/" f; bad = 1 }
          for (f in named) if (!(f in file)) { print "doc/map.md names src/" f ", which is not there"; bad = 1 }
          exit bad }'
