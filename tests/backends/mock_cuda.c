// A driver without a device: it writes down what would run.
//
// Kernels are handles below 2^32 whose last two digits tell how many parameters the kernel has.  What ran is
// kept as words: handle, grid (3), block (3), shared bytes, stream, then the value of each parameter.
// With CUDA's own header at hand (MOCK_CUDA_H) the compiler checks the layouts and signatures used here.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef MOCK_CUDA_H
#include <cuda.h>
#undef cuGraphAddKernelNode
#undef cuGraphExecKernelNodeSetParams
#define NODE CUDA_KERNEL_NODE_PARAMS_v2
#else
typedef int CUresult;
typedef void *CUfunction, *CUstream, *CUcontext, *CUkernel, *CUgraph, *CUgraphExec, *CUgraphNode;
typedef unsigned long long cuuint64_t;
typedef struct {
    CUfunction func;
    unsigned gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes;
    void **kernelParams, **extra;
    CUkernel kern;
    CUcontext ctx;
} NODE;
#define CUDA_SUCCESS 0
#define CUDA_ERROR_INVALID_VALUE 1
#endif

enum { MOST_PARAMS = 100, MOST_NODES = 64, HEAD = 9 };

typedef struct { uint64_t words[HEAD + MOST_PARAMS]; int count; } Record;
typedef struct Graph { Record nodes[MOST_NODES]; int count; } Graph;

static uint64_t ran[1 << 16];
static int ran_words, calls;
static const char* failing = "";
static int failure;

// ---- for the tests --------------------------------------------------------------------------------------

int mock_ran(uint64_t* out) { memcpy(out, ran, ran_words * sizeof *ran); return ran_words; }
int mock_calls(void) { return calls; }
void mock_reset(void) { ran_words = calls = failure = 0; failing = ""; }
void mock_fail(const char* function, int status) { failing = strdup(function); failure = status; }

static CUresult called(const char* function) {
    ++calls;
    return (CUresult)(strcmp(function, failing) ? 0 : failure);
}

static Record record(const NODE* node, CUstream stream) {
    Record r = {{
        (uint64_t)(uintptr_t)node->func, node->gridDimX, node->gridDimY, node->gridDimZ,
        node->blockDimX, node->blockDimY, node->blockDimZ, node->sharedMemBytes, (uint64_t)(uintptr_t)stream,
    }, HEAD};
    for (uint64_t i = 0; i < r.words[0] % 100; ++i) r.words[r.count++] = *(uint64_t*)node->kernelParams[i];
    return r;
}

static void run(const Record* r, CUstream stream) {
    memcpy(ran + ran_words, r->words, r->count * sizeof *ran);
    ran[ran_words + HEAD - 1] = (uint64_t)(uintptr_t)stream;
    ran_words += r->count;
}

// ---- the driver -----------------------------------------------------------------------------------------

CUresult cuInit(unsigned flags) { return called("cuInit"); }

CUresult cuGetErrorName(CUresult status, const char** text) {
    *text = status == CUDA_ERROR_INVALID_VALUE ? "CUDA_ERROR_INVALID_VALUE" : "CUDA_ERROR_OF_THE_TEST";
    return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult status, const char** text) { return cuGetErrorName(status, text); }

CUresult cuCtxGetCurrent(CUcontext* context) {
    *context = (CUcontext)77;
    return called("cuCtxGetCurrent");
}

CUresult cuLaunchKernel(
    CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
    unsigned shared, CUstream stream, void** params, void** extra) {
    const CUresult status = called("cuLaunchKernel");
    if (status) return status;
    const NODE node = {function, gx, gy, gz, bx, by, bz, shared, params, extra, 0, 0};
    const Record r = record(&node, stream);
    run(&r, stream);
    return CUDA_SUCCESS;
}

CUresult cuGraphCreate(CUgraph* graph, unsigned flags) {
    *graph = (CUgraph)calloc(1, sizeof(Graph));
    return called("cuGraphCreate");
}

// A node's handle is its number and one: a node may follow only the one added before it, so a chain is a chain.
CUresult cuGraphAddKernelNode_v2(
    CUgraphNode* out, CUgraph graph, const CUgraphNode* before, size_t count, const NODE* node) {
    Graph* const g = (Graph*)graph;
    const int follows = count ? (int)(uintptr_t)before[0] : 0;
    if (count > 1 || follows != g->count || node->kern || node->extra || node->ctx != (CUcontext)77)
        return CUDA_ERROR_INVALID_VALUE;
    g->nodes[g->count++] = record(node, 0);
    *out = (CUgraphNode)(uintptr_t)g->count;
    return called("cuGraphAddKernelNode");
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph, unsigned long long flags) {
    *executable = (CUgraphExec)malloc(sizeof(Graph));
    memcpy(*executable, graph, sizeof(Graph));
    return called("cuGraphInstantiate");
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec executable, CUgraphNode handle, const NODE* node) {
    const CUresult status = called("cuGraphExecKernelNodeSetParams");
    if (!status) ((Graph*)executable)->nodes[(uintptr_t)handle - 1] = record(node, 0);
    return status;
}

CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
    const CUresult status = called("cuGraphLaunch");
    const Graph* const g = (Graph*)executable;
    for (int i = 0; !status && i < g->count; ++i) run(&g->nodes[i], stream);
    return status;
}

CUresult cuGraphDestroy(CUgraph graph) { free(graph); return called("cuGraphDestroy"); }
CUresult cuGraphExecDestroy(CUgraphExec executable) { free(executable); return called("cuGraphExecDestroy"); }
