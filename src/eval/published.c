// published.c -- numbers that papers and repositories print. Sources: repositories' READMEs and
// papers, read in November 2026. The tables of FaceShifter, SimSwap, Smooth-Swap and StyleSwap
// themselves could not be read, so their rows stand here as later work measured them.
#include "eval/published.h"

#define DANCER "FaceDancer, model zoo in its repository"
#define DANCER_NOTE                                                                                \
    "FaceForensics++ with CosFace; pose and expression by networks and in units of its own"
#define LATENT "LatentSwap, README of its repository"
#define LATENT_NOTE                                                                                \
    "FaceForensics++; some rows are copied from other papers; pose and expression in its own "     \
    "units"
#define ADAPTER      "Face-Adapter, arXiv 2405.12970, table 2"
#define ADAPTER_NOTE "FaceForensics++, measured again by its authors; another recogniser"

const eval_published eval_published_faceforensics[] = {
    {"FaceShifter", "retrieval", 0.9068, LATENT, LATENT_NOTE},
    {"FaceShifter", "retrieval", 0.8799, ADAPTER, ADAPTER_NOTE " (the released videos)"},
    {"SimSwap", "retrieval", 0.8973, LATENT, LATENT_NOTE},
    {"SimSwap", "retrieval", 0.9678, ADAPTER, ADAPTER_NOTE},
    {"SimSwap++", "retrieval", 0.9755, "SimSwap++, abstract", "FaceForensics++; pose is not told"},
    {"Deepfakes", "retrieval", 0.8839, LATENT, LATENT_NOTE},
    {"HifiFace", "retrieval", 0.9848, LATENT, LATENT_NOTE},
    {"HifiFace", "retrieval", 0.9426, ADAPTER, ADAPTER_NOTE},
    {"MegaFS", "retrieval", 0.9083, LATENT, LATENT_NOTE},
    {"RAFSwap", "retrieval", 0.9670, LATENT, LATENT_NOTE},
    {"InfoSwap", "retrieval", 0.9967, LATENT, LATENT_NOTE},
    {"InfoSwap", "retrieval", 0.9926, ADAPTER, ADAPTER_NOTE},
    {"LatentSwap", "retrieval", 0.9336, LATENT, LATENT_NOTE},
    {"BlendFace", "retrieval", 0.8991, ADAPTER, ADAPTER_NOTE},
    {"DiffSwap", "retrieval", 0.1916, ADAPTER, ADAPTER_NOTE},
    {"Face-Adapter", "retrieval", 0.9647, ADAPTER, ADAPTER_NOTE},
    {"FaceDancer A", "retrieval", 0.9814, DANCER, DANCER_NOTE},
    {"FaceDancer A", "pose", 3.61, DANCER, DANCER_NOTE},
    {"FaceDancer A", "expression", 9.82, DANCER, DANCER_NOTE},
    {"FaceDancer C", "retrieval", 0.9857, DANCER, DANCER_NOTE},
    {"FaceDancer C", "pose", 2.27, DANCER, DANCER_NOTE},
    {"FaceDancer C", "expression", 7.98, DANCER, DANCER_NOTE},
    {"FaceDancer E", "retrieval", 0.9738, DANCER, DANCER_NOTE},
    {"FaceDancer E", "pose", 2.07, DANCER, DANCER_NOTE},
    {"FaceDancer E", "expression", 5.73, DANCER, DANCER_NOTE},
    {0}};

#define DREAM "DreamID (SIGGRAPH Asia 2025), table 1"
#define DREAM_NOTE                                                                                 \
    "1000 pairs of FFHQ at 512, not CelebAMask-HQ; another recogniser and pose network"

const eval_published eval_published_portraits[] = {
    {"inswapper_128", "cosine_source", 0.65, DREAM, DREAM_NOTE},
    {"inswapper_128", "pose", 2.74, DREAM, DREAM_NOTE},
    {"SimSwap", "cosine_source", 0.55, DREAM, DREAM_NOTE},
    {"SimSwap", "pose", 3.21, DREAM, DREAM_NOTE},
    {"CSCS", "cosine_source", 0.68, DREAM, DREAM_NOTE},
    {"FaceDancer", "cosine_source", 0.48, DREAM, DREAM_NOTE},
    {"FaceDancer", "pose", 2.32, DREAM, DREAM_NOTE},
    {"DiffSwap", "cosine_source", 0.32, DREAM, DREAM_NOTE},
    {"Face-Adapter", "cosine_source", 0.52, DREAM, DREAM_NOTE},
    {"REFace", "cosine_source", 0.57, DREAM, DREAM_NOTE},
    {"DreamID", "cosine_source", 0.71, DREAM, DREAM_NOTE},
    {"DreamID", "pose", 2.20, DREAM, DREAM_NOTE},
    {0}};

bool eval_add_all_published(eval_report *r, const eval_published *p)
{
    bool ok = true;
    for (; ok && p->method; p++) ok = eval_add_published(r, *p);
    return ok;
}
