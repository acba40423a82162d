"""Runs MiniStack until standard input ends, so that it never outlives the process that started it."""
import atexit
import os
import shutil
import signal
import sys
import threading
import time

from ministack.app import main


def stop_with_parent():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)


# Remove the directory of this run, in case the process that started it cannot.
atexit.register(shutil.rmtree, os.getcwd(), ignore_errors=True)
threading.Thread(target=stop_with_parent, daemon=True).start()
main()
