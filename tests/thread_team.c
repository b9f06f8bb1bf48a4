// thread_team.c -- threads that meet at a barrier and add up each other's arrays.
#include "thread_team.h"
#include <pthread.h>
#include <string.h>

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int size, arrived;
    unsigned long round;
    bool broken; // somebody has left
    void *at[THREAD_TEAM_MOST];
    base_team member[THREAD_TEAM_MOST];
    thread_team_work *work;
    void *user;
} meeting;

static int meet(meeting *m)
{
    pthread_mutex_lock(&m->lock);
    unsigned long round = m->round;
    if (++m->arrived == m->size) {
        m->arrived = 0;
        m->round++;
        pthread_cond_broadcast(&m->turn);
    }
    while (m->round == round && !m->broken) pthread_cond_wait(&m->turn, &m->lock);
    bool met = m->round != round;
    pthread_mutex_unlock(&m->lock);
    return met ? 0 : GUISE_IO;
}

static void leave(meeting *m)
{
    pthread_mutex_lock(&m->lock);
    m->broken = true;
    pthread_cond_broadcast(&m->turn);
    pthread_mutex_unlock(&m->lock);
}

// In the order of ranks, so that all get the same bits.
#define SUM(NAME, TYPE)                                                                            \
    static int NAME(base_team *t, TYPE *x, size_t n)                                               \
    {                                                                                              \
        meeting *m = t->own;                                                                       \
        TYPE *sum = base_alloc(n, sizeof *sum);                                                    \
        if (!sum) return GUISE_NO_MEMORY;                                                          \
        m->at[t->rank] = x;                                                                        \
        int s = meet(m);                                                                           \
        for (int k = 0; !s && k < m->size; k++)                                                    \
            for (size_t i = 0; i < n; i++) sum[i] += ((const TYPE *)m->at[k])[i];                  \
        if (!s) s = meet(m);                                                                       \
        if (!s) memcpy(x, sum, n * sizeof *sum);                                                   \
        base_free(sum);                                                                            \
        return s;                                                                                  \
    }
SUM(sum_float, float)
SUM(sum_double, double)

static int start(base_team *t, float *x, size_t n)
{
    int s = sum_float(t, x, n);
    for (size_t i = 0; i < n; i++) x[i] /= (float)t->size;
    return s;
}

static int nothing(base_team *t)
{
    (void)t;
    return 0;
}

static int broadcast(base_team *t, void *data, size_t bytes)
{
    meeting *m = t->own;
    if (t->rank == 0) m->at[0] = data;
    int s = meet(m);
    if (!s && t->rank) memcpy(data, m->at[0], bytes);
    return s ? s : meet(m);
}

static int barrier(base_team *t) { return meet(t->own); }

static void *run(void *member)
{
    base_team *t = member;
    meeting *m = t->own;
    bool ok = m->work(m->user, t);
    if (!ok) leave(m);
    return ok ? member : NULL;
}

bool thread_team_run(int size, thread_team_work *work, void *user)
{
    meeting m = {.lock = PTHREAD_MUTEX_INITIALIZER,
                 .turn = PTHREAD_COND_INITIALIZER,
                 .size = size,
                 .work = work,
                 .user = user};
    pthread_t thread[THREAD_TEAM_MOST];
    bool ok = true;
    for (int i = 0; i < size; i++)
        m.member[i] = (base_team){.rank = i,
                                  .size = size,
                                  .local_rank = i,
                                  .local_size = size,
                                  .sum = sum_float,
                                  .sum_double = sum_double,
                                  .start = start,
                                  .poke = nothing,
                                  .finish = nothing,
                                  .broadcast = broadcast,
                                  .barrier = barrier,
                                  .own = &m};
    int begun = 0;
    while (begun < size && !pthread_create(&thread[begun], NULL, run, &m.member[begun])) begun++;
    if (begun < size) leave(&m);
    for (int i = 0; i < begun; i++) {
        void *done = NULL;
        pthread_join(thread[i], &done);
        ok &= done != NULL;
    }
    return ok && begun == size;
}
