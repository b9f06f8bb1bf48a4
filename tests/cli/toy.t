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

# DeepFakes of two people: both ways, and the same bits after a stop
$ D='deepfakes-toy --a toys/faces/toy-0000 --b toys/faces/toy-0001 --decay 0 --sample_every 2 --batch 2'; guise train $D --out whole --steps 4 && guise train $D --out parts --steps 2 && guise train $D --out parts --steps 4 --resume && for f in generator generator-b; do cmp whole/$f.safetensors parts/$f.safetensors; done; cmp whole/generator.safetensors whole/generator-b.safetensors; ls whole/samples
out step 4/4
err resuming with changed options
out generator.safetensors whole/generator-b.safetensors differ
out step-000000004.jpg

$ guise swap --aligned -w whole/generator-b.safetensors crop.png -o made.png
out 1 of 1 face swapped by generator-b at 32 pixels

$ guise swap --aligned -w whole/generator.safetensors crop.png crop.png -o none.png
exit 2
err takes no source
no none.png

$ guise eval toy --data toys/faces --weights whole/generator.safetensors --pair true --pairs 3
out distance to the right swap

$ guise train deepfakes-toy --a toys/faces/toy-0000 --out none --steps 1
exit 2
err a=DIR and b=DIR

$ guise train deepfakes-toy --a toys/faces/toy-0000 --b toys/nobody --out none2 --steps 1
exit 1
err there is no folder toys/nobody
