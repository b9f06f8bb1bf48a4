# a photo that is not there
$ guise detect nosuch.jpg
exit 1
err nosuch.jpg: cannot be opened: No such file

$ guise align nosuch.jpg -o out.png
exit 1
err nosuch.jpg: cannot be opened
no out.png

$ guise embed nosuch.jpg
exit 1
err nosuch.jpg: cannot be opened

$ guise align crop.png
exit 2
err say where to write

# not a photo, an empty one, half of one
$ echo hello >text.jpg; guise detect text.jpg
exit 1
err text.jpg is not a photo that can be read

$ : >empty.png; guise detect empty.png
exit 1
err empty.png is empty

$ head -c 100 grey.png >half.png; guise detect half.png
exit 1
err half.png

# a detector that is no network
$ guise detect grey.png --detector text.jpg
exit 1
err text.jpg

$ echo hello >bad.onnx; guise detect grey.png --detector bad.onnx
exit 1
err bad.onnx

# a name that is none
$ guise detect grey.png --detector nosuch
exit 1
err there is no detector 'nosuch': it is no file here

$ guise convert nosuch.pth out.safetensors
exit 1
err nosuch.pth: cannot be opened
no out.safetensors

$ echo hello >bad.pth; guise convert bad.pth out.safetensors
exit 1
err bad.pth
no out.safetensors

$ printf '\377\377\377\377\377\377\377\177{}' >lies.safetensors; guise convert lies.safetensors out.safetensors
exit 1
err lies.safetensors
no out.safetensors

$ guise convert tiny.safetensors nodir/out.safetensors
exit 1
err nodir/out.safetensors: cannot be written

# there and back: same tensors, and the card with where it came from
$ guise convert tiny.safetensors again.safetensors && guise convert again.safetensors third.safetensors && grep -ac guise.source_sha256 third.safetensors
out ^1$

$ guise convert tiny.safetensors a.safetensors && guise net run simswap --set width=2 --set depth=1 --set blocks=1 --set latent=4 --weights tiny.safetensors --in in.safetensors --out o1.safetensors >/dev/null && guise net run simswap --set width=2 --set depth=1 --set blocks=1 --set latent=4 --weights a.safetensors --in in.safetensors --out o2.safetensors >/dev/null && cmp o1.safetensors o2.safetensors && echo same
out ^same$

# half precision is about half as large
$ guise convert tiny.safetensors half.safetensors --half && [ $(wc -c <half.safetensors) -lt $(wc -c <tiny.safetensors) ] && grep -aq '"F16"' half.safetensors && echo smaller
out ^smaller$

# what is where
$ guise models
out ^yunet_n_dynamic.onnx

$ guise models --json -
json
out "licence": "Apache-2.0"

# a known file with other bytes is noticed
$ mkdir m; echo hello >m/yunet_n_dynamic.onnx; GUISE_MODELS=m guise models
exit 1
out ^yunet_n_dynamic.onnx +changed
err m/yunet_n_dynamic.onnx: these are not the known bytes

# so is one of ours
$ mkdir w; cp tiny.safetensors w; (cd w; sha256sum tiny.safetensors >SHA256SUMS); GUISE_WEIGHTS=w guise models | grep -A3 ^tiny
out ^tiny +ok
out SHA-256 [0-9a-f]{64}

$ mkdir v; cp tiny.safetensors v; echo "0000000000000000000000000000000000000000000000000000000000000000  tiny.safetensors" >v/SHA256SUMS; GUISE_WEIGHTS=v guise models
exit 1
out ^tiny +changed
err v/tiny.safetensors: these are not the known bytes

$ guise doctor --json -
json
out "gflops": [0-9]
out "backend": "CPU"

$ guise doctor --json report.json | grep -c GFLOP && wc -l <report.json | grep -c '[0-9][0-9]'
out ^1$

$ guise models --json nodir/r.json
exit 1
err nodir/r.json: cannot be written

# a pipe or a device is written to, not replaced by a file
$ mkfifo pipe; cat pipe >got.json & guise models --json pipe; wait; test -p pipe && grep . got.json
out \[

$ guise models --json /dev/stdout | grep .
out \[

# no face at any score
need models
$ guise detect grey.png --score 0 --detector yunet_n_dynamic.onnx
exit 1
err needed is 0.60

$ echo old >real.json; ln -s real.json link.json; guise models --json link.json; test -L link.json && grep . real.json
out \[

$ guise models --json /dev/full
exit 1
err writing failed

$ guise detect nosuch.jpg --json - >/dev/full
exit 1
err nosuch

$ guise models >/dev/full
exit 1
err cannot be written

$ guise models --json nosuch/dir/x.json
exit 1
err No such file or directory

# the mean of two files of weights
$ guise convert tiny.safetensors a.safetensors && guise convert tiny.safetensors m.safetensors --mix a.safetensors && S='--set width=2 --set depth=1 --set blocks=1 --set latent=4 --in in.safetensors'; guise net run simswap $S --weights a.safetensors --out o1.safetensors >/dev/null && guise net run simswap $S --weights m.safetensors --out o2.safetensors >/dev/null && cmp o1.safetensors o2.safetensors && echo same
out same

$ guise convert tiny.safetensors x.safetensors --mix in.safetensors
exit 1
err no common
no x.safetensors
