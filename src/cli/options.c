// options.c -- from argv to a command's struct, and from its table to help and man page.
#include "cli/cli.h"
#include <ctype.h>
#include <string.h>

// One option on its way into the struct.
typedef struct {
    const cli_command *cmd;
    void *options;
    char **set;
    size_t n_set;
    base_error error;
} parser;

static const base_field *by_letter(const base_field *f, char letter)
{
    for (; f && f->name; f++)
        if (f->letter && f->letter == letter) return f;
    return NULL;
}

static const base_field *by_name(const base_field *f, const char *name, size_t n)
{
    for (; f && f->name; f++)
        if (strlen(f->name) == n && !strncmp(f->name, name, n)) return f;
    return NULL;
}

static guise_status needs_value(parser *p, const char *option)
{
    return base_fail(&p->error, GUISE_BAD_ARGUMENT, "%s needs a value", option);
}

static guise_status unknown(parser *p, const char *option)
{
    return base_fail(&p->error, GUISE_BAD_ARGUMENT, "there is no option %s; try: guise %s --help",
                     option, p->cmd->name);
}

// "--steps 100" of a loose command becomes "steps=100"; "--lambda-id" means lambda_id. The words
// are joined in place: argv strings of one process lie in memory that is ours to change, but not
// next to each other for sure, so a new text is made; it lives as long as the process.
static guise_status take_loose(parser *p, const char *name, size_t n, const char *value)
{
    char *text = base_format("%.*s=%s", (int)n, name, value);
    if (!text) return base_no_memory(&p->error);
    for (size_t i = 0; i < n; i++)
        if (text[i] == '-') text[i] = '_';
    p->set[p->n_set++] = text;
    return GUISE_OK;
}

// Takes argv[*i], which begins with "--", and its value.
static guise_status take_long(parser *p, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2, *eq = strchr(name, '=');
    size_t n = eq ? (size_t)(eq - name) : strlen(name);
    const base_field *f = by_name(p->cmd->options, name, n);
    bool set = p->cmd->sets && n == 3 && !strncmp(name, "set", 3);
    if (!f && !set && !p->cmd->loose) return unknown(p, argv[*i]);
    if (f && f->type == BASE_FLAG)
        return base_fields_set(f, p->options, f->name, eq ? eq + 1 : "yes", &p->error);
    if (f && f->type == BASE_MAYBE)
        return base_fields_set(f, p->options, f->name, eq ? eq + 1 : "", &p->error);
    const char *option = argv[*i];
    const char *value = eq ? eq + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    if (!value) return needs_value(p, option);
    if (f) return base_fields_set(f, p->options, f->name, value, &p->error);
    if (!set) return take_loose(p, name, n, value);
    if (!strchr(value, '='))
        return base_fail(&p->error, GUISE_BAD_ARGUMENT, "--set takes name=value, not '%s'", value);
    char *copy = base_copy_text(value);
    if (!copy) return base_no_memory(&p->error);
    p->set[p->n_set++] = copy;
    return GUISE_OK;
}

// Takes argv[*i], which is "-x", "-xVALUE" or "-x VALUE".
static guise_status take_short(parser *p, int argc, char **argv, int *i)
{
    const char *text = argv[*i];
    const base_field *f = by_letter(p->cmd->options, text[1]);
    if (!f) return unknown(p, text);
    if (f->type == BASE_FLAG) {
        if (text[2]) return unknown(p, text);
        return base_fields_set(f, p->options, f->name, "yes", &p->error);
    }
    const char *value = text[2] ? text + 2 : *i + 1 < argc ? argv[++*i] : NULL;
    if (!value) return needs_value(p, text);
    return base_fields_set(f, p->options, f->name, value, &p->error);
}

