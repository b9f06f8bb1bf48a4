// cuda_record.c -- work recorded once and run with one call: CUDA's graphs, by stream capture.
#include "backend/cuda_own.h"

struct cuda_record {
    cuda_device *device;
    CUgraphExec graph;
};

// What failed before is nobody's to forget; that recording cannot begin is no failure.
int cuda_record_begin(cuda_device *d)
{
    int s = d->failed ? (int)d->failed : cuda_use(d);
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    if (!s && d->api.cuStreamBeginCapture_v2(d->stream, mode)) s = GUISE_BAD_ARGUMENT;
    d->recording = !s;
    return s;
}

// What fails while recording is no failure of the work, which is then run without.
int cuda_record_end(cuda_device *d, cuda_record **out)
{
    CUgraph graph = NULL;
    *out = NULL;
    if (!d->recording) return 0;
    bool bad = d->api.cuStreamEndCapture(d->stream, &graph) != CUDA_SUCCESS || d->failed;
    d->recording = false;
    d->failed = GUISE_OK;
    d->trouble[0] = 0;
    cuda_record *r = bad || !graph ? NULL : base_alloc(1, sizeof *r);
    if (r) {
        r->device = d;
        if (d->api.cuGraphInstantiateWithFlags(&r->graph, graph, 0)) {
            base_free(r);
            r = NULL;
        }
    }
    if (graph) d->api.cuGraphDestroy(graph);
    *out = r;
    return 0;
}

int cuda_replay(cuda_device *d, const cuda_record *r)
{
    int s = cuda_use(d);
    return s ? s : cuda_check(d, d->api.cuGraphLaunch(r->graph, d->stream), "replaying");
}

void cuda_record_free(cuda_record **record)
{
    cuda_record *r = *record;
    if (!r) return;
    cuda_use(r->device);
    r->device->api.cuStreamSynchronize(r->device->stream);
    r->device->api.cuGraphExecDestroy(r->graph);
    base_free(r);
    *record = NULL;
}
