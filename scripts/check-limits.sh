#!/bin/sh
# Limits that keep the code readable: functions <= 60 lines, files <= 600, 100 columns, a first line
# that says what the file is, no call that we banned, no path of somebody's machine.
cd "$(dirname "$0")/.." || exit 1
status=0

find src include tests \( -name '*.[ch]' -o -name '*.def' -o -name '*.proto' \) | sort | xargs awk '
    BEGIN { unsafe = "strcpy|strcat|sprintf|vsprintf|atoi|atol|atof|gets|strtok|rand|srand|alloca"
            memory = "malloc|calloc|realloc|aligned_alloc|posix_memalign|strdup|strndup|asprintf"
            ending = "exit|_exit|abort|printf|puts|putchar|assert" }
    function report(why) { print FILENAME ":" FNR ": " why; bad = 1 }
    function calls(names) { return code ~ ("(^|[^a-zA-Z0-9_.>])(" names ") *\\(") }
    function end_of_file() {
        if (lines > 600) { print last ": " lines " lines; at most 600"; bad = 1 } }
    FNR == 1 { end_of_file(); last = FILENAME; name = FILENAME; sub(/.*\//, "", name)
               base = FILENAME ~ /^src\/base\//; test = FILENAME ~ /^tests\//
               cli = FILENAME ~ /^src\/cli\//; signature = 0
               if (index($0, "// " name " -- ") != 1) report("begin with: // " name " -- what it is") }
    { lines = FNR; code = $0; sub(/\/\/.*/, "", code); gsub(/"([^"\\]|\\.)*"/, "\"\"", code) }
    length($0) > 100 { report(length($0) " columns; at most 100") }
    /\t/ { report("a tab") }
    / $/ { report("a space at the end") }
    /^[a-zA-Z_]/ { signature = FNR }
    /^}/ { if (inside && FNR - signature >= 60)
               report("function of " FNR - signature + 1 " lines; at most 60")
           inside = 0 }
    /^{/ { inside = 1 }
    calls(unsafe) { report("a banned call") }
    !base && !test && calls(memory) { report("memory comes from base_alloc and its like") }
    !cli && !test && (calls(ending) || code ~ /fprintf\(stderr/) {
        report("the library neither ends the program nor prints") }
    END { end_of_file(); exit bad }' || status=1

# Not this script, which names them; -I leaves binary files out.
if grep -rnIE '(^|[^a-zA-Z0-9_.])/(home|work|root|Users)/[a-zA-Z]' --exclude=check-limits.sh \
    --exclude-dir=build --exclude-dir=out --exclude-dir=.git --exclude-dir=node_modules .; then
    echo "these paths are of one machine; leave them out" >&2
    status=1
fi
exit $status
