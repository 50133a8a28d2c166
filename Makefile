# invplan: see README.md. `make help` lists the targets.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
# make V=1 shows the commands
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)' $(2))
prefix ?= /usr/local
CORPORA ?=
WERROR ?=
SANITIZE ?=

VERSION := 0.1.0

C_WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Wvla -Wformat=2 -Wstrict-prototypes -Wundef
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L $(C_WARNINGS) $(if $(WERROR),-Werror) -fstack-protector-strong -fPIE \
	-ffile-prefix-map=$(CURDIR)=. $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer) $(CFLAGS)
ALL_CPPFLAGS = -I. -I$(BUILD)/gen -DINVPLAN_VERSION='"$(VERSION)"' $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) $(CPPFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

# --- rooms: one library a room, so that the direction of dependencies is also the order of linking -------------------
BASE_SRC     := $(wildcard spec/base/*.c) $(wildcard spec/base/*.re)
SPEC_SRC     := $(wildcard spec/*.c) $(wildcard spec/cel/*.c) $(wildcard spec/cel/*.re) $(wildcard spec/event/*.c) $(wildcard spec/*.re)
# compiler/typescript/runtime.c is made of the files below, in this order.
RUNTIME_JS   := $(patsubst %,compiler/typescript/runtime/%.js,values operators expressions numbers functions)
COMPILER_SRC := $(wildcard compiler/*.c compiler/*/*.c) compiler/typescript/runtime.c
EXECUTOR_SRC := $(wildcard executor/*.c executor/*/*.c)

objects = $(patsubst %,$(BUILD)/obj/%.o,$(basename $(1)))

BASE_OBJ     := $(call objects,$(BASE_SRC))
SPEC_OBJ     := $(call objects,$(SPEC_SRC))
COMPILER_OBJ := $(call objects,$(filter-out compiler/main.c,$(COMPILER_SRC)))
EXECUTOR_OBJ := $(call objects,$(filter-out executor/main.c,$(EXECUTOR_SRC)))

BASE_LIBS     := -lcrypto -lpcre2-8
SPEC_LIBS     := -lm
COMPILER_LIBS := -lyaml -lpg_query -lcjson
EXECUTOR_LIBS := -lpq -lcurl -lexpat -lcjson

PROGRAMS := $(BUILD)/invplan $(BUILD)/invplan-compiler $(BUILD)/invplan-executor

.PHONY: all
all: $(PROGRAMS) ## build invplan, invplan-compiler and invplan-executor below $(BUILD)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC  ,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(call say,CC  ,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# libpq's header is not on the compiler's path, and only one file is to find it.
$(BUILD)/obj/executor/postgres/conn.o: CPPFLAGS += -isystem $(shell pg_config --includedir)

$(BUILD)/gen/%.c: %.re
	@mkdir -p $(@D)
	$(call say,RE2C,$<)
	$(Q)re2c --no-generation-date --no-version -W -Werror -i -o $@ $<

# The runtime of the modules that `invplan export typescript` writes, as an array of its lines.
$(BUILD)/gen/compiler/typescript/runtime.c: $(RUNTIME_JS)
	@mkdir -p $(@D)
	$(call say,GEN ,compiler/typescript/runtime)
	$(Q){ printf '%s\n\n' '#include "compiler/typescript/module.h"' 'const char *const ts_runtime[] = {'; \
	    sed 's/\\/\\\\/g; s/"/\\"/g; s/^/    "/; s/$$/\\n",/' $^; printf '    0,\n};\n'; } >$@

$(BUILD)/libbase.a: $(BASE_OBJ)
$(BUILD)/libspec.a: $(SPEC_OBJ)
$(BUILD)/libcompiler.a: $(COMPILER_OBJ)
$(BUILD)/libexecutor.a: $(EXECUTOR_OBJ)
$(BUILD)/lib%.a:
	@rm -f $@
	$(call say,AR  ,$@)
	$(Q)ar rcs $@ $^

$(BUILD)/invplan: $(BUILD)/obj/front/main.o $(BUILD)/libspec.a $(BUILD)/libbase.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -o $@

$(BUILD)/invplan-compiler: $(BUILD)/obj/compiler/main.o $(BUILD)/libcompiler.a $(BUILD)/libspec.a $(BUILD)/libbase.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(COMPILER_LIBS) $(SPEC_LIBS) $(BASE_LIBS) -o $@

$(BUILD)/invplan-executor: $(BUILD)/obj/executor/main.o $(BUILD)/libexecutor.a $(BUILD)/libspec.a $(BUILD)/libbase.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(EXECUTOR_LIBS) $(SPEC_LIBS) $(BASE_LIBS) -o $@

# --- unit tests: tests/unit/AREA_*_test.c, the area names the libraries that are linked ------------------------------
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*_test.c))
unit_libs = $(if $(filter executor_%,$(1)),$(BUILD)/obj/tests/unit/driver_fake.o $(BUILD)/libexecutor.a $(BUILD)/libspec.a $(BUILD)/libbase.a,\
	$(if $(filter compiler_%,$(1)),$(BUILD)/libcompiler.a $(BUILD)/libspec.a $(BUILD)/libbase.a,\
	$(if $(filter spec_%,$(1)),$(BUILD)/libspec.a $(BUILD)/libbase.a,$(BUILD)/libbase.a)))
