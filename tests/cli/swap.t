# aligned crops and a saved face need nothing but the generator
$ guise swap --aligned -w tiny.safetensors face.safetensors crop.png -o out.png
out out.png: 1 of 1 face swapped by tiny at 16 pixels

# of several sources the mean
$ guise swap --aligned -w tiny.safetensors face.safetensors face.safetensors crop.png -o two.png && guise swap --aligned -w tiny.safetensors face.safetensors crop.png -o one.png && cmp one.png two.png && echo same
out ^same$

# the result says what it is, in each format
$ for f in png jpg webp tif; do guise swap --aligned -w tiny.safetensors face.safetensors crop.png -o m.$f >/dev/null; grep -aq compositeWithTrainedAlgorithmicMedia m.$f || echo "$f has no mark"; done; echo all
out ^all$

$ guise swap --aligned -w tiny.safetensors face.safetensors crop.png -o out.png --json -
json
out "model": "tiny"
out "swapped": 1

# lower precision, where this machine has any
$ guise swap --aligned --fast -w tiny.safetensors face.safetensors crop.png -o fast.png
out fast.png: 1 of 1 face swapped by tiny

# found by its name
$ GUISE_WEIGHTS=. guise swap --aligned --model tiny face.safetensors crop.png -o out.png
out by tiny

$ guise swap --aligned --model nosuch face.safetensors crop.png -o none.png
exit 1
err there is no generator 'nosuch'; see guise models
no none.png

$ guise swap --aligned -w face.safetensors face.safetensors crop.png -o none.png
exit 1
err face.safetensors: is no generator of ours
no none.png

$ guise swap --aligned -w crop.png face.safetensors crop.png -o none.png
exit 1
err crop.png

# a saved face of another recogniser, a generator in place of a face
$ guise swap --aligned -w tiny.safetensors other.safetensors crop.png -o none.png
exit 2
err tiny takes identities of face_reid_0095 \(4 numbers\), not of another
no none.png

$ guise swap --aligned -w tiny.safetensors tiny.safetensors crop.png -o none.png
exit 1
err tiny.safetensors: is no saved face
no none.png

$ guise swap --aligned -w tiny.safetensors face.safetensors wide.png -o none.png
exit 1
err 40 x 24; an aligned crop must be square
no none.png

$ guise swap --aligned -w tiny.safetensors face.safetensors nosuch.png -o none.png
exit 1
err nosuch.png: cannot be opened

$ guise swap --aligned -w tiny.safetensors face.safetensors crop.png -o none.xyz
exit 2
err none.xyz has no extension of a photo
no none.xyz

$ guise swap --aligned -w tiny.safetensors face.safetensors crop.png -o nodir/out.png
exit 1
err nodir/out.png: cannot be written

$ guise swap -w tiny.safetensors face.safetensors crop.png
exit 2
err say where to write

$ guise swap -w tiny.safetensors crop.png -o none.png
exit 2
err a swap needs at least one source
no none.png

$ guise swap -w tiny.safetensors face.safetensors crop.png -o none.png --all --reference crop.png
exit 2
err reference goes neither with all nor with aligned
no none.png

# photos without a face
need models
$ guise swap -w tiny.safetensors face.safetensors grey.png -o none.png
exit 1
err grey.png: no face found; the best score was 0\.[0-9]+, needed is 0.60
no none.png

need models
$ guise detect grey.png
exit 1
err grey.png: no face found; the best score was

need models
$ guise detect grey.png --json - 2>/dev/null
exit 1
json
out "faces": \[\]

need models
$ guise embed grey.png -o none.safetensors
exit 1
err grey.png: no face found
no none.safetensors

# identity of an aligned crop, saved and read
need models
$ R=face_reid_0095.onnx; guise embed crop.png --recogniser $R --aligned arcface -o saved.safetensors && guise embed crop.png other.jpg --recogniser $R --aligned arcface --json -
out face_reid_0095

$ guise compose crop.png -o none.png
exit 2
err it takes PHOTO PHOTO

$ guise compose crop.png other.jpg
exit 2
err say where to write

need models
$ guise compose grey.png crop.png -o none.png
exit 1
err grey.png: no face found
no none.png

# options that an aligned crop does not need
$ guise swap --aligned --all -w tiny.safetensors face.safetensors crop.png -o none.png
exit 2
err all goes not with them
no none.png

$ guise embed grey.png -o grey.jpg
exit 2
err a saved face is named
no grey.jpg
