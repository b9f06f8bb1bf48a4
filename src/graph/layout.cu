// layout.cu -- y[b][j][i] = x[b][i][j]: an image from planes to channels-last, and back. FROM and TO
// are the types of elements. SMALL: one side is so short that tiles would be nearly empty.
struct args {
    uint64_t x, y;
    int64_t n, rows, cols; // of x
};

#ifdef SMALL
KERNEL layout(args a)
{
    const FROM *x = (const FROM *)a.x;
    TO *y = (TO *)a.y;
    EACH(k, a.n * a.rows * a.cols)
    {
        int64_t i = k % a.rows, j = k / a.rows % a.cols, b = k / a.rows / a.cols;
        store(y, k, load(x, (b * a.rows + i) * a.cols + j));
    }
}
#else
KERNEL layout(args a)
{
    __shared__ float tile[32][33];
    int64_t down = (a.rows + 31) / 32, across = (a.cols + 31) / 32, t = blockIdx.x;
    int64_t i0 = t / across % down * 32, j0 = t % across * 32, base = t / (across * down);
    const FROM *x = (const FROM *)a.x + base * a.rows * a.cols;
    TO *y = (TO *)a.y + base * a.rows * a.cols;
    int u = (int)threadIdx.x % 32;
    for (int v = (int)threadIdx.x / 32; v < 32; v += 8)
        if (i0 + v < a.rows && j0 + u < a.cols) tile[v][u] = load(x, (i0 + v) * a.cols + j0 + u);
    __syncthreads();
    for (int v = (int)threadIdx.x / 32; v < 32; v += 8)
        if (j0 + v < a.cols && i0 + u < a.rows) store(y, (j0 + v) * a.rows + i0 + u, tile[u][v]);
}
#endif
