# SPDX-License-Identifier: GPL-2.0-or-later
# The front door. `make help` says what is behind it.
.DEFAULT_GOAL := all
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# What the image is made from: a profile of builder/profiles or a config file of yours.
PROFILE ?= minimal
CONFIG ?=
OUT ?= out
NODES ?= 3
export STARLING_CACHE ?= /var/cache/starling
# Objects are cached by the hash of what they are compiled from, outside the checkout.
export CMAKE_C_COMPILER_LAUNCHER ?= ccache
export CMAKE_CXX_COMPILER_LAUNCHER ?= ccache
export CCACHE_DIR ?= $(STARLING_CACHE)/persistent/ccache-tree
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1

clusterbuild := build/bin/clusterbuild
build_args := $(if $(CONFIG),--config $(CONFIG),--profile $(PROFILE)) --out-dir $(OUT) --cache-dir $(STARLING_CACHE)

.PHONY: help deps deps-build deps-iso deps-test deps-soak all iso test soak test-kernel check-patches demo bench sim-long clean distclean

help:
	@echo 'make iso     build the ISO and the netboot tree into $(OUT)/  [PROFILE=minimal|classroom|dev] [CONFIG=FILE]'
	@echo 'make test    build everything and pass every test this machine can run'
	@echo 'make soak    move every program of the lab 200 times at random moments (long)'
	@echo 'make demo    boot a flock of $(NODES) machines from the ISO in QEMU'
	@echo 'make all     compile clusterbuild and the agents into build/bin'
	@echo 'make bench   run the benchmarks, each beside its yardstick'
	@echo 'make deps    install the Debian packages all of this needs (each target installs its own)'
	@echo 'make sim-report    simulate the balancing of load: $(OUT)/sim-report/index.html and results.csv'
	@echo 'make test-kernel | check-patches | sim-long    parts of the above, and longer ones'
	@echo 'make clean   remove build trees and $(OUT)/;  make distclean also empties $(STARLING_CACHE)'

# Installs what is missing from the named lists and is silent when nothing is.
define install_packages
	@wanted=$$(sed 's/#.*//' $(foreach l,$(1),builder/deps/$(l).packages)); \
	 missing=$$(for p in $$wanted; do \
	   dpkg-query -Wf '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
	 if [ -n "$$missing" ]; then \
	   echo "installing:" $$missing; \
	   [ "$$(id -u)" = 0 ] || { echo "make: not root: run 'apt-get install' for the packages above, or run make as root" >&2; exit 1; }; \
	   apt-get update -q; \
	   DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	 fi
endef

deps-build:
	$(call install_packages,build)
deps-iso:
	$(call install_packages,build iso)
deps-test:
	$(call install_packages,build iso test)
deps-soak:
	$(call install_packages,build test soak)
deps: deps-test

build/build.ninja: CMakePresets.json | deps-build
	cmake --preset release

all: deps-build build/build.ninja
	cmake --build --preset release

# Only the builder is compiled here: the agents of the image are a stage of its own.
iso: deps-iso build/build.ninja
	@cmake --build --preset release --target clusterbuild
	$(clusterbuild) build $(build_args)

test: deps-test
	tests/run-all

# Ends with what it found in any program; SOAK_MOVES=1000 for more.
SOAK_MOVES ?= 200
soak: deps-soak build/build.ninja
	cmake --build --preset release --target move_rig move_soak
	build/bin/move_soak --moves $(SOAK_MOVES)

test-kernel: deps-test
	$(MAKE) -C kernel-config test-kernel
check-patches: deps-test
	$(MAKE) -C kernel-config check-patches
sim-long: all
	ctest --test-dir build -C long -L sim-long --output-on-failure

# Minutes on a free core: every workload under every policy, three seeds.
sim-report: deps-build build/build.ninja
	cmake --build --preset release --target sim_report
	build/bin/sim_report $(OUT)/sim-report

demo: deps-test iso
	$(clusterbuild) boot $(OUT)/*.iso --nodes $(NODES)

bench: all
	@set -e; for b in build/bin/bench_*; do echo "== $${b##*/}"; $$b; done

clean:
	rm -rf build build-asan build-tsan build-fuzz $(OUT)
distclean: clean
	rm -rf $(STARLING_CACHE)
