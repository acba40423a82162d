"""Runs MiniStack until its standard input ends: an emulator never outlives whoever started it, however that one died."""
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


# The directory made for this run, in case nobody is left to remove it.
atexit.register(shutil.rmtree, os.getcwd(), ignore_errors=True)
threading.Thread(target=stop_with_parent, daemon=True).start()
main()
