// log.c -- log.csv: a row each few steps, cut back to the checkpoint when a run is resumed.
#include "train/run.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char header[] = "step,photos,seconds,photos_per_second,lr,lambda_id,lambda_adv";

static guise_status cannot_write(const train_run *r, base_error *e)
{
    return base_fail(e, GUISE_IO, "cannot write %s/log.csv; is the disk full?", r->c->out);
}

static bool write_header(const train_run *r)
{
    FILE *f = r->csv;
    fputs(header, f);
    for (const char *const *n = r->o.system->loss; *n; n++) fprintf(f, ",%s", *n);
    for (const char *const *n = train_run_measures(r); *n; n++) fprintf(f, ",%s", *n);
    fputc('\n', f);
    return !fflush(f) && !ferror(f);
}

// Length of the part of the file whose rows are not after step: whole lines only.
static long valid_part(FILE *f, int step)
{
    char line[1000];
    long end = 0;
    for (int n = 0; fgets(line, sizeof line, f) && strchr(line, '\n'); n++) {
        if (n && strtol(line, NULL, 10) > step) break;
        end = ftell(f);
    }
    return end;
}

guise_status train_log_open(train_run *r, base_error *e)
{
    char *path = base_format("%s/log.csv", r->c->out);
    if (!path) return base_no_memory(e);
    bool again = r->c->resume && base_is_file(path);
    r->csv = fopen(path, again ? "r+" : "w");
    base_free(path);
    if (!r->csv) return cannot_write(r, e);
    if (!again) return write_header(r) ? GUISE_OK : cannot_write(r, e);
    long end = valid_part(r->csv, r->step);
    if (ftruncate(fileno(r->csv), end) || fseek(r->csv, end, SEEK_SET)) return cannot_write(r, e);
    return end || write_header(r) ? GUISE_OK : cannot_write(r, e);
}

static double rate(const train_run *r)
{
    double seconds = r->seconds - r->since;
    return seconds > 0 ? (double)r->lines * r->o.batch / seconds : 0;
}

void train_log_line(const train_run *r, char *line, size_t n)
{
    double k = r->lines ? 1.0 / r->lines : 0;
    size_t at = 0;
    int more = snprintf(line, n, "step %d/%d, %.1f photos/s", r->step, r->o.steps, rate(r));
    if (more > 0) at = (size_t)more;
    for (int i = 0; r->o.system->loss[i] && at < n; i++) {
        if (r->sum[i] == 0) continue;
        more = snprintf(line + at, n - at, ", %s %.4f", r->o.system->loss[i], r->sum[i] * k);
        if (more > 0) at += (size_t)more;
    }
}

guise_status train_log_row(train_run *r, bool measured, base_error *e)
{
    train_rates now;
    double k = r->lines ? 1.0 / r->lines : 0;
    train_rates_at(&now, &r->o, r->step);
    fprintf(r->csv, "%d,%lld,%.1f,%.2f,%.3g,%.4g,%.4g", r->step, (long long)r->step * r->o.batch,
            r->seconds, rate(r), now.lr, now.id, now.adv * r->o.lambda_adv);
    for (int i = 0; r->o.system->loss[i]; i++) fprintf(r->csv, ",%.6g", r->sum[i] * k);
    for (int i = 0; train_run_measures(r)[i]; i++)
        measured ? fprintf(r->csv, ",%.5g", r->measured[i]) : fputc(',', r->csv);
    fputc('\n', r->csv);
    if (fflush(r->csv) || ferror(r->csv)) return cannot_write(r, e);
    memset(r->sum, 0, sizeof r->sum);
    r->since = r->seconds;
    r->lines = 0;
    return GUISE_OK;
}
