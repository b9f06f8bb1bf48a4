// plot.c -- plots as inline SVG; ticks at 1, 2, 5 times a power of ten (Heckbert 1990, "Nice
// numbers for graph labels").
#include "base/plot.h"
#include "base/page.h"
#include <math.h>

enum { WIDE = 520, HIGH = 300, LOW = 170, LEFT = 52, RIGHT = 14, TOP = 10, BOTTOM = 42, ROW = 28 };
enum { COLOURS = 6, MAX_BINS = 60 };

// Where numbers lie on the page.
typedef struct {
    double x0, x1, y0, y1;
    int left, right, top, bottom; // of the area, in units of the picture
    bool log_x;
} area;

static double place_x(const area *a, double x)
{
    double from = a->log_x ? log10(a->x0) : a->x0, to = a->log_x ? log10(a->x1) : a->x1;
    double at = a->log_x ? log10(fmax(x, a->x0)) : x;
    return a->left + (at - from) / (to - from) * (a->right - a->left);
}

static double place_y(const area *a, double y)
{
    return a->bottom - (y - a->y0) / (a->y1 - a->y0) * (a->bottom - a->top);
}

// A distance of ticks that gives about n of them.
static double tick(double from, double to, int n)
{
    double raw = (to - from) / n, unit = pow(10, floor(log10(raw))), k = raw / unit;
    return unit * (k < 1.5 ? 1 : k < 3.5 ? 2 : k < 7.5 ? 5 : 10);
}

// The ends of an axis that shows lo to hi: whole ticks around them.
static void widen(double lo, double hi, double *from, double *to)
{
    if (!(lo <= hi)) lo = 0, hi = 1;
    if (lo == hi) lo -= lo != 0 ? fabs(lo) / 10 : 1, hi += hi != 0 ? fabs(hi) / 10 : 1;
    double t = tick(lo, hi, 6);
    *from = floor(lo / t + 1e-9) * t;
    *to = ceil(hi / t - 1e-9) * t;
}

static void range_of(const double *v, size_t n, double *lo, double *hi)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) continue;
        *lo = fmin(*lo, v[i]);
        *hi = fmax(*hi, v[i]);
    }
}

// With as many digits as tell steps of this size apart.
static void number(FILE *f, double v, double step)
{
    int digits = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    if (fabs(v) < step / 1e6) v = 0;
    fprintf(f, "%.*f", digits > 9 ? 9 : digits, v);
}

// As many as leave room for their numbers.
static double tick_x(const area *a)
{
    double step = tick(a->x0, a->x1, 6);
    for (int n = 5; n > 1; n--) {
        double most = fmax(1, fmax(fabs(a->x0), fabs(a->x1)));
        int after = step < 1 ? 1 + (int)ceil(-log10(step) - 1e-9) : 0;
        int characters = 2 + (int)log10(most) + after + (a->x0 < 0);
        if (8.0 * characters * (a->x1 - a->x0) / step < a->right - a->left) break;
        step = tick(a->x0, a->x1, n);
    }
    return step;
}

static void ticks_x(FILE *f, const area *a, bool grid)
{
    double step = tick_x(a);
    double first = a->log_x ? ceil(log10(a->x0) - 1e-9) : ceil(a->x0 / step - 1e-9);
    double last = a->log_x ? floor(log10(a->x1) + 1e-9) : floor(a->x1 / step + 1e-9);
    for (double k = first; k <= last; k++) {
        double v = a->log_x ? pow(10, k) : k * step, x = place_x(a, v);
        if (grid)
            fprintf(f, "<line class=grid x1='%.1f' y1='%d' x2='%.1f' y2='%d'/>", x, a->top, x,
                    a->bottom);
        fprintf(f, "<text class=m x='%.1f' y='%d'>", x, a->bottom + 17);
        number(f, v, a->log_x ? fmin(v, 1) : step);
        fputs("</text>", f);
    }
}

static void ticks_y(FILE *f, const area *a)
{
    double step = tick(a->y0, a->y1, a->bottom - a->top < 150 ? 4 : 6);
    for (double k = ceil(a->y0 / step - 1e-9); k <= floor(a->y1 / step + 1e-9); k++) {
        double y = place_y(a, k * step);
        fprintf(f, "<line class=grid x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>", a->left, y, a->right,
                y);
        fprintf(f, "<text class=e x='%d' y='%.1f'>", a->left - 7, y + 4);
        number(f, k * step, step);
        fputs("</text>", f);
    }
}

