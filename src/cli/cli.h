// cli.h -- a command is a table of options and a function. The table also makes --help and the
// option list of the man page. Commands see guise.h and base, nothing else.
#ifndef GUISE_CLI_H
#define GUISE_CLI_H
#include "base/fields.h"
#include <jansson.h>

// What the command line said.
typedef struct {
    const void *options; // the command's struct
    char **arg;          // positional arguments
    int n;
    const char *const *set; // "name=value" of each --set
    size_t n_set;
} cli_call;

typedef struct {
    const char *name, *args, *summary;
    const char *notes;   // more lines for --help, or NULL
    const char *example; // lines that can be typed
    int least, most;     // positional arguments; most -1: any number
    const base_field *options;
    size_t size; // of the options struct
    int (*run)(const cli_call *c);
    bool sets;  // takes --set name=value, any number of times
    bool loose; // an unknown --name value is --set name=value
} cli_command;

extern const cli_command *const cli_commands[]; // ended by NULL
const cli_command *cli_find(const char *name);  // NULL: unknown

// Read argv into c (options: memory of cmd->size bytes; set: room for argc pointers).
// Returns 0, or 2 after saying on stderr what is wrong.
int cli_parse(const cli_command *cmd, int argc, char **argv, void *options, char **set,
              cli_call *c);
void cli_help(const cli_command *cmd, FILE *to);
void cli_man(const cli_command *cmd, FILE *to); // the same as an scdoc page

// "guise NAME: sentence" on stderr; returns the exit status: 2 for wrong usage, else 1.
int cli_fail(const char *command, guise_status s, const char *sentence);
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Where a report goes: NULL no JSON; "-" standard output (and then no text); else a file.
bool cli_text(const char *json); // should the command print text?
// Writes and drops root. Returns 0, or 1 after saying why not.
int cli_json(const char *command, const char *json, json_t *root);
json_t *cli_json_face(const guise_face *f);
// Says that a photo shows no face with the score that was asked for, and returns 1. least 0: 0.6.
int cli_no_face(const char *command, const char *path, float best, double least);
// 1.2 MB, 34 kB
const char *cli_bytes(unsigned long long n, char text[32]);

// Options that several commands have; AT(field) gives the offset in the command's struct.
#define CLI_JSON                                                                                   \
    {                                                                                              \
        "json", 0, BASE_TEXT, AT(json), NULL, "write a report as JSON to this file; - prints it"   \
    }
#define CLI_DETECTOR                                                                               \
    {                                                                                              \
        "detector", 0, BASE_TEXT, AT(config.detector), NULL,                                       \
            "file, or name, of what finds faces; default: ours, see guise models"                  \
    }
#define CLI_RECOGNISER                                                                             \
    {                                                                                              \
        "recogniser", 0, BASE_TEXT, AT(config.recogniser), NULL,                                   \
            "file, or name, of what recognises faces; default: ours where the model takes it"      \
    }
#define CLI_DEVICE                                                                                 \
    {                                                                                              \
        "device", 0, BASE_TEXT, AT(config.device), NULL,                                           \
            "where networks run: cpu, cuda or cuda:N; see doc/gpu.md; default: cpu"                \
    }
#define CLI_SCORE                                                                                  \
    {                                                                                              \
        "score", 0, BASE_REAL, AT(config.score), "0.6", "least score of a face, 0 to 1"            \
    }

#endif
