// thread_team.h -- a team (base/team.h) of threads in place of processes, for tests without MPI.
#ifndef GUISE_TEST_THREAD_TEAM_H
#define GUISE_TEST_THREAD_TEAM_H
#include "base/team.h"

enum { THREAD_TEAM_MOST = 8 };
// Run work in `size` threads, each with its member of a team; false where it fails in any. One that
// fails makes the exchanges of the others fail, too.
typedef bool thread_team_work(void *user, base_team *t);
bool thread_team_run(int size, thread_team_work *work, void *user);

#endif
