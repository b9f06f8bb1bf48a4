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
