# Two commands are all a newcomer needs: make run, make test.  Both install what they need.

PYTHON_ENV = .venv/bin

.PHONY: run test unit check setup bench clean

# Prosody, a SIP proxy, an SMSC simulator and iwf between them, on loopback, with accounts ready.
run: setup
	$(PYTHON_ENV)/python -m tests.peers.demo

# Everything: types, style, unit tests, plays in memory, and the same plays against real peers.
test: setup check
	$(PYTHON_ENV)/python -W error::DeprecationWarning:iwf -m twisted.trial --reporter=bwverbose tests

# What needs no peers: fast, for every save.
unit:
	$(PYTHON_ENV)/python -m twisted.trial tests.config tests.engine tests.mapping tests.xmpp tests.sip tests.smpp tests.scenarios tests.test_architecture tests.test_error_tables tests.test_cli tests.test_mapcmd tests.standards tests.fuzz tests.test_standards tests.test_tls tests.test_names

check:
	$(PYTHON_ENV)/mypy
	$(PYTHON_ENV)/ruff check iwf tests twisted

setup:
	@sh tools/install-debian.sh
	@sh tools/install-python.sh

clean:
	rm -rf .venv .cache build *.egg-info _trial_temp* .hypothesis .mypy_cache .ruff_cache
