#!/usr/bin/env bash
# Stops what up.sh has started, and what was started of the same cluster since: by their numbers and the moments at which they
# were started, never by their names alone.
#   usage: down.sh FOLDER
set -uo pipefail
folder=$1
export SLURM_CONF=$folder/etc/slurm.conf PATH=$PATH:/usr/sbin:/sbin
[ -e "$folder/run/pids" ] || exit 0
started() { sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | awk '$1 != "Z" {print $20}'; }
lives() { [ -n "$(started "$1")" ] && [ "$(started "$1")" = "$2" ]; }

# Processes of this cluster alone: their environment names its configuration.
own() {
    for found in /proc/[0-9]*; do
        if { tr '\0' '\n' < "$found/environ"; } 2> /dev/null | grep -x "SLURM_CONF=$SLURM_CONF" > /dev/null; then
            echo "${found#/proc/} $(cat "$found/comm" 2> /dev/null)"
        fi
    done
}

while read -r _ pid start; do
    lives "$pid" "$start" && kill -TERM "$pid"
done < <(tac "$folder/run/pids")
for _ in $(seq 40); do
    left=0
    while read -r _ pid start; do lives "$pid" "$start" && left=1; done < "$folder/run/pids"
    [ $left = 0 ] && break
    sleep 0.1
done
while read -r _ pid start; do lives "$pid" "$start" && kill -KILL "$pid"; done < "$folder/run/pids"
own | while read -r pid name; do
    case $name in slurmd | slurmstepd | slurmctld) kill -KILL "$pid" 2> /dev/null ;; esac
done
# Tasks that have outlived their node.
own | while read -r pid _; do
    { tr '\0' '\n' < "/proc/$pid/environ"; } 2> /dev/null | grep '^SLURM_ARRAY_JOB_ID=' > /dev/null && kill -KILL "$pid" 2> /dev/null
done
mv "$folder/run/pids" "$folder/run/pids.stopped"
