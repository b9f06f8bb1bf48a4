$ guise toy toys --people 0
exit 2
err 1..9999 people
no toys

$ guise toy toys --people 40 --photos 1 --size 48 --seed 4 --json -
json
out "people": 40
err judge.onnx: cosine 0\.[5-9]

$ cat toys/faces/toy-0039/0000.png toys/teacher.onnx toys/judge.onnx | wc -c; cat toys/faces_landmarks5.txt | wc -l
out ^41$

$ guise train simswap-toy --data toys/faces --recogniser toys/teacher.onnx --measure toys/judge.onnx --out run --steps 12 --log_every 6 --id_ramp 4 --warmup 4
out step 12/12

$ guise eval toy --data toys/faces --recogniser toys/teacher.onnx --weights run/generator.safetensors --judge toys/judge.onnx --sheet sheet.png --pairs 3
out distance to the right swap
out cosine to source by the judge

$ wc -c < sheet.png
out [0-9]{4}

$ guise eval toy --data toys/faces --weights run/generator.safetensors --pairs 0
exit 2
err 1..4000

$ guise eval toy --data run --weights run/generator.safetensors
exit 1
err run_landmarks5.txt
