#!/usr/bin/env bash
# Brings up a Slurm cluster on one machine, for tests: munged, slurmctld and a slurmd for each of several nodes, without systemd,
# on the loopback interface alone. Its packages are installed where they are missing, for which it must be root.
#   usage: up.sh FOLDER
#   FIRST_PORT=27817  NODES=2  NODE_CPUS=2  MAX_ARRAY=1001  MIN_JOB_AGE=300
#   ACCOUNTS=1  with slurmdbd and a MariaDB of its own, so that sacct works
# Prints the path of the configuration: every command of Slurm needs SLURM_CONF with it. down.sh stops what was started.
set -euo pipefail
folder=$1
first_port=${FIRST_PORT:-27817} nodes=${NODES:-2} cpus=${NODE_CPUS:-2}
export PATH=$PATH:/usr/sbin:/sbin

fail() {
    echo "$1" >&2
    "$(dirname "$0")/down.sh" "$folder" >&2 || true
    exit 1
}

missing=()
needs=(munged:munge slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client)
[ -z "${ACCOUNTS:-}" ] || needs+=(slurmdbd:slurmdbd mariadbd:mariadb-server)
for pair in "${needs[@]}"; do
    command -v "${pair%%:*}" > /dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || { echo "only root can install ${missing[*]}" >&2; exit 3; }
    install() { DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" > "$folder.apt" 2>&1; }
    install || { apt-get update -qq > /dev/null 2>&1 && install; } || { tail -n 5 "$folder.apt" >&2; echo "cannot install ${missing[*]}" >&2; exit 3; }
    rm -f "$folder.apt"
fi

mkdir -p "$folder"/{etc,run,log,munge,state}
chmod 755 "$folder" "$folder"/{etc,run,log,munge}
chmod 700 "$folder/state"
: > "$folder/run/pids"
host=$(hostname -s)

# A process is known by its number and the moment at which it was started: a number is given again.
started() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $20}'; }
keep() { # NAME FILE
    for _ in $(seq 200); do
        if [ -s "$2" ] && kill -0 "$(cat "$2")" 2> /dev/null; then
            echo "$1 $(cat "$2") $(started "$(cat "$2")")" >> "$folder/run/pids"
            return
        fi
        sleep 0.05
    done
    tail -n 5 "$folder"/log/*.log >&2 || true
    fail "$1 did not start"
}

(umask 077; head -c 1024 /dev/urandom > "$folder/etc/munge.key")
munged --key-file="$folder/etc/munge.key" --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
    --log-file="$folder/log/munged.log" --seed-file="$folder/munge/seed"
keep munged "$folder/munge/pid"

accounts="AccountingStorageType=accounting_storage/none"
if [ -n "${ACCOUNTS:-}" ]; then
    mkdir "$folder/db"
    as=()
    if [ "$(id -u)" = 0 ]; then as=(--user=mysql) && chown mysql "$folder/db"; fi
    mariadb-install-db --no-defaults "${as[@]}" --datadir="$folder/db/data" --auth-root-authentication-method=normal --skip-test-db \
        > "$folder/log/mariadb.log" 2>&1 || fail "no database: $(tail -n 2 "$folder/log/mariadb.log")"
    # On no port, for whoever can reach the socket.
    nohup mariadbd --no-defaults "${as[@]}" --datadir="$folder/db/data" --socket="$folder/db/socket" --pid-file="$folder/db/pid" \
        --skip-networking --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 >> "$folder/log/mariadb.log" 2>&1 < /dev/null &
    keep mariadbd "$folder/db/pid"
    sql() { mariadb --no-defaults -S "$folder/db/socket" -u root -e "$1" > /dev/null 2>&1; }
    for _ in $(seq 100); do sql "select 1" && break; sleep 0.1; done
    sql "create database slurm_acct_db; create user 'slurm'@'localhost' identified by 'slurm'; grant all on slurm_acct_db.* to 'slurm'@'localhost'" \
        || fail "the database takes no user"
    port=$((first_port + nodes + 1))
    (umask 077; cat > "$folder/etc/slurmdbd.conf" << END
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
DbdHost=$host
DbdAddr=127.0.0.1
DbdPort=$port
SlurmUser=$(id -un)
LogFile=$folder/log/slurmdbd.log
PidFile=$folder/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
CommunicationParameters=NoInAddrAny
END
    )
    SLURM_CONF=$folder/etc/slurm.conf MYSQL_UNIX_PORT=$folder/db/socket slurmdbd
    keep slurmdbd "$folder/run/slurmdbd.pid"
    accounts="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$port
AccountingStoragePass=$folder/munge/socket
JobAcctGatherType=jobacct_gather/linux"
fi

# A lost node is noticed in seconds, and what was requeued need not wait for two minutes, as in a cluster of many nodes.
cat > "$folder/etc/slurm.conf" << END
ClusterName=perftune
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$first_port
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd-%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
$accounts
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdTimeout=3
SlurmctldTimeout=10
KillWait=5
MessageTimeout=2
MinJobAge=${MIN_JOB_AGE:-300}
MaxArraySize=${MAX_ARRAY:-1001}
RebootProgram=/bin/false
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=100000
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((first_port + 1))-$((first_port + nodes))] CPUs=$cpus RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=n[1-$nodes] Default=YES MaxTime=INFINITE State=UP PriorityTier=1 OverSubscribe=NO
PartitionName=urgent Nodes=n[1-$nodes] MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
END
# Later versions want a hierarchy of control groups that a container may not have.
version=$(slurmctld -V | grep -oE '[0-9]+\.[0-9]+' | head -n 1)
if [ "$(printf '%s\n23.11\n' "$version" | sort -V | head -n 1)" = 23.11 ]; then
    echo "CgroupPlugin=disabled" > "$folder/etc/cgroup.conf"
fi
export SLURM_CONF=$folder/etc/slurm.conf

# A controller that does not reach its accounts dies.
for _ in $(seq 200); do
    [ -n "${ACCOUNTS:-}" ] || break
    sacctmgr -n list cluster > /dev/null 2>&1 && break
    sleep 0.1
done
slurmctld
keep slurmctld "$folder/run/slurmctld.pid"
for node in $(seq "$nodes"); do slurmd -N "n$node"; done
for node in $(seq "$nodes"); do keep "slurmd-n$node" "$folder/run/slurmd-n$node.pid"; done
for _ in $(seq 200); do
    idle=$(sinfo -h -N -p main -o %T 2> /dev/null | grep -c '^idle$' || true)
    [ "$idle" = "$nodes" ] && { echo "$SLURM_CONF"; exit 0; }
    sleep 0.1
done
tail -n 20 "$folder"/log/*.log >&2
fail "only $idle of $nodes nodes are idle"
