// progress.h -- how far long work is: a bar with an estimate on a terminal, else a line now and
// then; and Ctrl-C, which asks the work to end.
#ifndef GUISE_CLI_PROGRESS_H
#define GUISE_CLI_PROGRESS_H
#include "cli/cli.h"

typedef struct {
    FILE *to;
    bool terminal, started, drawn;
    int first, told; // done at the first call, less one; percent at the last line
} cli_progress;

// From here on Ctrl-C and SIGTERM are noted; the second one ends the program at once.
void cli_stop_begin(void);
bool cli_stopped(void);
const char *cli_duration(double seconds, char text[32]); // "2 h 05 min", "3 min 20 s"

// From here on Ctrl-C makes cli_progress_show return false.
void cli_progress_begin(cli_progress *p, FILE *to);
// user: the cli_progress. False once the user asked to end.
bool cli_progress_show(void *user, const guise_progress *p);
void cli_progress_end(cli_progress *p);
#endif
