"""Handlers for AWS's runtime client for Python. What they do stands in the event."""

import datetime
import os
import subprocess
import sys
import threading
import time


def recurse(depth):
    return 1 + recurse(depth + 1)


def leave_child():
    """Leaves a child behind that keeps the pipes of its parent."""
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    return {"pid": os.getpid(), "child": child}


def leave_group():
    """The same, out of reach of signals to the process group."""
    child = subprocess.Popen(["sleep", "2"], start_new_session=True)
    return {"pid": os.getpid(), "child": child.pid}


def say(text):
    print(text)
    return len(text)


def flood(lines):
    for number in range(lines):
        print("line", number)
    return lines


def one_line(size):
    sys.stdout.write("x" * size)
    sys.stdout.flush()
    return size


def spawn_thread():
    """One that goes on after the answer."""
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return os.getpid()


def raise_exception(message):
    raise LookupError(message)


ACTS = {
    "pid": os.getpid,
    "raise": raise_exception,
    "exit": sys.exit,
    "abort": os._exit,
    "recurse": lambda: recurse(0),
    "leave_child": leave_child,
    "leave_group": leave_group,
    "say": say,
    "flood": flood,
    "one_line": one_line,
    "thread": spawn_thread,
    "sleep": time.sleep,
    "object": datetime.datetime.now,
    "bytes": lambda: b"\x00\xff\x00",
    "nan": lambda: float("nan"),
    "large": lambda size: "x" * size,
    "size": len,
}


def act(event, context):
    return ACTS[event["act"]](*event.get("with", []))


def describe(event, context):
    client = context.client_context
    return {
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "custom": client and client.custom,
    }


def echo(event, context):
    """As the handler of the same name for Node."""
    if event == "fail":
        raise RuntimeError("as told")
    print("echoes")
    return event
