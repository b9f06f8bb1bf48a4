// adam.cu -- one step of Adam, running averages and longer steps, as adam.c has them.
struct args {
    uint64_t grad, w, m, v; // averages: w is blended into m
    int64_t n;
    float beta1, beta2, keep1, keep2, eps, rate, root;
};

KERNEL adam(args a)
{
    const float *grad = (const float *)a.grad;
    float *w = (float *)a.w, *m = (float *)a.m, *v = (float *)a.v;
    EACH(i, a.n)
    {
        float g = grad[i];
        float m1 = a.beta1 * m[i] + a.keep1 * g;
        float v1 = a.beta2 * v[i] + a.keep2 * g * g;
        m[i] = m1;
        v[i] = v1;
        w[i] -= a.rate * m1 / (sqrtf(v1) / a.root + a.eps);
    }
}

KERNEL blend(args a) // m = keep1 m + rate w
{
    const float *w = (const float *)a.w;
    float *average = (float *)a.m;
    EACH(i, a.n) average[i] = a.keep1 * average[i] + a.rate * w[i];
}

KERNEL lengthen(args a) // w = m + rate (w - m)
{
    const float *before = (const float *)a.m;
    float *w = (float *)a.w;
    EACH(i, a.n) w[i] = before[i] + a.rate * (w[i] - before[i]);
}

KERNEL bound(args a) // to 0..1
{
    float *w = (float *)a.w;
    EACH(i, a.n) w[i] = fminf(fmaxf(w[i], 0.0f), 1.0f);
}
