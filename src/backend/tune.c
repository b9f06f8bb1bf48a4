// tune.c -- measured choices, in memory and in a text file of one line each.
//
// One table for the process: what it holds changes speed, never results beyond rounding.
#include "backend/tune.h"
#include "backend/dnnl_shim.h"
#include <pthread.h>
#include <string.h>

enum { NUMBERS = sizeof(cpu_tune_key) / sizeof(int64_t), MOST = 4096, VERSION = 3 };

typedef struct {
    int64_t key[NUMBERS];
    int way;
} choice;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static choice *table;
static size_t n, cap;
static char *file;
static bool told; // that we measure, once
static bool fixed;

static choice *find(const int64_t key[NUMBERS])
{
    for (size_t i = 0; i < n; i++)
        if (!memcmp(table[i].key, key, sizeof table[i].key)) return &table[i];
    return NULL;
}

static void keep(const int64_t key[NUMBERS], int way)
{
    choice *c = find(key);
    if (!c && (n >= MOST || !BASE_PUSH_ROOM(table, n, cap))) return;
    if (!c) c = &table[n++];
    memcpy(c->key, key, sizeof c->key);
    c->way = way;
}

int cpu_tune_find(const cpu_tune_key *k)
{
    int64_t key[NUMBERS];
    memcpy(key, k, sizeof key);
    pthread_mutex_lock(&lock);
    choice *c = find(key);
    int way = c ? c->way : -1;
    pthread_mutex_unlock(&lock);
    return way;
}

void cpu_tune_fixed(bool on)
{
    pthread_mutex_lock(&lock);
    fixed = on;
    pthread_mutex_unlock(&lock);
}

bool cpu_tune_is_fixed(void)
{
    pthread_mutex_lock(&lock);
    bool is = fixed;
    pthread_mutex_unlock(&lock);
    return is;
}

// "guise 1 dnnl 2.6.3 isa ...: " begins every line, so that a file from another machine is passed
// over line by line.
static void heading(char text[96])
{
    cpu_facts f;
    cpu_describe(&f);
    snprintf(text, 96, "guise %d dnnl %d.%d.%d %s:", VERSION, f.dnnl_major, f.dnnl_minor,
             f.dnnl_patch, f.isa);
}

void cpu_tune_tell(void)
{
    char where[256] = "";
    pthread_mutex_lock(&lock);
    if (file && !told) snprintf(where, sizeof where, "%s", file);
    told = true;
    pthread_mutex_unlock(&lock);
    if (where[0])
        base_log("measuring which convolutions are fastest on this machine, for the first time "
                 "with these sizes; %s keeps that",
                 where);
}

void cpu_tune_put(const cpu_tune_key *k, int way)
{
    int64_t key[NUMBERS];
    char line[1024];
    memcpy(key, k, sizeof key);
    pthread_mutex_lock(&lock);
    keep(key, way);
    FILE *f = file ? fopen(file, "a") : NULL;
    if (f) {
        heading(line);
        size_t at = strlen(line);
        for (int i = 0; i < NUMBERS; i++)
            at += (size_t)snprintf(line + at, sizeof line - at, " %lld", (long long)key[i]);
        snprintf(line + at, sizeof line - at, " %d\n", way);
        fputs(line, f); // one short write: lines of two programs do not mix
        fclose(f);
    }
    pthread_mutex_unlock(&lock);
}

static void read_line(const char *line, const char *head)
{
    size_t skip = strlen(head);
    int64_t number[NUMBERS + 1];
    if (strncmp(line, head, skip) != 0) return;
    const char *at = line + skip;
    for (int i = 0; i <= NUMBERS; i++) {
        long long v;
        int used = 0;
        if (sscanf(at, "%lld%n", &v, &used) != 1) return;
        number[i] = v;
        at += used;
    }
    if (number[NUMBERS] >= 0 && number[NUMBERS] < 16) keep(number, (int)number[NUMBERS]);
}

void cpu_tune_file(const char *path)
{
    char head[96], line[1024];
    heading(head);
    pthread_mutex_lock(&lock);
    if (path && file && !strcmp(path, file)) { // it has been read
        pthread_mutex_unlock(&lock);
        return;
    }
    base_free(file);
    file = path ? base_copy_text(path) : NULL;
    FILE *f = file ? fopen(file, "r") : NULL;
    while (f && fgets(line, sizeof line, f)) read_line(line, head);
    if (f) fclose(f);
    if (!path) { // the table goes with the file
        base_free(table);
        table = NULL;
        n = cap = 0;
    }
    pthread_mutex_unlock(&lock);
}