unit_ldlibs = $(if $(filter executor_%,$(1)),$(EXECUTOR_LIBS))$(if $(filter compiler_%,$(1)),$(COMPILER_LIBS))

.SECONDEXPANSION:
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $$(call unit_libs,$$*)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lcmocka $(call unit_ldlibs,$*) $(SPEC_LIBS) $(BASE_LIBS) -o $@

.PHONY: unit-tests
unit-tests: $(UNIT_TESTS) ## build the unit test programs

# --- conformance runners and fuzz targets: linked like unit tests by what they are named after -------------------------
CONFORMANCE := $(patsubst tests/conformance/%.c,$(BUILD)/conformance/%,$(wildcard tests/conformance/*.c))
$(BUILD)/conformance/%: $(BUILD)/obj/tests/conformance/%.o $$(call conformance_libs,$$*)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(call conformance_ldlibs,$*) $(SPEC_LIBS) $(BASE_LIBS) -o $@
conformance_libs = $(if $(filter sigv4%,$(1)),$(BUILD)/libexecutor.a,$(if $(filter locks%,$(1)),$(BUILD)/libcompiler.a)) $(BUILD)/libspec.a $(BUILD)/libbase.a
conformance_ldlibs = $(if $(filter sigv4%,$(1)),$(EXECUTOR_LIBS),$(if $(filter locks%,$(1)),$(COMPILER_LIBS)))

PROVE := prove --failures

.PHONY: deps
deps: ## install what is missing to build, test and run the demo (Debian 12, as root or with sudo)
	@tests/deps $(BUILD)

.PHONY: demo
demo: deps ## the whole story on private servers: compile, show, diff, apply, verify, upgrade events, roll back
	@$(MAKE) --no-print-directory all
	@tests/demo/run $(BUILD)

.PHONY: check
check: deps ## everything that CI asks for
	@tests/check $(BUILD)

.PHONY: crash
crash: deps ## SIGKILL at every protocol point of every instruction, on private servers; the table goes to $(BUILD)/crash-matrix.md
	@$(MAKE) --no-print-directory all
	@INVPLAN_BUILD=$(abspath $(BUILD)) tests/services/with tests/crash/matrix.py --workers 6 --markdown $(BUILD)/crash-matrix.md

.PHONY: check-deep
check-deep: crash ## what takes too long for check: the whole crash matrix; connections cut and AWS's answers disturbed; each probe mutated
	@INVPLAN_BUILD=$(abspath $(BUILD)) tests/services/with tests/crash/cuts.py --every 15 --workers 4 --markdown $(BUILD)/cut-connections.md
	@INVPLAN_BUILD=$(abspath $(BUILD)) tests/services/with tests/crash/answers.py --every 2 --workers 4 --markdown $(BUILD)/disturbed-answers.md
	@tests/crash/mutate-probes $(BUILD)

.PHONY: bench
bench: deps ## speed beside other tools and plain ways, as ratios: BENCH='upcast …' for some only; the table goes to $(BUILD)/bench.md
	@$(MAKE) --no-print-directory all
	@tests/bench/run $(BUILD) $(BENCH)

.PHONY: conformance-programs
conformance-programs: $(CONFORMANCE)

.PHONY: conformance
conformance: $(CONFORMANCE) ## the public suites below $(CORPORA)
	@tests/conformance/run $(BUILD) $(CORPORA)

.PHONY: locks
locks: deps $(BUILD)/conformance/locks_runner ## measure on a private server what statements lock, and compare with the compiler's word
	@tests/services/with tests/locks/measure.py $(if $(CORPORA),"$(CORPORA)/postgres-locks/locks.jsonl") >$(BUILD)/locks.jsonl
	@$(PROVE) -e '' $(BUILD)/conformance/locks_runner :: $(BUILD)/locks.jsonl

.PHONY: golden-update
golden-update: all ## rewrite the expected texts of the golden tests; read the diff
	tests/golden/run --update $(BUILD)

.PHONY: plans
plans: all ## compile plans/*.plan anew
	$(BUILD)/invplan compile --all

.PHONY: lint
lint: deps ## clang-tidy, cppcheck, gcc -fanalyzer, shellcheck, the direction of #includes
	@tests/lint/run $(BUILD)

FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZ_SECONDS under ASan and UBSan (clang's libFuzzer)
	@tests/fuzz/run $(BUILD) $(FUZZ_SECONDS) $(FUZZ_TARGETS)

.PHONY: fuzz-long
fuzz-long: ## the same for half an hour each
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=1800

.PHONY: install
install: all ## into $(DESTDIR)$(prefix)
	install -D -m 755 $(BUILD)/invplan $(DESTDIR)$(prefix)/bin/invplan
	install -D -m 755 $(BUILD)/invplan-compiler $(DESTDIR)$(prefix)/libexec/invplan/invplan-compiler
	install -D -m 755 $(BUILD)/invplan-executor $(DESTDIR)$(prefix)/libexec/invplan/invplan-executor

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
