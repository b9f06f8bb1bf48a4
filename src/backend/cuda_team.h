// cuda_team.h -- a team (base/team.h) whose sums of single precision go from GPU to GPU.
#ifndef GUISE_CUDA_TEAM_H
#define GUISE_CUDA_TEAM_H
#include "backend/cuda.h"
#include "base/team.h"

// The processes of host with a GPU each: sum, start and finish take addresses of d, queue their
// work in the order of d's other work and do not wait (sum), or beside it (start) until finish; all
// of them can be recorded. The rest is done by host, which is borrowed. Every process calls this;
// it fails in all of them or in none. Errors: GUISE_BAD_ARGUMENT with one sentence: NCCL is not
// there, or does not join the GPUs.
guise_status cuda_team_open(base_team **t, cuda_device *d, base_team *host, base_error *e);

#endif
