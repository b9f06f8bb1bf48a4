$ guise net list
out ^simswap +SimSwap generator
out ^patchgan

$ guise net list --json -
json
out "name": "simswap"

$ guise net info simswap --size 64
out in  img \[1,3,64,64\]
out out out \[1,3,64,64\]
out 55051779 parameters
out --set blocks=9

$ guise net info simswap --set width=4 --set depth=1 --set blocks=1 --json -
json
out "macs": [1-9]

# no small swapper costs more than 6 GMAC at 256 pixels
$ for n in simswap aei ncsnpp styleswap; do guise net info $n:small --size 256 | grep -c ' [0-5]\.[0-9]* GMAC'; done | sort | uniq -c
out ^ *4 1$

$ guise net info simswap:small --set blocks=1 --size 32
out out out \[1,3,32,32\]

$ guise net info simswap:tiny
exit 2
err there is no network 'simswap:tiny'

$ guise net sizes simswap
exit 2
err sizes takes no argument

$ guise net info simswap --size 30
exit 1
err wants img

$ guise net info simswap --size 100000
exit 2
err size lies in

$ guise net info simswap --set nosuch=1
exit 2
err there is no option 'nosuch'; there are: variant

$ guise net info nosuch
exit 2
err there is no network 'nosuch'; see guise net list

$ guise net info
exit 2
err say which network

$ guise net paint
exit 2
err say list, sizes, info, run or export, not 'paint'

$ guise net list extra
exit 2
err list takes no argument

$ guise net run simswap
exit 2
err say where inputs are

# a run from initial values, the same twice, another one with another seed
$ for i in 1 1 2; do guise net run simswap --set width=2 --set depth=1 --set blocks=1 --set latent=4 --seed $i --in in.safetensors --out o$i.safetensors; cp o$i.safetensors p$i.safetensors; done; cmp o1.safetensors p1.safetensors && ! cmp -s o1.safetensors o2.safetensors && echo good
out ^good$

$ guise net run simswap --set width=2 --set depth=1 --set blocks=1 --set latent=4 --in in.safetensors --out o.safetensors --grad out --train && for t in '"out"' '"grad.img"' '"grad.id"' '"grad.first_layer.1.weight"' '"first_layer.2.running_mean"'; do grep -aq "$t" o.safetensors || echo "no $t"; done
out tensors written

$ guise net run simswap --set width=2 --set depth=1 --set blocks=1 --set latent=4 --in in.safetensors --out o.safetensors --json -
json
out "outputs": 1,

$ guise net run simswap --set width=2 --set depth=1 --set blocks=1 --set latent=4 --in in.safetensors --out none.safetensors --grad nosuch
exit 2
err simswap has no output 'nosuch'
no none.safetensors

# inputs that do not fit, are not there, or are no tensors
$ guise net run simswap --in in.safetensors --out none.safetensors
exit 1
err simswap: wants img .* not \[1,3,16,16\] and \[1,4\]
no none.safetensors

$ guise net run simswap --in face.safetensors --out none.safetensors
exit 1
err img
no none.safetensors

$ guise net run simswap --in nosuch.safetensors --out none.safetensors
exit 1
err nosuch.safetensors: cannot be opened

$ guise net run simswap --in crop.png --out none.safetensors
exit 1
err crop.png

# weights of another network
$ guise net run simswap --set width=2 --set depth=1 --set blocks=1 --set latent=4 --weights face.safetensors --in in.safetensors --out none.safetensors
exit 1
err face.safetensors: has no tensor 'first_layer.1.weight'

$ guise net run simswap --set width=3 --set depth=1 --set blocks=1 --set latent=4 --weights tiny.safetensors --in in.safetensors --out none.safetensors
exit 1
err tiny.safetensors: .*first_layer.1.weight

$ guise net run nosuch.onnx --in in.safetensors --out none.safetensors
exit 1
err nosuch.onnx: cannot be opened

# as ONNX, and that read as a network
$ guise net export simswap --set width=4 --set depth=1 --set blocks=1 --set latent=4 --weights tiny.safetensors --size 16 --out bad.onnx
exit 1
err tiny.safetensors
no bad.onnx

$ S='--set width=2 --set depth=1 --set blocks=1 --set latent=4'; guise net export simswap $S --weights tiny.safetensors --size 16 --out tiny.onnx && guise net run simswap $S --weights tiny.safetensors --in in.safetensors --out a.safetensors && guise net run tiny.onnx --in in.safetensors --out b.safetensors && guise convert tiny.onnx back.safetensors && guise net run simswap $S --weights back.safetensors --in in.safetensors --out c.safetensors && cmp a.safetensors c.safetensors && test $(stat -c %s b.safetensors) -gt 3000 && echo good
out ^tiny.onnx written$
out ^good$

$ guise net export simswap --set width=2 --set depth=1 --set blocks=1 --set latent=4 --size 16 --batch 2 --out two.onnx && guise net info two.onnx
out in  img \[2,3,16,16\]

$ guise net export simswap
exit 2
err say where to write

$ guise net export arcface-se --set layers=18 --only unit --out unit.onnx && guise net info unit.onnx | grep -c '  out '
out ^1$

$ guise net export arcface-se --set layers=18 --only nosuch --out none.onnx
exit 2
err arcface-se has no output 'nosuch'
no none.onnx

# what would do nothing is refused
$ guise net info simswap --weights nosuch.safetensors --size 32
exit 1
err nosuch.safetensors

$ guise net export nosuch.onnx --set width=4 -o y.onnx
exit 2
err neither weights, options nor train go with an ONNX file
no y.onnx

$ guise net export simswap --grad out -o y.onnx
exit 2
err --grad with run alone
no y.onnx
