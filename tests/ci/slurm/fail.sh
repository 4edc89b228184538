#!/usr/bin/env bash
# Makes a part of the cluster of up.sh fail, or brings it back.
#   fail.sh FOLDER power NODE      its slurmd, its tasks and all that they have started die at once
#   fail.sh FOLDER daemon NODE     its slurmd alone dies: its tasks go on, and the controller knows nothing of them
#   fail.sh FOLDER node NODE       it comes back
#   fail.sh FOLDER controller      slurmctld dies
#   fail.sh FOLDER restart         it comes back
set -euo pipefail
folder=$1 what=$2 node=${3:-}
export SLURM_CONF=$folder/etc/slurm.conf PATH=$PATH:/usr/sbin:/sbin
started() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $20}'; }

# Waits for the daemon that writes this file, and keeps its number.
keep() { # NAME FILE
    for _ in $(seq 200); do
        [ -s "$2" ] && kill -0 "$(cat "$2")" 2> /dev/null && break
        sleep 0.05
    done
    echo "$1 $(cat "$2") $(started "$(cat "$2")")" >> "$folder/run/pids"
}

# The tasks of a node, and the steps that they run in.
tasks() {
    for found in /proc/[0-9]*; do
        said=$({ tr '\0' '\n' < "$found/environ"; } 2> /dev/null) || continue
        grep -x "SLURMD_NODENAME=$node" <<< "$said" > /dev/null || continue
        grep -x "SLURM_CONF=$SLURM_CONF" <<< "$said" > /dev/null || continue
        pid=${found#/proc/}
        parent=$(awk '/^PPid:/ {print $2}' "$found/status" 2> /dev/null) || continue
        [ "$(cat "/proc/$parent/comm" 2> /dev/null)" != slurmstepd ] || echo "$parent"
        echo "$pid"
    done
}

case $what in
    power | daemon)
        kill -KILL "$(cat "$folder/run/slurmd-$node.pid")"
        if [ "$what" = power ]; then
            for _ in 1 2; do
                for pid in $(tasks); do kill -KILL "$pid" 2> /dev/null || true; done
            done
        fi
        # The controller would need some seconds to notice.
        scontrol update nodename="$node" state=down reason=test
        ;;
    node)
        rm -f "$folder/run/slurmd-$node.pid"
        slurmd -N "$node"
        keep "slurmd-$node" "$folder/run/slurmd-$node.pid"
        scontrol update nodename="$node" state=resume 2> /dev/null || true
        ;;
    controller)
        kill -KILL "$(cat "$folder/run/slurmctld.pid")"
        ;;
    restart)
        rm -f "$folder/run/slurmctld.pid"
        slurmctld
        keep slurmctld "$folder/run/slurmctld.pid"
        ;;
    *)
        echo "fail.sh knows no \`$what\`" >&2
        exit 2
        ;;
esac
