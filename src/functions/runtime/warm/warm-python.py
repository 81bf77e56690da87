"""Loads AWS's runtime client and all that it imports, waits on stdin for what to be, and becomes that."""

import json
import os
import runpy
import sys
import time
import types

# As `python3 -m awslambdaric` has it.
sys.path[0] = os.getcwd()

# The client's native half takes its address from the environment as it is loaded, once: that is for later.
native = types.ModuleType("runtime_client")
native.initialize_client = lambda *arguments: None
sys.modules["runtime_client"] = native
import awslambdaric.__main__  # noqa: E402, F401

print("warm", flush=True)
line = sys.stdin.buffer.readline()
if not line:
    sys.exit(0)
order = json.loads(line)
os.environ.clear()
os.environ.update(order["environment"])
time.tzset()
# The client reads some variables while it is imported; what it has imported itself stays.
for name in [n for n in sys.modules if n.split(".")[0] in ("awslambdaric", "runtime_client")]:
    del sys.modules[name]
sys.argv = ["awslambdaric", *order["arguments"]]
del line, name, native, order
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