static guise_status count_arguments(parser *p, int n)
{
    const cli_command *c = p->cmd;
    if (n < c->least)
        return base_fail(&p->error, GUISE_BAD_ARGUMENT, "it takes %s; try: guise %s --help",
                         *c->args ? c->args : "no arguments", c->name);
    if (c->most >= 0 && n > c->most)
        return base_fail(&p->error, GUISE_BAD_ARGUMENT, "too many arguments: it takes %s",
                         *c->args ? c->args : "none");
    return GUISE_OK;
}

int cli_parse(const cli_command *cmd, int argc, char **argv, void *options, char **set, cli_call *c)
{
    parser p = {.cmd = cmd, .options = options, .set = set};
    base_fields_init(cmd->options, options);
    guise_status s = GUISE_OK;
    int n = 0; // positional arguments, moved to the front of argv
    bool only = false;
    for (int i = 0; !s && i < argc; i++) {
        if (!only && !strcmp(argv[i], "--"))
            only = true;
        else if (!only && !strncmp(argv[i], "--", 2))
            s = take_long(&p, argc, argv, &i);
        else if (!only && argv[i][0] == '-' && argv[i][1])
            s = take_short(&p, argc, argv, &i);
        else
            argv[n++] = argv[i];
    }
    if (!s) s = count_arguments(&p, n);
    *c = (cli_call){options, argv, n, (const char *const *)set, p.n_set};
    return s ? cli_fail(cmd->name, s, p.error.text) : 0;
}

// "-o, --output OUTPUT" into text
static void option_text(const base_field *f, char *text, size_t size)
{
    char what[40] = "";
    if (f->type == BASE_INT) snprintf(what, sizeof what, " N");
    if (f->type == BASE_REAL) snprintf(what, sizeof what, " X");
    if (f->type == BASE_TEXT || f->type == BASE_MAYBE) {
        snprintf(what, sizeof what, f->type == BASE_MAYBE ? "[=%s]" : " %s", f->name);
        for (char *c = what; *c; c++) *c = (char)toupper((unsigned char)*c);
    }
    char letter[8] = "    ";
    if (f->letter) snprintf(letter, sizeof letter, "-%c, ", f->letter);
    snprintf(text, size, "%s--%s%s", letter, f->name, what);
}

void cli_help(const cli_command *cmd, FILE *to)
{
    fprintf(to, "guise %s %s\n%s\n\n", cmd->name, cmd->args, cmd->summary);
    for (const base_field *f = cmd->options; f->name; f++) {
        char text[100];
        option_text(f, text, sizeof text);
        fprintf(to, "  %-28s %s", text, f->help);
        if (f->init) fprintf(to, " (default: %s)", f->init);
        fprintf(to, "\n");
    }
    if (cmd->sets) fprintf(to, "  %-28s %s\n", "    --set NAME=VALUE", "option of what is run");
    fprintf(to, "  %-28s %s\n", "-h, --help", "this text");
    if (cmd->notes) fprintf(to, "\n%s\n", cmd->notes);
    fprintf(to, "\nExample:\n%s\n", cmd->example);
}

void cli_man(const cli_command *cmd, FILE *to)
{
    fprintf(to, "guise-%s(1)\n\n# NAME\n\nguise-%s - %s\n\n# SYNOPSIS\n\n*guise %s* %s\n\n",
            cmd->name, cmd->name, cmd->summary, cmd->name, cmd->args);
    if (cmd->notes) fprintf(to, "# DESCRIPTION\n\n%s\n\n", cmd->notes);
    fprintf(to, "# OPTIONS\n\n");
    for (const base_field *f = cmd->options; f->name; f++) {
        char text[100];
        option_text(f, text, sizeof text);
        const char *start = text + strspn(text, " ");
        fprintf(to, "*%s*\n\t%s", start, f->help);
        if (f->init) fprintf(to, " (default: %s)", f->init);
        fprintf(to, "\n\n");
    }
    fprintf(to,
            "# EXAMPLE\n\n```\n%s\n```\n\n# EXIT STATUS\n\n"
            "0 done, 1 it failed, 2 wrong usage.\n",
            cmd->example);
}
