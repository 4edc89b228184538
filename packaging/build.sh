#!/bin/sh
# Builds what a release has into target/packages: a static binary without the worker, a Debian package of it, and a wheel with the
# worker. Needs libtorch (make setup), the Rust target of TARGET, and pip.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
TARGET=${TARGET:-$(uname -m)-unknown-linux-musl}
dist=target/packages
tools=target/packaging
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
rm -rf "$dist"
mkdir -p "$dist"

[ -x "$tools/bin/maturin" ] || {
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check 'maturin>=1.9,<2' 'auditwheel>=6,<7'
}
[ -x "$tools/bin/cargo-deb" ] || cargo install --quiet --locked --root "$tools" cargo-deb@3.8.0

echo "== the static binary: $TARGET"
rustup target add "$TARGET"
cargo build --locked --profile dist --no-default-features --target "$TARGET" --bin perftune
light=$CARGO_TARGET_DIR/$TARGET/dist/perftune

# What goes beside a binary, below a prefix. The large data set is left to a checkout.
share() {
    mkdir -p "$1/share/perftune/datasets" "$1/share/man/man1" "$1/share/bash-completion/completions" \
        "$1/share/zsh/site-functions" "$1/share/fish/vendor_completions.d"
    cp -R configs "$1/share/perftune/"
    cp -R datasets/digits datasets/satellite "$1/share/perftune/datasets/"
    cp docs/man/*.1 "$1/share/man/man1/"
    "$light" completions bash > "$1/share/bash-completion/completions/perftune"
    "$light" completions zsh > "$1/share/zsh/site-functions/_perftune"
    "$light" completions fish > "$1/share/fish/vendor_completions.d/perftune.fish"
}

name=perftune-$version-$TARGET
mkdir -p "$dist/$name/bin"
cp "$light" "$dist/$name/bin/"
cp LICENSE README.md "$dist/$name/"
share "$dist/$name"
tar -C "$dist" -czf "$dist/$name.tar.gz" "$name"

echo "== the Debian package"
# Its list of files (Cargo.toml) is that of the folder.
ln -sfn "$name" "$dist/light"
"$tools/bin/cargo-deb" --quiet --no-build --no-strip --profile dist --target "$TARGET" --output "$dist/"

echo "== the wheel"
share "$dist/wheel/data"
PERFTUNE_PACKAGE=1 "$tools/bin/maturin" build --auditwheel skip \
    --compatibility "${COMPATIBILITY:-manylinux_2_35}" --out "$dist"

rm -rf "$dist/$name" "$dist/light" "$dist/wheel"
ls -l "$dist"
