// tune.h -- what was fastest, remembered: for the process, and in a file where one was named.
#ifndef GUISE_BACKEND_TUNE_H
#define GUISE_BACKEND_TUNE_H
#include "backend/backend.h"

typedef struct { // all that the fastest way depends on; no padding bytes
    cpu_conv_shape shape;
    int64_t kind, bias, act, keep, threads;
    int64_t type; // below CPU_F32: the way is 1 where that is faster, else 0
} cpu_tune_key;

int cpu_tune_find(const cpu_tune_key *k); // -1: not known
void cpu_tune_tell(void);                 // in the log, once: choices are being measured now
void cpu_tune_put(const cpu_tune_key *k, int way);
// While on, nothing is measured: the fixed rule chooses for convolutions opened from now on, so
// that results are the same bits every time, whatever the file says.
void cpu_tune_fixed(bool on);
bool cpu_tune_is_fixed(void);

#endif