static void begin(FILE *f, const plot_frame *p, const char *const name[], size_t n, int high)
{
    fputs("<figure><figcaption><strong>", f);
    page_text(f, p->title);
    fputs("</strong>", f);
    for (size_t i = 0; n > 1 && i < n; i++) {
        fprintf(f, "<i style='--k:var(--s%d)'>", (int)(i % COLOURS));
        page_text(f, name[i]);
        fputs("</i>", f);
    }
    fprintf(f, "</figcaption><svg viewBox='0 0 %d %d' role=img aria-label='", WIDE, high);
    page_text(f, p->title);
    fputs("'>", f);
}

static void axes(FILE *f, const plot_frame *p, const area *a)
{
    ticks_x(f, a, true);
    ticks_y(f, a);
    fprintf(f, "<line class=axis x1='%d' y1='%d' x2='%d' y2='%d'/>", a->left, a->bottom, a->right,
            a->bottom);
    if (p->diagonal)
        fprintf(f, "<line class=chance x1='%d' y1='%d' x2='%d' y2='%d'/>", a->left, a->bottom,
                a->right, a->top);
    fprintf(f, "<text class=m x='%d' y='%d'>", (a->left + a->right) / 2, a->bottom + 35);
    page_text(f, p->x);
    fprintf(f, "</text><text class=m transform='translate(13 %d) rotate(-90)'>",
            (a->top + a->bottom) / 2);
    page_text(f, p->y);
    fputs("</text>", f);
}

static void end(FILE *f) { fputs("</svg></figure>\n", f); }

static area area_of(const plot_frame *p)
{
    int high = p->narrow ? LOW : HIGH;
    return (area){p->x0, p->x1, p->y0, p->y1, LEFT, WIDE - RIGHT, TOP, high - BOTTOM, p->log_x};
}

// Points that lie in the area, as one or several polylines.
static void draw_line(FILE *f, const area *a, const plot_line *l, size_t at)
{
    bool open = false;
    for (size_t i = 0; i < l->n; i++) {
        bool in = isfinite(l->x[i]) && isfinite(l->y[i]) && l->x[i] >= a->x0 && l->x[i] <= a->x1 &&
                  l->y[i] >= a->y0 && l->y[i] <= a->y1;
        if (in && !open)
            fprintf(f, "<polyline class=line style='stroke:var(--s%d)' points='",
                    (int)(at % COLOURS));
        if (in) fprintf(f, "%.1f,%.1f ", place_x(a, l->x[i]), place_y(a, l->y[i]));
        if (!in && open) fputs("'/>", f);
        open = in;
    }
    if (open) fputs("'/>", f);
}

void plot_lines(FILE *f, const plot_frame *p, const plot_line *l, size_t n)
{
    area a = area_of(p);
    double lo = INFINITY, hi = -INFINITY, left = INFINITY, right = -INFINITY;
    const char *name[COLOURS] = {0};
    for (size_t i = 0; i < n; i++) {
        range_of(l[i].x, l[i].n, &left, &right);
        for (size_t k = 0; k < l[i].n; k++) // what a logarithm cannot show does not stretch y
            if (!p->log_x || l[i].x[k] >= p->x0) range_of(&l[i].y[k], 1, &lo, &hi);
        if (i < COLOURS) name[i] = l[i].name;
    }
    if (a.x0 == a.x1) {
        bool any = left <= right;
        a.x0 = any ? left : 0, a.x1 = any ? right : 1;
        if (a.x0 == a.x1) a.x1 = a.x0 + 1;
    }
    if (a.y0 == a.y1) widen(lo, hi, &a.y0, &a.y1);
    begin(f, p, name, n < COLOURS ? n : COLOURS, p->narrow ? LOW : HIGH);
    axes(f, p, &a);
    for (size_t i = 0; i < n; i++) draw_line(f, &a, &l[i], i);
    end(f);
}

// Counts of a sample in the bins of a; what lies beyond the ends goes into the end bins.
static size_t count_bins(const area *a, const plot_sample *s, int bins, double count[MAX_BINS])
{
    size_t n = 0;
    for (int i = 0; i < bins; i++) count[i] = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!isfinite(s->v[i])) continue;
        double at = floor((s->v[i] - a->x0) / (a->x1 - a->x0) * bins);
        count[(int)fmin(fmax(at, 0), bins - 1)]++;
        n++;
    }
    return n;
}

