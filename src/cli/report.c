// report.c -- what commands say: sentences on stderr, reports as JSON.
#include "cli/cli.h"
#include <math.h>
#include <string.h>

int cli_fail(const char *command, guise_status s, const char *sentence)
{
    fprintf(stderr, "guise %s: %s\n", command, sentence);
    return s == GUISE_BAD_ARGUMENT ? 2 : 1;
}

int cli_usage(const char *command, const char *format, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    return cli_fail(command, GUISE_BAD_ARGUMENT, text);
}

bool cli_text(const char *json) { return !json || strcmp(json, "-") != 0; }

int cli_json(const char *command, const char *json, json_t *root)
{
    if (!json) return json_decref(root), 0;
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    if (!root)
        return cli_fail(command, GUISE_BAD_ARGUMENT,
                        "no report can be made: a file's name is no UTF-8, as JSON needs it");
    json_decref(root);
    if (!text) return cli_fail(command, GUISE_NO_MEMORY, "out of memory for the report");
    int code = 0;
    if (!strcmp(json, "-")) {
        puts(text);
    } else {
        base_error e = {{0}};
        char *line = base_format("%s\n", text);
        guise_status s = line ? base_write_file(json, line, strlen(line), &e) : base_no_memory(&e);
        base_free(line);
        if (s) code = cli_fail(command, s, e.text);
    }
    free(text); // jansson's
    return code;
}

json_t *cli_json_face(const guise_face *f)
{
    json_t *points = json_array();
    for (int i = 0; i < 5; i++)
        json_array_append_new(points,
                              json_pack("[ff]", (double)f->point[i][0], (double)f->point[i][1]));
    return json_pack("{s:[ffff],s:f,s:o}", "box", (double)f->x0, (double)f->y0, (double)f->x1,
                     (double)f->y1, "score", (double)f->score, "points", points);
}

int cli_no_face(const char *command, const char *path, float best, double least)
{
    fprintf(stderr, "guise %s: %s: no face found; the best score was %.2f, needed is %.2f\n",
            command, path, (double)best, least > 0 ? least : 0.6);
    return 1;
}

const char *cli_bytes(unsigned long long n, char text[32])
{
    if (n >= 10000000)
        snprintf(text, 32, "%.0f MB", (double)n / 1e6);
    else if (n >= 1000000)
        snprintf(text, 32, "%.1f MB", (double)n / 1e6);
    else
        snprintf(text, 32, "%.0f kB", ceil((double)n / 1e3));
    return text;
}
