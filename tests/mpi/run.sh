#!/bin/bash
# run.sh GUISE PREPARE -- training by several processes under mpirun: the same as by one, resumed by
# more and by fewer, stopped, and with a process killed. Status 77: there is no mpirun here, or guise
# was built without MPI.
set -u
guise=$(realpath "$1") prepare=$(realpath "$2")
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun here"; exit 77; }
[ -f "$(dirname "$guise")/guise-mpi.so" ] || { echo "skipped: guise was built without MPI"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
"$prepare" . || exit 1

# Machines for tests are containers: root, and fewer processors than processes. Open MPI 4 and 5.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl_base_warn_component_unused=0
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive GUISE_TUNE=none
# Open MPI keeps memory that parts of it took which are gone at the end; test_team.c looks for ours.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

total=0 bad=0
check() { # WHAT COMMAND...
    total=$((total + 1))
    "${@:2}" && return
    bad=$((bad + 1))
    echo "FAILED: $1"
    [ ! -f err ] || sed 's/^/    /' err | head -20
}
# Steps that do not blow rounding up: see test_team.c.
recipe="simswap-toy --data faces --recogniser teacher.onnx --warmup 0 --decay 0 --batch 4
        --lr 1e-3 --eps 1e-3 --log_every 1"
train() { timeout 120 "$guise" train $recipe "$@" >out 2>err; }
many() { timeout 120 mpirun -n "$1" "$guise" train $recipe "${@:2}" >out 2>err; }
# Losses of two logs agree to 1e-4, row by row; there are so many rows.
alike() { # LOG LOG ROWS
    paste -d, "$1" "$2" | awk -F, -v rows="$3" '
        NR == 1 { for (i = 1; i <= NF / 2; i++) if ($i == "loss") at = i; n = NF / 2; next }
        { d = $at - $(n + at); if (d < 0) d = -d
          if ($1 != $(n + 1) || $at == 0 || d > 1e-4 * $at) bad = 1 }
        END { exit bad || NR != rows + 1 || !at }'
}
says() { grep -Eq -- "$1" err; }

check "one process" train --out one --steps 4
check "two processes" many 2 --out two --steps 4
check "two are as one" alike one/log.csv two/log.csv 4
check "only one of them speaks" [ "$(grep -c 'step 4/4' out)" = 1 ]

check "one begins" train --out grows --steps 2
check "two go on" many 2 --out grows --steps 4 --resume
check "as if it had been one" alike one/log.csv grows/log.csv 4
check "two begin" many 2 --out shrinks --steps 2
check "one goes on" train --out shrinks --steps 4 --resume
check "as if it had been one all along" alike one/log.csv shrinks/log.csv 4

check "uneven shares are refused" eval '! many 2 --out uneven --steps 1 --batch 3'
check "and it says why" says 'cannot be shared evenly by 2 processes'

# A run that goes on until something happens to it; its processes in $ranks, first one first.
begin() { # DIR
    mpirun -n 2 "$guise" train $recipe --out "$1" --steps 100000 --save_every 5 --log_every 5 \
        --sample_every 0 >out 2>err &
    launcher=$!
    for _ in $(seq 600); do
        [ -f "$1/checkpoint-000000010.safetensors" ] && break
        sleep 0.1
    done
    ranks=
    for k in 0 1; do
        for p in /proc/[0-9]*; do
            [ "$p/exe" -ef "$guise" ] && [ "$p/cwd" -ef . ] || continue
            tr '\0' '\n' <"$p/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$k" && ranks="$ranks ${p#/proc/}"
        done
    done
}
left() { # anybody? Ended ones that nobody has asked about (Z) are not there any more
    for p in $ranks; do
        grep -Eqs '^State:\s+[^ZX]' "/proc/$p/status" && return 0
    done
    return 1
}
ended() { # STATUS is not 0, and soon nobody is left
    [ "$1" -ne 0 ] || return 1
    for _ in $(seq 50); do
        left || return 0
        sleep 0.1
    done
    return 1
}
goes_on() { # DIR: nothing is half-written, and the last checkpoint serves
    [ -z "$(find "$1" -name '*.part*')" ] || return 1
    last=$(ls "$1" | sed -n 's/checkpoint-0*\([0-9]*\).*/\1/p' | sort -n | tail -1)
    train --out "$1" --resume --steps $((last + 1)) && grep -q "step $((last + 1))/" out
}

begin lost
check "two processes run" [ "$(echo $ranks | wc -w)" = 2 ]
kill -KILL "${ranks##* }"
wait $launcher
check "a killed process ends the run" ended $?
check "which says so" says 'told to end while it waits.*last checkpoint in lost is whole'
check "and can go on" goes_on lost

begin stopped
kill -INT "${ranks##* }"
wait $launcher
check "one that is told to stop stops all" ended $?
check "with a word" says 'stopped; add --resume to go on with stopped'
check "and can go on" goes_on stopped

begin interrupted
kill -INT $launcher
wait $launcher
check "Ctrl-C ends all" ended $?
check "and the run can go on" goes_on interrupted

export OMPI_COMM_WORLD_SIZE=2 GUISE_MODULES=nowhere
check "without the module" eval '! train --out none --steps 1'
check "it says what to install" says 'cannot be joined.*install Open MPI'
unset OMPI_COMM_WORLD_SIZE
check "doctor knows" eval '"$guise" doctor 2>err | grep -q "^processes  *none: .*install Open MPI"'
unset GUISE_MODULES
check "doctor knows" eval '"$guise" doctor 2>err | grep -q "^processes  *mpirun -n N"'

echo "$total checks, $bad failed"
[ $bad -eq 0 ]
