# The front door. Each recipe is one script; what a script does is said at its head.

.PHONY: demo test check bench up setup

demo: ; @scripts/demo.sh $(ARGS)

test: ; @scripts/test.sh

check: ; @scripts/check.sh

bench: ; @scripts/bench.sh

up: ; @scripts/up.sh $(ARGS)

setup: ; @scripts/setup.sh
