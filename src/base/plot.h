// plot.h -- plots for pages (page.h) as inline SVG: lines, distributions, intervals in rows.
//
// Values that are no number are left out. Each plot is one <figure> with its title and legend.
#ifndef GUISE_BASE_PLOT_H
#define GUISE_BASE_PLOT_H
#include "base/base.h"

typedef struct {
    const char *title, *x, *y; // what the axes show, with unit
    double x0, x1, y0, y1;     // ends of the axes; x0 == x1, y0 == y1: as the data want
    bool log_x;                // decades; x0 > 0 then
    bool diagonal;             // a dashed line from corner to corner: chance
    bool narrow;               // half as high: many of them on a page
    int digits;                // plot_ranges: of the values, after the point
} plot_frame;

typedef struct {
    const char *name; // in the legend, where there are several
    const double *x, *y;
    size_t n;
} plot_line;
void plot_lines(FILE *f, const plot_frame *p, const plot_line *l, size_t n);

typedef struct {
    const char *name;
    const double *v;
    size_t n;
} plot_sample;
// Share of each sample in every bin, in percent of that sample. bins 0: as many as suit the size.
void plot_histogram(FILE *f, const plot_frame *p, const plot_sample *s, size_t n, int bins);

typedef struct {
    const char *name;
    double value, low, high; // low and high may be NaN
    size_t n;                // how many made the mean; told beside the name, 0: not
} plot_range;
// A row for each: a point, and a line for its interval. Of p, title, x, x0, x1 and digits.
void plot_ranges(FILE *f, const plot_frame *p, const plot_range *r, size_t n);

#endif
