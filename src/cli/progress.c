// progress.c -- how far long work is, and Ctrl-C.
#include "cli/progress.h"
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t stopped; // set by Ctrl-C; a signal handler can reach nothing else

static void stop(int signal_number)
{
    stopped = 1;
    signal(signal_number, SIG_DFL);
}

void cli_stop_begin(void)
{
    stopped = 0;
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
}

bool cli_stopped(void) { return stopped != 0; }

void cli_progress_begin(cli_progress *p, FILE *to)
{
    *p = (cli_progress){.to = to, .terminal = isatty(fileno(to)) != 0};
    cli_stop_begin();
}

const char *cli_duration(double seconds, char text[32])
{
    long s = seconds < 1e8 ? (long)(seconds + 0.5) : 100000000;
    if (s >= 3600)
        snprintf(text, 32, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else
        snprintf(text, 32, "%ld min %02ld s", s / 60, s % 60);
    return text;
}

bool cli_progress_show(void *user, const guise_progress *g)
{
    static const char bar[] = "##############################";
    cli_progress *p = user;
    char left[32];
    if (!p->started) *p = (cli_progress){p->to, p->terminal, true, false, g->step - 1, -1};
    if (g->line) {
        fprintf(p->to, "%s%s\n", p->drawn ? "\r\033[K" : "", g->line);
        p->drawn = false;
    }
    if (g->line || g->steps <= 0 || g->step <= p->first) return !stopped;
    int n = (int)(30.0 * g->step / g->steps), percent = (int)(100.0 * g->step / g->steps);
    double each = g->seconds / (g->step - p->first);
    cli_duration(each * (g->steps - g->step), left);
    if (p->terminal)
        fprintf(p->to, "\r[%-30.*s] %d of %d, %s left\033[K", n < 30 ? n : 30, bar, g->step,
                g->steps, left);
    else if (percent / 10 > p->told / 10)
        fprintf(p->to, "%d of %d, %s left\n", g->step, g->steps, left);
    p->drawn = p->terminal;
    p->told = percent;
    fflush(p->to);
    return !stopped;
}

void cli_progress_end(cli_progress *p)
{
    if (p->drawn) fprintf(p->to, "\n");
}
