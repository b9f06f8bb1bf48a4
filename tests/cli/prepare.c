// prepare.c -- for run.sh: makes the files that the tests of the program use, or checks JSON.
//
//   prepare DIR          writes the files of tiny.h
//   prepare --json FILE  exit status 0 if FILE holds one JSON value and nothing else
#include "tiny.h"
#include <jansson.h>
#include <string.h>

int main(int argc, char **argv)
{
    base_error e = {{0}};
    if (argc == 3 && !strcmp(argv[1], "--json")) {
        json_error_t why;
        json_t *j = json_load_file(argv[2], JSON_REJECT_DUPLICATES, &why);
        if (!j) fprintf(stderr, "%s:%d: %s\n", argv[2], why.line, why.text);
        json_decref(j);
        return j ? 0 : 1;
    }
    if (argc != 2) return 2;
    guise_status s = base_make_dir(argv[1], &e);
    if (!s) s = tiny_make(argv[1], &e);
    if (s) fprintf(stderr, "%s\n", e.text);
    return s ? 1 : 0;
}
