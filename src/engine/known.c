// known.c -- networks of others that we can use: who may use them, and their exact bytes.
#include "engine/engine.h"

const known_model known_models[] = {
    {"yunet_n_dynamic.onnx", "detector: finds faces and five points (Wu et al. 2023)", "Apache-2.0",
     "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12"},
    {"yunet_n_640_640.onnx", "detector, for pictures of 640 x 640 only", "Apache-2.0",
     "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31"},
    {"face_reid_0095.onnx", "recogniser: identities of 256 numbers", "Apache-2.0",
     "602e4ccbfbeda477eebcdb62cd8977a1551c6d8b7ccadbfccbb82ac0cef14798"},
    {"mobilefacenet.onnx", "recogniser, kept for measuring: never train against it",
     "non-commercial research", "953b80f371e8192323d04a3d7aa13323812e9182bc1706a4d5ee8e664d1b3ef7"},
    {"headpose_adas_0001.onnx", "head pose, for measuring", "Apache-2.0",
     "f1ca5a2bd29a30b844784bb65117a29870d0c6340da19d74fb4b15b62e6482a5"},
    {"3ddfa_mb05_120x120.onnx", "pose, shape and expression, for measuring", "MIT",
     "1804376f99a3b17a7b30fcc51467002d947773fe5503c187e35d95ea03448f00"},
    {0}};
