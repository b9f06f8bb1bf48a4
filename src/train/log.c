// log.c -- log.csv: a row each few steps, cut back to the checkpoint when a run is resumed.
#include "train/run.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char header[] = "step,photos,seconds,photos_per_second,lr,lambda_id,lambda_adv";
static const char measures[] = "to_source,to_target,closer,top1,self_l1,sharpness";

static guise_status cannot_write(const train_run *r, base_error *e)
{
    return base_fail(e, GUISE_IO, "cannot write %s/log.csv; is the disk full?", r->c->out);
}

static bool write_header(FILE *f)
{
    fputs(header, f);
    for (int i = 0; i < TRAIN_LOSSES; i++) fprintf(f, ",%s", train_loss_names[i]);
    fprintf(f, ",%s\n", measures);
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
    if (!again) return write_header(r->csv) ? GUISE_OK : cannot_write(r, e);
    long end = valid_part(r->csv, r->step);
    if (ftruncate(fileno(r->csv), end) || fseek(r->csv, end, SEEK_SET)) return cannot_write(r, e);
    return end || write_header(r->csv) ? GUISE_OK : cannot_write(r, e);
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
    for (int i = 0; i < TRAIN_LOSSES && at < n; i++) {
        if (r->sum[i] == 0) continue;
        more = snprintf(line + at, n - at, ", %s %.4f", train_loss_names[i], r->sum[i] * k);
        if (more > 0) at += (size_t)more;
    }
}

guise_status train_log_row(train_run *r, const train_measurement *m, base_error *e)
{
    float weight[3];
    double lr = 0, lr_d = 0, k = r->lines ? 1.0 / r->lines : 0;
    train_schedule(&r->o, r->step, weight, &lr, &lr_d);
    fprintf(r->csv, "%d,%lld,%.1f,%.2f,%.3g,%.4g,%.4g", r->step, (long long)r->step * r->o.batch,
            r->seconds, rate(r), lr, (double)weight[0], (double)weight[1]);
    for (int i = 0; i < TRAIN_LOSSES; i++) fprintf(r->csv, ",%.6g", r->sum[i] * k);
    if (m)
        fprintf(r->csv, ",%.4f,%.4f,%.4f,%.4f,%.5f,%.4f\n", m->to_source, m->to_target, m->closer,
                m->top1, m->self_l1, m->sharpness);
    else
        fputs(",,,,,,\n", r->csv);
    if (fflush(r->csv) || ferror(r->csv)) return cannot_write(r, e);
    memset(r->sum, 0, sizeof r->sum);
    r->since = r->seconds;
    r->lines = 0;
    return GUISE_OK;
}
