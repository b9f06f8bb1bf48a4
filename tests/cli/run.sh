#!/bin/sh
# run.sh GUISE PREPARE FILE.t -- tests of the program, as text.
#
# A .t file has cases with empty lines between them. In a case, a line is one of
#   # words           what it is about
#   need models       skip the case where no detector and recogniser are to be found
#   $ command         shell; guise is the program, $T a directory with the files of tests/tiny.h
#   exit N            its exit status; 0 where not said
#   out REGEX         a line of standard output matches (grep -E)
#   err REGEX         a line of standard error matches; where not said, there is none
#   json              standard output is one JSON value
#   no FILE           does not exist afterwards
set -u
program=$(realpath "$1") prepare=$(realpath "$2") cases=$3
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
GUISE_MODELS=${GUISE_MODELS:-$(cd "$(dirname "$0")/../.." && pwd)/../shared/models}
export T GUISE_MODELS
"$prepare" "$T" || exit 1
guise() { "$program" "$@"; }
models=no
if guise models 2>/dev/null | grep -q '^yunet_n_dynamic.onnx *ok' &&
    guise models 2>/dev/null | grep -q '^face_reid_0095.onnx *ok'; then models=yes; fi

total=0 bad=0 skipped=0 about='' status=0 skip=no ran=no saw_err=no failed=no
fail() {
    [ $failed = yes ] || echo "FAILED: $cases: $about"
    echo "    $1"
    failed=yes
}
finish() {
    if [ $ran = yes ]; then
        total=$((total + 1))
        [ "$status" -eq "$want" ] || fail "exit status $status, not $want"
        if [ $saw_err = no ] && [ -s "$T/err" ]; then fail "unexpected: $(head -1 "$T/err")"; fi
        [ $failed = no ] || bad=$((bad + 1))
    elif [ $skip = yes ]; then skipped=$((skipped + 1)); fi
    about='' want=0 skip=no ran=no saw_err=no failed=no
}
want=0
while IFS= read -r line || [ -n "$line" ]; do
    rest=${line#* }
    case $line in
    '') finish ;;
    '# '*) about=$rest ;;
    'need models') [ $models = yes ] || skip=yes ;;
    *) [ $skip = no ] || continue
        case $line in
        '$ '*) (cd "$T" && eval "$rest") >"$T/out" 2>"$T/err" </dev/null
            status=$? ran=yes
            [ -n "$about" ] || about=$rest ;;
        'exit '*) want=$rest ;;
        'out '*) grep -Eq -- "$rest" "$T/out" || fail "no output like: $rest" ;;
        'err '*) saw_err=yes
            grep -Eq -- "$rest" "$T/err" || fail "no error like: $rest, but: $(head -1 "$T/err")" ;;
        json) "$prepare" --json "$T/out" || fail "is not JSON" ;;
        'no '*) [ ! -e "$T/$rest" ] || fail "$rest exists" ;;
        *) fail "not understood: $line" ;;
        esac ;;
    esac
done <"$cases"
finish
echo "$cases: $total cases, $bad failed, $skipped skipped"
[ $total -gt 0 ] || [ $skipped -gt 0 ] || exit 1
[ $bad -eq 0 ]
