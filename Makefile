# Each verb is what CI calls. `make check test` is the definition of done.
RUN := python3 run.py
NODE_DATA ?= .signalbox/standalone
NODE_LISTEN ?= 127.0.0.1:1883

.PHONY: help setup run node kill test check fix cover bench soak lock conformance fuzz catalogue
help: ## list these verbs
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10
setup: ## install what running needs into .venv
	$(RUN) setup
run: ## start everything
	$(RUN)
node: setup ## start one broker alone, without a console: anonymous clients on NODE_LISTEN
	mkdir -p $(NODE_DATA)
	.venv/bin/python -m broker_runtime --listen $(NODE_LISTEN) --allow-anonymous --data $(NODE_DATA)
kill: ## kill a node 400 times under load, longer than the tests do (SIGNALBOX_KILL_SEED to repeat)
	$(RUN) setup tests
	SIGNALBOX_KILL_ROUNDS=$${SIGNALBOX_KILL_ROUNDS:-100} .venv/bin/pytest tests/kill -n2 -p no:cacheprovider
test: ## run every test, those in the browser too
	$(RUN) test
check: ## format, lint, types, imports, sizes, migrations, translations, locks
	$(RUN) check
fix: ## repair what the formatters and the linter can repair
	$(RUN) fix
cover: ## which lines no test reaches (not those in the browser)
	$(RUN) setup tests
	.venv/bin/coverage run -m pytest -n0 -m "not browser and not e2e and not bench"
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage report
bench: ## measure against Mosquitto and amqtt: medians of 5, about an hour
	$(RUN) setup tests
	.venv/bin/python -m tests.bench --brokers mosquitto,amqtt,asyncio,uvloop,compiled --json .signalbox/bench/last.json
fuzz: ## search for bytes that break the decoder or a session: SECONDS for each
	$(RUN) setup tests
	.venv/bin/uv pip install --quiet --python .venv/bin/python atheris
	.venv/bin/python -m tests.fuzz decoder --seconds $(or $(SECONDS),300)
	.venv/bin/python -m tests.fuzz session --seconds $(or $(SECONDS),300)
conformance: ## run suites that others wrote against the broker (fetches them; MIRROR=DIR of clones)
	$(RUN) setup tests
	.venv/bin/python -m tests.suites $(if $(MIRROR),--mirror $(MIRROR))
soak: ## ten minutes at 20,000 messages a second: is memory flat?
	$(RUN) setup tests
	.venv/bin/python -m tests.bench.soak
catalogue: ## bring docs/conformance.md in step with the citations in code and tests
	.venv/bin/python -m tests.conformance.catalogue --write
lock: ## bring the locks in step with pyproject.toml
	$(RUN) lock
