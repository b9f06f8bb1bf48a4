// main.c -- the program: the table of commands, help, and notes on stderr.
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>

extern const cli_command cmd_swap, cmd_detect, cmd_embed, cmd_align, cmd_train, cmd_net,
    cmd_convert, cmd_models, cmd_doctor, cmd_eval, cmd_compose, cmd_bench, cmd_toy;

const cli_command *const cli_commands[] = {
    &cmd_swap, &cmd_detect, &cmd_embed, &cmd_align,   &cmd_compose, &cmd_train,  &cmd_toy,
    &cmd_net,  &cmd_eval,   &cmd_bench, &cmd_convert, &cmd_models,  &cmd_doctor, NULL,
};

const cli_command *cli_find(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (!strcmp(cli_commands[i]->name, name)) return cli_commands[i];
    return NULL;
}

static void overview(FILE *to)
{
    fprintf(to,
            "guise " GUISE_VERSION
            " -- puts the face of one person on the face of another, and says so in the file\n\n");
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(to, "  guise %-8s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fprintf(to, "\nguise COMMAND --help tells more. Only use faces of people who agreed.\n");
}

static int unknown_command(const char *name)
{
    char all[200] = "";
    for (size_t i = 0, n = 0; cli_commands[i] && n < sizeof all; i++)
        n +=
            (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", cli_commands[i]->name);
    fprintf(stderr, "guise: there is no command '%s'; there are: %s\n", name, all);
    return 2;
}

static int help(int argc, char **argv)
{
    bool man = argc > 0 && !strcmp(argv[0], "--man"); // an scdoc page in place of the text
    const char *name = argc > man ? argv[man] : NULL;
    const cli_command *c = name ? cli_find(name) : NULL;
    if (name && !c) return unknown_command(name);
    if (!c)
        overview(stdout);
    else if (man)
        cli_man(c, stdout);
    else
        cli_help(c, stdout);
    return 0;
}

// --help and -h anywhere before a "--"
static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return true;
    return false;
}

static int call(const cli_command *cmd, int argc, char **argv)
{
    if (wants_help(argc, argv)) return cli_help(cmd, stdout), 0;
    void *options = base_alloc(1, cmd->size);
    char **set = base_alloc((size_t)argc + 1, sizeof *set);
    if (!options || !set) return cli_fail(cmd->name, GUISE_NO_MEMORY, "out of memory");
    cli_call c;
    int code = cli_parse(cmd, argc, argv, options, set, &c);
    if (!code) code = cmd->run(&c);
    for (int i = 0; i < argc; i++) base_free(set[i]);
    base_free(set);
    base_free(options);
    return code;
}

static void note(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
    guise_set_log(note, NULL);
    if (argc < 2) return overview(stderr), 2;
    const char *name = argv[1];
    int code;
    if (!strcmp(name, "--version"))
        code = puts("guise " GUISE_VERSION) < 0;
    else if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
        code = help(argc - 2, argv + 2);
    else if (!cli_find(name))
        code = unknown_command(name);
    else
        code = call(cli_find(name), argc - 2, argv + 2);
    if ((fflush(stdout) != 0 || ferror(stdout)) &&
        !code) { // a full disk behind a pipe or a redirection
        fprintf(stderr, "guise: the output cannot be written\n");
        code = 1;
    }
    return code;
}
