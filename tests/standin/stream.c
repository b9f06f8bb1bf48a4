// stream.c -- the driver's stand-in: streams, events and graphs. Work is queued and carried out
// late: when somebody waits for it, when much of it has gathered, or now and then by chance. So a
// result that is read without waiting, or memory that is changed too early, shows.
#include "standin.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct item {
    struct item *next;
    standin_work *run;
    void *data;
    size_t bytes;
} item;

typedef struct {
    item *first, *last;
    size_t n;
} list;

struct CUstream_st {
    struct CUstream_st *next;
    CUcontext context;
    list queue;
    CUgraph graph; // being captured
    bool capturing, invalid;
};

struct CUevent_st {
    CUcontext context;
    CUstream stream;
    uint64_t recorded, reached; // number of the record call; the same when the stream got there
    double at;
    bool timed, captured;
};

struct CUgraph_st {
    list work;
};

struct CUgraphExec_st {
    list work;
    int launched; // and not yet carried out
};

enum { MOST_QUEUED = 256, EARLY = 24 };
static CUstream streams;
static int running, captures;

bool standin_capturing(void) { return captures > 0; }

bool standin_stream_live(CUstream s)
{
    CUstream at = streams;
    while (at && at != s) at = at->next;
    return at && at->context == standin_current;
}

static bool append(list *l, standin_work *run, const void *data, size_t bytes)
{
    item *i = calloc(1, sizeof *i);
    void *copy = malloc(bytes + 1);
    if (!i || !copy) {
        free(i);
        free(copy);
        return false;
    }
    memcpy(copy, data, bytes);
    *i = (item){NULL, run, copy, bytes};
    if (l->last)
        l->last->next = i;
    else
        l->first = i;
    l->last = i;
    l->n++;
    return true;
}

static void take_first(list *l)
{
    item *i = l->first;
    l->first = i->next;
    if (!l->first) l->last = NULL;
    l->n--;
    free(i->data);
    free(i);
}

static void clear(list *l)
{
    while (l->first) take_first(l);
}

CUresult standin_run_quietly(standin_work *run, void *data)
{
    if (!running++) standin_hidden(false);
    CUresult r = run(data);
    if (!--running) standin_hidden(true);
    return r;
}

// The first item of a stream; its list may grow meanwhile only by what waits for other streams.
static CUresult step(CUstream s)
{
    item *i = s->queue.first;
    standin_work *run = i->run;
    void *data = i->data;
    i->data = NULL;
    take_first(&s->queue);
    CUresult r = standin_broken();
    if (!r) r = standin_run_quietly(run, data);
    free(data);
    return r ? standin_break(r) : CUDA_SUCCESS;
}

CUresult standin_drain(CUstream s)
{
    if (s)
        while (s->queue.first) step(s);
    else
        for (CUstream at = streams; at; at = at->next) standin_drain(at);
    return standin_broken();
}

CUresult standin_run_all(void) { return standin_drain(NULL); }

