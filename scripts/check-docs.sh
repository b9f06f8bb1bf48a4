#!/bin/sh
# Documents that say what the tree says: doc/map.md names each file of src/ in the section
# "### <layer>", as - `name`, and none that is gone; code shown in doc/add-an-op.md stands in an op
# file; README.md names commands that exist and files that are there.
cd "$(dirname "$0")/.." || exit 1
status=0

{ find src -type f | sed 's/^src\///' | sort; cat doc/map.md; } | awk '
    /^[a-z]+\/[a-z0-9_.\/-]+$/ && !map { file[$0] = 1; next }
    { map = 1 }
    /^###* / { layer = $2 }
    /^- `/ && /^- (`[^`]+`,? ?)+/ {
        rest = substr($0, 3)
        while (match(rest, /^`[^`]+`,? */)) {
            name = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1)
            gsub(/[`, ]/, "", name); named[layer "/" name] = 1 } }
    END { for (f in file) if (!(f in named)) { print "doc/map.md does not name src/" f; bad = 1 }
          for (f in named) if (!(f in file)) { print "doc/map.md names src/" f ": gone"; bad = 1 }
          exit bad }' || status=1

cat src/graph/op/*.c | awk '
    FILENAME == "-" { sub(/^ +/, ""); code[$0] = 1; next }
    /^ *```/ { inside = !inside && /```c/; next }
    inside { line = $0; sub(/^ +/, "", line)
             if (line != "" && !(line in code)) {
                 print "doc/add-an-op.md:" FNR ": in no op file: " line; bad = 1 } }
    END { exit bad }' - doc/add-an-op.md || status=1

for command in $(sed -n 's/^    guise \([a-z]*\) .*/\1/p' README.md); do
    [ -f "src/cli/cmd_$command.c" ] || { echo "README.md: no command $command"; status=1; }
done
for file in $(grep -oE '(examples|doc|scripts|include|weights)/[a-z0-9_./-]+' README.md | sort -u); do
    [ -e "$file" ] || { echo "README.md: no file $file"; status=1; }
done
exit $status
