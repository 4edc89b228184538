#!/bin/sh
# gate.sh GRID BASELINE: is this build slower or hungrier than BASELINE?
#   BASELINE is the folder of another build, another worker or another grid: it is measured in turns with this one.
#   Or it is results or stored baselines of another time: this build is measured alone and compared with them.
set -eu
grid=$1
baseline=$2
perftune=${PERFTUNE:-perftune}
out=${OUT:-results/gate}
doubt=${ON_INCONCLUSIVE:-pass}

# What an earlier job has left is no verdict on this one.
mkdir -p "$out"
rm -f "$out/verdict.json" "$out/junit.xml" "$out/summary.md" "$out/annotations.txt"

# A gate that cannot fire is worse than none: here with the grid's own alpha and floors.
# What it does then is no verdict: 2, and not the 1 of a regression.
"$perftune" check --self-test --gate "$grid" || { code=$?; [ "$code" -ne 1 ] || code=2; exit "$code"; }

code=0
if [ -e "$baseline/manifest.json" ] || [ -e "$baseline/baseline.json" ]; then
    "$perftune" run "$grid" --repeat "${REPEAT:-5}" --fresh --out "$out/candidate" > "$out/run.txt" || code=$?
    # 3: a run failed. The gate then says 5, and which.
    if [ "$code" -ne 0 ] && [ "$code" -ne 3 ]; then exit "$code"; fi
    code=0
    "$perftune" check "$baseline" "$out/candidate" --on-inconclusive "$doubt" \
        --write json="$out/verdict.json" || code=$?
else
    "$perftune" run "$grid" --against "$baseline" --blocks "${BLOCKS:-10}" --fresh --out "$out" \
        --on-inconclusive "$doubt" || code=$?
fi
# Without a verdict something was wrong before anything could be judged.
[ -e "$out/verdict.json" ] || exit "$code"

# Reports are made from the verdict, as often as you like; on GitHub this also appends the summary of the step.
"$perftune" check "$out/verdict.json" --on-inconclusive "$doubt" --format github \
    --write junit="$out/junit.xml" --write markdown="$out/summary.md" > "$out/annotations.txt" || true
[ -z "${GITHUB_ACTIONS:-}" ] || cat "$out/annotations.txt"
exit "$code"
