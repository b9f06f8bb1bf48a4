$ guise eval --list
out ^swap
out ^frames
out ^pairs

$ guise eval --list --json -
json
out "name": "swap"

$ guise eval swap --list
out --pairs +500
out --gallery

$ guise eval swap --list --json -
json
out "name": "people"

$ guise eval nosuch --data .
exit 2
err there is no suite 'nosuch'

$ guise eval nosuch --list
exit 2
err there is no suite 'nosuch'

$ guise eval swap
exit 2
err say where photos are with --data

$ guise eval swap --data . --weights tiny.safetensors --pairs 1
exit 2
err 2..100000

$ guise eval swap --data . --weights tiny.safetensors --people some
exit 2
err held-out or all

$ guise eval swap --data . --weights tiny.safetensors --nosuch 1
exit 2
err there is no option 'nosuch'

$ guise eval swap --data . --weights tiny.safetensors --resume
exit 2
err resuming needs the folder

$ guise eval swap --data . --weights nosuch.safetensors
exit 1
err nosuch.safetensors

# photos are looked for only after networks were found; nothing is written
$ GUISE_MODELS=$T HOME=$T guise eval swap --data . --weights tiny.safetensors --recogniser none.onnx
exit 1
err onnx
no report.json

$ guise eval identity --list
out make_pairs +1500

$ guise eval identity --data nowhere --embedder none.onnx
exit 1
err nowhere: cannot be

# a swap generator makes no identities; it can be named by its file
$ mkdir -p people/a people/b && cp crop.png people/a/1.png && cp crop.png people/a/2.png && cp crop.png people/b/1.png && cp crop.png people/b/2.png && guise eval identity --data people --model tiny.safetensors --everybody yes --folds 1 --make-pairs 1
exit 1
err tiny.safetensors holds a generator, simswap, which makes no identity vectors

$ guise eval smooth --data people --embedder tiny.safetensors --pairs 0
exit 2
err pairs lie in 1..100000

$ guise eval speed --generators tiny.safetensors --runs 1 --json -
json
err 1 of 1

$ guise eval speed --runs 0
exit 2
err runs lie in 1..1000

$ guise eval ablation --data people
exit 2
err --generators or --runs

$ guise eval faceforensics --data people
exit 1
err original_sequences/youtube/c23/images is not there

$ guise eval celeba --data people --weights tiny.safetensors --pairs 0
exit 2
err pairs lie in 1..100000