CUresult standin_queue(CUstream s, standin_work *run, const void *data, size_t bytes)
{
    if (!standin_stream_live(s)) return CUDA_ERROR_INVALID_HANDLE;
    if (s->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    list *l = s->capturing ? &s->graph->work : &s->queue;
    if (!append(l, run, data, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    bool now = s->queue.n > MOST_QUEUED || standin_random() % EARLY == 0;
    return !running && !s->capturing && now ? standin_drain(s) : CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *out, unsigned flags)
{
    standin_lock();
    CUresult r = standin_begin(__func__);
    if (!r && (!out || flags > CU_STREAM_NON_BLOCKING)) r = CUDA_ERROR_INVALID_VALUE;
    CUstream s = r ? NULL : calloc(1, sizeof *s);
    if (!r && !s) r = CUDA_ERROR_OUT_OF_MEMORY;
    if (s) {
        s->next = streams;
        s->context = standin_current;
        *out = streams = s;
        standin_object(1);
    }
    standin_unlock();
    return r;
}

// A call about a stream that is there.
static CUresult with(const char *call, CUstream s)
{
    CUresult r = standin_begin(call);
    return r ? r : standin_stream_live(s) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// Objects go even if the call that frees them fails: nobody could free them again.
CUresult cuStreamDestroy_v2(CUstream s)
{
    standin_lock();
    CUresult r = with(__func__, s);
    CUstream *at = &streams;
    while (*at && *at != s) at = &(*at)->next;
    if (*at) {
        standin_drain(s);
        if (s->capturing) {
            captures--;
            clear(&s->graph->work);
            free(s->graph);
        }
        *at = s->next;
        clear(&s->queue);
        free(s);
        standin_object(-1);
    }
    standin_unlock();
    return r;
}

// Waiting is not allowed while capturing, and ends the capture.
static CUresult refuse_in_capture(CUstream s)
{
    if (!captures) return CUDA_SUCCESS;
    if (s && s->capturing) s->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult cuStreamSynchronize(CUstream s)
{
    standin_lock();
    CUresult r = with(__func__, s);
    if (!r) r = refuse_in_capture(s);
    if (!r) r = standin_drain(s);
    standin_unlock();
    return r;
}

// ---- Events

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct {
    CUevent event;
    uint64_t recorded;
} mark;

static CUresult reach(void *data)
{
    mark m;
    memcpy(&m, data, sizeof m);
    m.event->reached = m.recorded;
    m.event->at = now();
    return CUDA_SUCCESS;
}

static CUresult await(void *data)
{
    mark m;
    memcpy(&m, data, sizeof m);
    while (m.event->reached < m.recorded && m.event->stream->queue.first) step(m.event->stream);
    return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *out, unsigned flags)
{
    CUresult r = standin_begin(__func__);
    if (!r && (!out || flags > 7)) r = CUDA_ERROR_INVALID_VALUE;
    CUevent e = r ? NULL : calloc(1, sizeof *e);
    if (!r && !e) r = CUDA_ERROR_OUT_OF_MEMORY;
    if (!e) return r;
    e->context = standin_current;
    e->timed = !(flags & CU_EVENT_DISABLE_TIMING);
    *out = e;
    standin_object(1);
    return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent e)
{
    CUresult r = standin_begin(__func__);
    if (!e) return CUDA_ERROR_INVALID_HANDLE;
    standin_lock();
    standin_drain(NULL); // work queued refers to it
    standin_unlock();
    free(e);
    standin_object(-1);
    return r;
}

CUresult cuEventRecord(CUevent e, CUstream s)
{
    standin_lock();
    CUresult r = e ? with(__func__, s) : CUDA_ERROR_INVALID_HANDLE;
    if (!r && e->context != standin_current) r = CUDA_ERROR_INVALID_HANDLE;
    if (!r) {
        mark m = {e, e->recorded + 1};
        e->captured = s->capturing;
        e->stream = s;
        if (!s->capturing) e->recorded++;
        if (!s->capturing) r = standin_queue(s, reach, &m, sizeof m);
    }
    standin_unlock();
    return r;
}

CUresult cuStreamWaitEvent(CUstream s, CUevent e, unsigned flags)
{
    standin_lock();
    CUresult r = e ? with(__func__, s) : CUDA_ERROR_INVALID_HANDLE;
    if (!r && flags) r = CUDA_ERROR_INVALID_VALUE;
    // A stream that is captured may wait only for work of the same capture, which here is its own.
    if (!r && s->capturing && !e->captured && e->recorded > 0)
        r = CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    if (!r && !s->capturing && e->recorded) {
        mark m = {e, e->recorded};
        r = standin_queue(s, await, &m, sizeof m);
    }
    standin_unlock();
    return r;
}

CUresult cuEventSynchronize(CUevent e)
{
    standin_lock();
    CUresult r = e ? standin_begin(__func__) : CUDA_ERROR_INVALID_HANDLE;
    if (!r && e->captured) r = CUDA_ERROR_CAPTURED_EVENT;
    if (!r) r = refuse_in_capture(NULL);
    while (!r && e->reached < e->recorded) r = step(e->stream);
    standin_unlock();
    return r;
}

CUresult cuEventElapsedTime_v2(float *ms, CUevent from, CUevent to)
{
    CUresult r = standin_begin(__func__);
    if (!r && !ms) r = CUDA_ERROR_INVALID_VALUE;
    if (!r && (!from || !to || !from->timed || !to->timed || !from->recorded || !to->recorded))
        r = CUDA_ERROR_INVALID_HANDLE;
    if (!r && (from->reached < from->recorded || to->reached < to->recorded))
        r = CUDA_ERROR_NOT_READY;
    if (!r) *ms = (float)(1e3 * (to->at - from->at));
    return r;
}

// ---- Graphs: lists of work

CUresult cuStreamBeginCapture_v2(CUstream s, CUstreamCaptureMode mode)
{
    standin_lock();
    CUresult r = with(__func__, s);
    if (!r && (s->capturing || (int)mode < 0 || mode > CU_STREAM_CAPTURE_MODE_RELAXED))
        r = s->capturing ? CUDA_ERROR_ILLEGAL_STATE : CUDA_ERROR_INVALID_VALUE;
    CUgraph g = r ? NULL : calloc(1, sizeof *g);
    if (!r && !g) r = CUDA_ERROR_OUT_OF_MEMORY;
    if (g) {
        s->capturing = true;
        s->invalid = false;
        s->graph = g;
        captures++;
    }
    standin_unlock();
    return r;
}

CUresult cuStreamEndCapture(CUstream s, CUgraph *out)
{
    standin_lock();
    CUresult r = with(__func__, s);
    if (!r && !out) r = CUDA_ERROR_INVALID_VALUE;
    if (!r && !s->capturing) r = CUDA_ERROR_ILLEGAL_STATE;
    if (s && standin_stream_live(s) && s->capturing) {
        CUgraph g = s->graph;
        bool bad = r || s->invalid;
        s->capturing = s->invalid = false;
        s->graph = NULL;
        captures--;
        if (bad) {
            clear(&g->work);
            free(g);
            if (out) *out = NULL;
            if (!r) r = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        } else {
            *out = g;
            standin_object(1);
        }
    }
    standin_unlock();
    return r;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph g, unsigned long long flags)
{
    CUresult r = standin_begin(__func__);
    if (!r && (!out || !g || flags & ~15ull)) r = CUDA_ERROR_INVALID_VALUE;
    CUgraphExec e = r ? NULL : calloc(1, sizeof *e);
    if (!r && !e) r = CUDA_ERROR_OUT_OF_MEMORY;
    if (!e) return r;
    for (const item *i = g->work.first; i && !r; i = i->next)
        if (!append(&e->work, i->run, i->data, i->bytes)) r = CUDA_ERROR_OUT_OF_MEMORY;
    if (r) {
        clear(&e->work);
        free(e);
        return r;
    }
    *out = e;
    standin_object(1);
    return CUDA_SUCCESS;
}

static CUresult run_graph(void *data)
{
    CUgraphExec e;
    CUresult r = CUDA_SUCCESS;
    memcpy(&e, data, sizeof e);
    e->launched--;
    for (item *i = e->work.first; i && !r; i = i->next) {
        char *copy = malloc(i->bytes + 1); // work may change its data
        if (!copy) return CUDA_ERROR_OUT_OF_MEMORY;
        memcpy(copy, i->data, i->bytes);
        r = i->run(copy);
        free(copy);
    }
    return r;
}

CUresult cuGraphLaunch(CUgraphExec e, CUstream s)
{
    standin_lock();
    CUresult r = with(__func__, s);
    if (!r && !e) r = CUDA_ERROR_INVALID_HANDLE;
    if (!r && s->capturing) r = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (!r) {
        e->launched++;
        r = standin_queue(s, run_graph, &e, sizeof e);
    }
    standin_unlock();
    return r;
}

CUresult cuGraphDestroy(CUgraph g)
{
    CUresult r = standin_begin(__func__);
    if (!g) return CUDA_ERROR_INVALID_VALUE;
    clear(&g->work);
    free(g);
    standin_object(-1);
    return r;
}

CUresult cuGraphExecDestroy(CUgraphExec e)
{
    CUresult r = standin_begin(__func__);
    if (!e) return CUDA_ERROR_INVALID_VALUE;
    standin_lock();
    if (e->launched) standin_drain(NULL);
    standin_unlock();
    clear(&e->work);
    free(e);
    standin_object(-1);
    return r;
}
