# a whole swap by weights of ours alone: generator, detector, recogniser, mask
$ HOME= GUISE_MODELS= GUISE_WEIGHTS=own guise swap grey.png grey.png -o out.png
out out.png: 1 of [0-9]+ faces? swapped by tiny at 16 pixels

$ HOME= GUISE_MODELS= GUISE_WEIGHTS=own guise detect grey.png
out ^face 1: score 0\.9

$ HOME= GUISE_MODELS= GUISE_WEIGHTS=own guise embed grey.png -o own.safetensors && grep -aq guise.space own.safetensors && echo saved
out face-id, 4 numbers
out ^saved$

$ HOME= GUISE_MODELS= GUISE_WEIGHTS=own guise align grey.png -o a.png -s 64 && HOME= GUISE_MODELS= GUISE_WEIGHTS=own guise compose grey.png grey.png -o c.png --size 64
out c.png: a face of 2 photos

# a face saved by ours is one that the generator takes
$ HOME= GUISE_MODELS= GUISE_WEIGHTS=own guise embed grey.png -o own.safetensors >/dev/null && GUISE_WEIGHTS=own guise swap own.safetensors grey.png -o out.png
out swapped by tiny

# of several generators the one of the largest pictures
$ mkdir r; cp own/*.safetensors r; LC_ALL=C sed 's/"guise.size":"16"/"guise.size":"32"/' own/tiny.safetensors >r/zoo.safetensors; HOME= GUISE_MODELS= GUISE_WEIGHTS=r guise swap grey.png grey.png -o out.png
out swapped by zoo at 32 pixels

# vectors of one space compare
$ cp own/face-id.safetensors twin.safetensors && HOME= GUISE_MODELS= GUISE_WEIGHTS=own guise embed crop.png --aligned arcface --recogniser twin.safetensors -o twin-face.safetensors >/dev/null && GUISE_WEIGHTS=own guise swap twin-face.safetensors grey.png -o out.png
out swapped by tiny

# by name, and by file
$ HOME= GUISE_MODELS= GUISE_WEIGHTS=own guise embed grey.png --detector face-detector --recogniser own/face-id.safetensors
out face-id, 4 numbers

$ GUISE_WEIGHTS=own guise swap grey.png grey.png --recogniser nosuch -o none.png
exit 1
err there is no recogniser 'nosuch'
no none.png

# a recogniser of another space
$ mkdir p; LC_ALL=C sed s/face_reid_0095/face_reid_0096/ own/face-id.safetensors >p/face-id.safetensors; GUISE_WEIGHTS=own guise swap grey.png grey.png --recogniser p/face-id.safetensors -o none.png
exit 2
err takes identities of face_reid_0095, not of face-id
no none.png

# ours of another space is passed over where the generator's own is not found
$ mkdir q; cp own/face-detector.safetensors own/tiny.safetensors q; LC_ALL=C sed s/face_reid_0095/face_reid_0096/ own/face-id.safetensors >q/face-id.safetensors; HOME= GUISE_MODELS= GUISE_WEIGHTS=q guise swap grey.png grey.png -o none.png
exit 1
err no recogniser was found that makes identities of face_reid_0095
no none.png

# not a generator, though it lies in weights and has a card
$ GUISE_WEIGHTS=own guise swap --model face-id grey.png grey.png -o none.png
exit 1
err face-id
no none.png

# masks
$ for m in network oval box; do GUISE_WEIGHTS=own guise swap grey.png grey.png --mask $m -o m-$m.png >/dev/null || exit; done; GUISE_WEIGHTS=own guise swap grey.png grey.png -o m.png >/dev/null; cmp -s m.png m-network.png && echo default; cmp -s m.png m-oval.png || cmp -s m.png m-box.png || echo others
out ^default$
out ^others$

$ GUISE_WEIGHTS=own guise swap grey.png grey.png --mask nosuch -o none.png
exit 2
err there is no mask 'nosuch'; there are: network, oval, box
no none.png

$ GUISE_WEIGHTS=own guise swap grey.png grey.png -o l.png >/dev/null && GUISE_WEIGHTS=own guise swap grey.png grey.png --plain -o pl.png >/dev/null; cmp -s l.png pl.png || echo differ
out ^differ$

# what lies in weights, whatever it is
$ GUISE_WEIGHTS=own guise models
out ^face-detector +unknown .*detector: face-detector
out ^face-id +unknown .*recogniser: face-id at 112 pixels
out ^face-mask +unknown .*face mask: face-mask at 64 pixels
out ^tiny +unknown .*generator: simswap at 16 pixels
out licence: none: made for a test

# with the numbers of its card
$ mkdir n; cp own/face-id.safetensors n; printf '# a\n\n## Numbers\n\nOn nobody.\n\n| measure | value |\n| --- | --- |\n| right | 96.5 %% |\n| false | 1 |\n\n## Recipe\n\n| x | y |\n' >n/face-id.md; GUISE_WEIGHTS=n guise models | grep -A3 ^face-id
out numbers: right 96.5 %; false 1$

$ GUISE_WEIGHTS=n guise models --json -
json
out "numbers": "right 96.5 %; false 1"

# a changed byte: named by guise models, and not used
$ for f in face-detector face-id face-mask tiny; do mkdir x-$f; cp own/* x-$f; (cd x-$f; sha256sum *.safetensors >SHA256SUMS; printf X | dd of=$f.safetensors bs=1 seek=$(($(wc -c <$f.safetensors) - 3)) conv=notrunc 2>/dev/null); GUISE_WEIGHTS=x-$f guise models 2>&1 >/dev/null | grep -q "x-$f/$f.safetensors: these are not the known bytes" && echo "$f noticed"; GUISE_WEIGHTS=x-$f HOME= GUISE_MODELS= guise swap grey.png grey.png -o none.png 2>&1 | grep -o "x-$f/$f.safetensors: these are not the known bytes"; done
out ^face-detector noticed$
out ^face-id noticed$
out ^face-mask noticed$
out ^tiny noticed$
out ^x-face-detector/face-detector.safetensors: these
out ^x-face-id/face-id.safetensors: these
out ^x-face-mask/face-mask.safetensors: these
out ^x-tiny/tiny.safetensors: these
no none.png

# one of others that is known by its bytes
$ mkdir k; echo hello >k/yunet_n_dynamic.onnx; guise detect grey.png --detector k/yunet_n_dynamic.onnx
exit 1
err k/yunet_n_dynamic.onnx: these are not the known bytes

# where there is nothing at all
$ mkdir bare; cp "$program" bare/guise; cp grey.png bare; cd bare; HOME= GUISE_MODELS= GUISE_WEIGHTS= ./guise detect grey.png
exit 1
err no face detector was found: face-detector.safetensors belongs into weights/

$ cd bare; HOME= GUISE_MODELS= GUISE_WEIGHTS= ./guise embed --aligned arcface grey.png
exit 1
err 320 x 240; an aligned crop must be square

$ cp crop.png bare; cd bare; HOME= GUISE_MODELS= GUISE_WEIGHTS= ./guise embed --aligned arcface crop.png
exit 1
err no recogniser was found that makes identities of face_reid_0095: face-id.safetensors belongs

$ cd bare; HOME= GUISE_MODELS= GUISE_WEIGHTS= ./guise swap grey.png grey.png -o none.png
exit 1
err no generator was found; name one with --weights

$ cp own/tiny.safetensors face.safetensors bare; cd bare; HOME= GUISE_MODELS= GUISE_WEIGHTS= ./guise swap -w tiny.safetensors face.safetensors grey.png --mask network -o none.png
exit 1
err no face mask was found: face-mask.safetensors belongs
