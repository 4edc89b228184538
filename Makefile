# perftune: `make run` and `make test` do everything, on a machine with Rust, a C++ compiler and Python 3 with pip.

include .libtorch-version

PYTHON ?= python3
CARGO ?= cargo
PREFIX ?= $(HOME)/.local
DESTDIR ?=
GRID ?= configs/grid.toml
ARGS ?=
# Where cargo is told to build.
RELEASE := $(or $(CARGO_TARGET_DIR),$(CARGO_BUILD_TARGET_DIR),target)/release
# Parts that are off by default: `make install FEATURES="tpu images parquet"`.
FEATURES ?=

# 1: with what `device = "cuda"` needs besides a driver, some 2 GB of downloads and 3 GB of disk.
CUDA ?=

# A libtorch of your own is used as it is: set LIBTORCH, or LIBTORCH_USE_PYTORCH=1.
ifeq ($(LIBTORCH)$(LIBTORCH_USE_PYTORCH),)
LIBTORCH_STAMP := .libtorch/.fetched-$(TORCH_VERSION)
ifeq ($(CUDA),1)
LIBTORCH_STAMP += .libtorch/.with-cuda-$(TORCH_VERSION)
endif
endif

.PHONY: run build test lint docs dist test-dist install uninstall setup libtorch clean
.DEFAULT_GOAL := build

build: $(LIBTORCH_STAMP)
	$(CARGO) build --release --locked --features "$(FEATURES)"

run: build
	$(RELEASE)/perftune run $(GRID) --fresh $(ARGS)

test: $(LIBTORCH_STAMP)
	$(CARGO) test --locked --features "tpu images parquet" $(ARGS)

lint: $(LIBTORCH_STAMP)
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --features "tpu images parquet" -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --no-default-features --features tpu

# The reference pages of docs/ and the man pages, from what the code declares; a test finds them stale.
docs:
	PERFTUNE_DOCS=write $(CARGO) test --locked --no-default-features --test it reference::

# A static binary, a Debian package and a wheel, in target/packages; and each of them installed and run.
dist: $(LIBTORCH_STAMP)
	sh packaging/build.sh

test-dist:
	sh packaging/test.sh

setup: $(LIBTORCH_STAMP)

libtorch: setup

# One wheel and what libtorch_cpu.so loads from others; without the rest of CUDA it runs on CPUs alone.
.libtorch/.fetched-%:
	rm -rf .libtorch .libtorch.part
	$(PIP_INSTALL) --no-deps --target .libtorch.part $(TORCH_WHEELS)
	mv .libtorch.part .libtorch
	touch $@

PIP_INSTALL = $(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore

# What the wheel itself says that its CUDA part needs, so that the versions are those it was built with. libtorch_cuda.so looks
# for them in ../../nvidia beside itself, so there is nothing to set. The parts for Python alone are left out.
.libtorch/.with-cuda-%: .libtorch/.fetched-%
	rm -rf .libtorch/.part
	sed -n 's/^Requires-Dist: \(\(nvidia-\|cuda-toolkit\).*\)/\1/p' .libtorch/torch-$*.dist-info/METADATA > .libtorch/cuda-requirements.txt
	test -s .libtorch/cuda-requirements.txt
	$(PIP_INSTALL) --no-compile --target .libtorch/.part -r .libtorch/cuda-requirements.txt
	cp -R .libtorch/.part/. .libtorch/
	rm -rf .libtorch/.part
	touch $@

# Keeps working when the checkout is gone: libtorch is copied, and the worker's rpath begins at its own folder.
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/perftune $(DESTDIR)$(PREFIX)/share/perftune \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install $(RELEASE)/perftune $(RELEASE)/perftune-worker $(DESTDIR)$(PREFIX)/bin/
	ldd $(RELEASE)/perftune-worker | awk '$$3 ~ "^/" && $$3 !~ "^/(usr/)?lib" {print $$3}' | \
	    xargs -I{} install -m 644 {} $(DESTDIR)$(PREFIX)/lib/perftune/
	cp -R datasets configs $(DESTDIR)$(PREFIX)/share/perftune/
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	$(RELEASE)/perftune completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/perftune

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/perftune $(DESTDIR)$(PREFIX)/bin/perftune-worker
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/perftune*.1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/perftune
	rm -rf $(DESTDIR)$(PREFIX)/lib/perftune $(DESTDIR)$(PREFIX)/share/perftune

clean:
	$(CARGO) clean
