#!/bin/sh
# Installs each package of target/packages into a place of its own that has nothing else, and runs a grid with it.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
dist=$root/target/packages
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
# A home without settings, and none of the checkout's libraries.
export HOME="$place/home" PERFTUNE_CACHE=off
unset LD_LIBRARY_PATH LIBTORCH PERFTUNE_DATASETS
mkdir -p "$HOME"
cd "$HOME"

one() {
    set -- "$dist"/$1
    [ -e "$1" ] && [ $# -eq 1 ] || { echo "make dist first: not one $1" >&2; exit 2; }
    echo "$1"
}

# Without the worker: a command, its reports, and the gate on itself.
light() {
    "$1" --version
    "$1" exec --quiet --repeat 3 --out "$2" -- sleep 0.05
    "$1" report "$2" --format csv > "$2.csv"
    [ "$(wc -l < "$2.csv")" -eq 4 ]
    "$1" run "$3/share/perftune/configs/recorded.toml" --quiet --set search.trials=5 --out "$2-found"
    "$1" check --self-test > "$2.txt"
    # A model that only the worker has is refused with a word of how to get it.
    if "$1" run "$3/share/perftune/configs/quick.toml" --out "$2-quick" 2> "$2.err"; then exit 1; fi
    grep -q perftune-worker "$2.err"
}

echo "== the static binary"
archive=$(one 'perftune-*-musl.tar.gz')
tar -C "$place" -xzf "$archive"
prefix=$(echo "$place"/perftune-*)
! ldd "$prefix/bin/perftune" 2> /dev/null | grep -q '=>'
[ "$(stat -c %s "$prefix/bin/perftune")" -le 12582912 ]
light "$prefix/bin/perftune" "$place/static" "$prefix"

echo "== the Debian package"
deb=$(one 'perftune_*.deb')
dpkg-deb --extract "$deb" "$place/deb"
light "$place/deb/usr/bin/perftune" "$place/debian" "$place/deb/usr"
MANPATH="$place/deb/usr/share/man" man -w perftune-run > /dev/null 2>&1 || ls "$place"/deb/usr/share/man/man1/perftune-run.1*

echo "== the wheel"
wheel=$(one 'perftune-*.whl')
[ "$(stat -c %s "$wheel")" -le 15728640 ]
"$root/target/packaging/bin/auditwheel" show "$wheel" || true
python3 -m venv "$place/venv"
pip="$place/venv/bin/pip install --quiet --disable-pip-version-check"
if [ "${TORCH:-}" = full ]; then
    $pip "$wheel"
else
    # torch and what it loads on a CPU, of the same releases that pip would choose, without some 3 GB for GPUs.
    eval "$pip --no-deps $(sed -n 's/^TORCH_WHEELS = //p' "$root/.libtorch-version")"
    $pip --no-deps "$wheel"
fi
"$place/venv/bin/perftune" run "$place/venv/share/perftune/configs/quick.toml" --out "$place/quick"
"$place/venv/bin/python" -m perftune report "$place/quick" --format csv > "$place/quick.csv"
grep -Eq ',(completed|stopped),' "$place/quick.csv"
"$place/venv/bin/python" -c 'import perftune; perftune.log(f1=0.8)'
echo "3 packages installed and run"
