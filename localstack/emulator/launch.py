"""Runs an emulator until standard input ends, so that it never outlives the process that started it.

Arguments: the module whose function main runs the emulator, and the seconds that it has to end by itself.
"""
import atexit
import importlib
import os
import shutil
import signal
import socket
import sys
import threading
import time


def stop_with_parent():
    sys.stdin.buffer.read()
    if grace > 0:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
    for _ in range(10):  # other threads may still write
        shutil.rmtree(home, ignore_errors=True)
    os._exit(0 if grace == 0 else 1)


def bind(self, address, bind=socket.socket.bind):
    """LocalStack listens on all interfaces, whatever it is told."""
    if self.family == socket.AF_INET:
        address = ("127.0.0.1", address[1])
    return bind(self, address)


module, grace, home = sys.argv[1], float(sys.argv[2]), os.getcwd()
# Remove the directory of this run, in case the process that started it cannot.
atexit.register(shutil.rmtree, home, ignore_errors=True)
socket.socket.bind = bind
threading.Thread(target=stop_with_parent, daemon=True).start()
sys.argv = sys.argv[:1]
importlib.import_module(module).main()