static void draw_bars(FILE *f, const area *a, const double *count, int bins, double total,
                      size_t at)
{
    for (int i = 0; i < bins; i++) {
        if (!(count[i] > 0)) continue;
        double share = 100 * count[i] / total, step = (a->x1 - a->x0) / bins;
        double x = place_x(a, a->x0 + i * step), w = place_x(a, a->x0 + (i + 1) * step) - x;
        double y = place_y(a, share);
        fprintf(f,
                "<rect class=bar style='fill:var(--s%d)' x='%.1f' y='%.1f' width='%.1f' "
                "height='%.1f'><title>%.4g to %.4g: %.0f, %.1f %%</title></rect>",
                (int)(at % COLOURS), x, y, fmax(w - 0.6, 0.4), a->bottom - y, a->x0 + i * step,
                a->x0 + (i + 1) * step, count[i], share);
    }
}

void plot_histogram(FILE *f, const plot_frame *p, const plot_sample *s, size_t n, int bins)
{
    area a = area_of(p);
    double lo = INFINITY, hi = -INFINITY, most = 0, count[COLOURS][MAX_BINS];
    size_t total[COLOURS], all = 0;
    const char *name[COLOURS] = {0};
    if (n > COLOURS) n = COLOURS;
    for (size_t i = 0; i < n; i++) {
        range_of(s[i].v, s[i].n, &lo, &hi);
        name[i] = s[i].name;
        all += s[i].n;
    }
    if (a.x0 == a.x1) widen(lo, hi, &a.x0, &a.x1);
    if (!bins) bins = (int)fmin(fmax(sqrt((double)all), 8), 40);
    if (bins > MAX_BINS) bins = MAX_BINS;
    for (size_t i = 0; i < n; i++) {
        total[i] = count_bins(&a, &s[i], bins, count[i]);
        for (int k = 0; k < bins && total[i]; k++)
            most = fmax(most, 100 * count[i][k] / (double)total[i]);
    }
    double none;
    widen(0, most > 0 ? most : 1, &none, &a.y1);
    a.y0 = 0;
    begin(f, p, name, n, p->narrow ? LOW : HIGH);
    axes(f, p, &a);
    for (size_t i = 0; i < n; i++)
        if (total[i]) draw_bars(f, &a, count[i], bins, (double)total[i], i);
    end(f);
}

static void draw_range(FILE *f, const area *a, const plot_range *r, int y, int digits)
{
    fprintf(f, "<text class='e in' x='%d' y='%d'>", a->left - 10, y + 4);
    page_text(f, r->name);
    if (r->n) fprintf(f, " (%zu)", r->n);
    fputs("</text>", f);
    if (!isfinite(r->value)) {
        fprintf(f, "<text x='%d' y='%d'>not known</text>", a->left + 6, y + 4);
        return;
    }
    double x = place_x(a, r->value);
    fprintf(f, "<text class=in x='%d' y='%d'>%.*f</text>", a->right + 10, y + 4, digits, r->value);
    if (isfinite(r->low) && isfinite(r->high))
        fprintf(f,
                "<line style='stroke:var(--s0)' stroke-width=2 x1='%.1f' y1='%d' x2='%.1f' "
                "y2='%d'/>",
                place_x(a, r->low), y, place_x(a, r->high), y);
    fprintf(f,
            "<circle style='fill:var(--s0)' r=4.5 cx='%.1f' cy='%d'><title>%.4g (%.4g to "
            "%.4g)</title></circle>",
            x, y, r->value, r->low, r->high);
}

void plot_ranges(FILE *f, const plot_frame *p, const plot_range *r, size_t n)
{
    int rows = (int)(n < 200 ? n : 200), high = TOP + rows * ROW + BOTTOM;
    area a = {p->x0, p->x1, 0, 1, 170, WIDE - 70, TOP, TOP + rows * ROW, false};
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < rows; i++) {
        const double v[] = {r[i].value, r[i].low, r[i].high};
        range_of(v, 3, &lo, &hi);
    }
    if (a.x0 == a.x1) widen(lo, hi, &a.x0, &a.x1);
    begin(f, p, NULL, 0, high);
    ticks_x(f, &a, true);
    fprintf(f, "<text class=m x='%d' y='%d'>", (a.left + a.right) / 2, a.bottom + 35);
    page_text(f, p->x);
    fputs("</text>", f);
    for (int i = 0; i < rows; i++) draw_range(f, &a, &r[i], TOP + i * ROW + ROW / 2, p->digits);
    end(f);
}
