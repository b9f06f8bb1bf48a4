// onnx_case.h -- small ONNX models written in the test itself, run, and compared.
//
//   onnx_case c = case_model("Gemm", 11);
//   case_input(&c, "a", 2, (int64_t[]){2, 3});
//   case_reals(&c, "b", 2, (int64_t[]){3, 2}, NULL);
//   case_set(&c, "alpha", 0.5);
//   ONNX_CHECK(&c, 1e-6, 1.0, 2.0, 3.0, 4.0);
//
// The case is one node that reads everything declared, in that order, and gives "y". Values that
// are not given come from case_value().
#ifndef GUISE_ONNX_CASE_H
#define GUISE_ONNX_CASE_H
#include "onnx.pb-c.h"
#include "test.h"
#include "weights/weights.h"

enum { ONNX_MOST = 12, ONNX_ROOM = 4096 };

typedef struct {
    const char *op, *domain;
    int64_t opset;
    char *name[ONNX_MOST]; // what the node reads
    size_t n_names, outputs;
    int shown; // which output is compared
    Onnx__Attribute attr[ONNX_MOST];
    size_t n_attr;
    Onnx__Tensor tensor[ONNX_MOST];
    size_t n_tensors;
    struct {
        char *name;
        int rank;
        int64_t dim[6];
    } input[4];
    size_t n_inputs;
    int64_t batch; // 0, or what dimension 0 of every input is made
} onnx_case;

onnx_case case_model(const char *op, int64_t opset);
void case_input(onnx_case *c, const char *name, int rank, const int64_t dim[]);
void case_reals(onnx_case *c, const char *name, int rank, const int64_t dim[], const float *v);
void case_ints(onnx_case *c, const char *name, int64_t n, const int64_t *v); // n < 0: one, rank 0
void case_skip(onnx_case *c); // an input that is left out
void case_set(onnx_case *c, const char *name, double v);
void case_set_int(onnx_case *c, const char *name, int64_t v);
void case_set_ints(onnx_case *c, const char *name, size_t n, const int64_t *v);
void case_set_text(onnx_case *c, const char *name, const char *v);

float case_value(int64_t i); // ((7 i + 3) mod 13 - 6) / 4

// The model as bytes: *n of them, free() is yours.
unsigned char *case_bytes(const onnx_case *c, size_t *n);
// Builds and runs the case, by the reference and by the plan; v has room for ONNX_ROOM. Returns the
// number of elements and the shape, or 0 and the sentence in `why`.
int64_t case_run(const onnx_case *c, double *v, tg_shape *s, char why[512]);
// Compares with n numbers; reports the line.
void case_check(const char *file, int line, const onnx_case *c, double tol, int n,
                const double *want);
// The sentence must contain the text.
void case_check_refused(const char *file, int line, const onnx_case *c, const char *text);

#define ONNX_DIMS(...)                                                                             \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]) { __VA_ARGS__ }
#define ONNX_LIST(...)                                                                             \
    sizeof((int64_t[]){__VA_ARGS__}) / 8, (int64_t[]) { __VA_ARGS__ }
#define ONNX_CHECK(C, TOL, ...)                                                                    \
    case_check(__FILE__, __LINE__, (C), (TOL),                                                     \
               (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})
#define ONNX_REFUSED(C, TEXT) case_check_refused(__FILE__, __LINE__, (C), (TEXT))
#endif
