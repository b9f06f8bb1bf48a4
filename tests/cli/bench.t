$ guise bench net simswap --set width=4 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 2
out simswap: median .* runs within
out a large matrix product
out % .* conv2d$
out conv2d \[1,8,8,8\]: .

$ guise bench net tiny.safetensors
exit 2
err there is no network

$ guise bench net simswap --set width=4 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 2 --threads 1 --batch 2 --json -
json
out "threads": 1,
out "machine_gflops": [1-9]
out "runs": 2,

# parts of planning left out, and lower precision
$ guise bench net simswap --set width=4 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 1 --without chains,winograd,measure --json -
json
out "what": "add"
out "error": 0.0,

$ guise bench net simswap --set width=4 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 1 --without fusion
exit 2
err 'fusion' is no step of planning; there are norms, fixed, epilogue

$ guise bench net simswap --set width=4 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 1 --fast
out median

# the places where choices are kept
$ export GUISE_TUNE=$T/tune; guise bench net simswap --set width=16 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 1 2>&1; grep -c ^guise tune; guise bench net simswap --set width=16 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 1 2>&1 | grep -c measuring
exit 1
out ^measuring which convolutions
out ^[1-9]
out ^0$

$ unset GUISE_TUNE; export XDG_CACHE_HOME=$T/cache; guise bench net simswap --set width=16 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 1 2>/dev/null; test -s cache/guise/algorithms && echo kept
out ^kept$

$ unset GUISE_TUNE; export XDG_CACHE_HOME=$T/crop.png; guise bench net simswap --set width=16 --set depth=1 --set blocks=1 --set latent=4 --size 16 --runs 1
out median

$ guise bench step simswap --set generator_options='width=4 blocks=1 depth=1' --set discriminator_options=width=4 --set scales=1 --size 64 --batch 2 --runs 1 --save step.safetensors && grep -aq '"loss.d_real"' step.safetensors && grep -aq '"batch.target"' step.safetensors && echo saved
out % .* generator step$
out % .* discriminator step$
out ^saved$

$ guise bench step nosuch
exit 2
err there is no recipe 'nosuch'

$ guise bench step simswap --size 7
exit 2
err size lies in 16..1024

$ guise bench swap crop.png nosuch.png
exit 1
err nosuch.png

$ guise bench swap crop.png
exit 2
err say SOURCE and TARGET

$ guise bench net simswap --runs 0
exit 2
err --runs is at least 1

$ guise bench paint simswap
exit 2
err say net, step or swap, not 'paint'
