"""Runs an emulator until standard input ends, so that it never outlives the process that started it.

Arguments: the module whose function main runs the emulator, and the seconds that it has to end by itself.
"""
import atexit
import base64
import importlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
import types


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


def narrow_queries(dynamodb):
    """MiniStack evaluates the condition of a Query for each item of the partition. Here a partition is a shard of all
    keys of a view, so a question about many keys would take minutes. DynamoDB looks the range up. This does so, too: it
    passes on only the items in the range, and MiniStack does everything else.
    """
    original = dynamodb._query

    def query(data):
        values = data.get("ExpressionAttributeValues") or {}
        name = dynamodb._normalize_table_name(data.get("TableName"))
        table = dynamodb._tables.get(name)
        if not table or data.get("IndexName") or not values.keys() <= {":partition", ":from", ":to"}:
            return original(data)
        try:
            low, high = (base64.b64decode(values[n]["B"]) if n in values else None for n in (":from", ":to"))
            partition = values[":partition"]["B"]
            near = {
                sort: item
                for sort, item in table["items"].get(partition, {}).items()
                if low is None and high is None
                or (low is None or base64.b64decode(sort) >= low) and (high is None or base64.b64decode(sort) <= high)
            }
        except (KeyError, ValueError):  # a key of another type, or a request that MiniStack refuses
            return original(data)
        narrowed = dict(vars(dynamodb), _tables={name: dict(table, items={partition: near})})
        return types.FunctionType(original.__code__, narrowed)(data)

    dynamodb._query = query


module, grace, home = sys.argv[1], float(sys.argv[2]), os.getcwd()
# Remove the directory of this run, in case the process that started it cannot.
atexit.register(shutil.rmtree, home, ignore_errors=True)
socket.socket.bind = bind
threading.Thread(target=stop_with_parent, daemon=True).start()
sys.argv = sys.argv[:1]
if module.startswith("ministack"):
    narrow_queries(importlib.import_module("ministack.services.dynamodb"))
importlib.import_module(module).main()
