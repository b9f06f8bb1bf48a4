// cuda_record.c -- work recorded once and run with one call: CUDA's graphs, by stream capture.
#include "backend/cuda_own.h"

struct cuda_record {
    cuda_device *device;
    CUgraphExec graph;
};

int cuda_record_begin(cuda_device *d)
{
    int s = cuda_use(d);
    if (!s)
        s = cuda_check(
            d, d->api.cuStreamBeginCapture_v2(d->stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
            "recording");
    d->recording = !s;
    return s;
}

// What fails while recording is no failure of the work, which is then run without.
int cuda_record_end(cuda_device *d, cuda_record **out)
{
    CUgraph graph = NULL;
    bool bad = !d->recording || d->failed;
    *out = NULL;
    if (d->recording) bad = d->api.cuStreamEndCapture(d->stream, &graph) != CUDA_SUCCESS || bad;
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
