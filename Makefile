# perftune: `make run` and `make test` do everything, on a machine with Rust, a C++ compiler and Python 3 with pip.

include .libtorch-version

PYTHON ?= python3
CARGO ?= cargo
PREFIX ?= $(HOME)/.local
DESTDIR ?=
GRID ?= configs/grid.toml
ARGS ?=
# Parts that are off by default, such as `tpu`: `make install FEATURES=tpu`.
FEATURES ?=

# A libtorch of your own is used as it is: set LIBTORCH, or LIBTORCH_USE_PYTORCH=1.
ifeq ($(LIBTORCH)$(LIBTORCH_USE_PYTORCH),)
LIBTORCH_STAMP := .libtorch/.fetched-$(TORCH_VERSION)
endif

.PHONY: run build test lint install uninstall libtorch clean
.DEFAULT_GOAL := build

build: $(LIBTORCH_STAMP)
	$(CARGO) build --release --locked --features "$(FEATURES)"

run: build
	target/release/perftune run $(GRID) --fresh $(ARGS)

test: $(LIBTORCH_STAMP)
	$(CARGO) test --locked --features tpu $(ARGS)

lint: $(LIBTORCH_STAMP)
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --features tpu -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --no-default-features --features tpu

libtorch: $(LIBTORCH_STAMP)

# One wheel and what libtorch_cpu.so loads from others; without the rest of CUDA it runs on CPUs alone.
.libtorch/.fetched-%:
	rm -rf .libtorch .libtorch.part
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
	    --target .libtorch.part $(TORCH_WHEELS)
	mv .libtorch.part .libtorch
	touch $@

# Keeps working when the checkout is gone: libtorch is copied, and the worker's rpath begins at its own folder.
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/perftune $(DESTDIR)$(PREFIX)/share/perftune
	install target/release/perftune target/release/perftune-worker $(DESTDIR)$(PREFIX)/bin/
	ldd target/release/perftune-worker | awk '$$3 ~ "^/" && $$3 !~ "^/(usr/)?lib" {print $$3}' | \
	    xargs -I{} install -m 644 {} $(DESTDIR)$(PREFIX)/lib/perftune/
	cp -R datasets configs $(DESTDIR)$(PREFIX)/share/perftune/

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/perftune $(DESTDIR)$(PREFIX)/bin/perftune-worker
	rm -rf $(DESTDIR)$(PREFIX)/lib/perftune $(DESTDIR)$(PREFIX)/share/perftune

clean:
	$(CARGO) clean
