"""Runs MiniStack until its standard input ends: an emulator never outlives whoever started it, however that one died."""
import os
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


threading.Thread(target=stop_with_parent, daemon=True).start()
main()
