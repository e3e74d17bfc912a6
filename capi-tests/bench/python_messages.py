#!/usr/bin/python3
"""Messages between two processes on python3-zmq, over tcp:

    python_messages.py throughput copy|nocopy COUNT    PUSH -> PULL, 100 B
    python_messages.py latency    copy        COUNT    REQ/REP, 64 B

Prints one line of key=value pairs, as messages.c does. Every message's number is checked.
"""

import os
import sys
import time

import zmq

SIZES = {"throughput": 100, "latency": 64}
HIGH_WATER_MARK = 1000


def numbered(number, size):
    return number.to_bytes(8, "little").ljust(size, b"\0")


def receive(socket, number, copy, size):
    message = socket.recv(copy=copy)
    data = message if copy else message.buffer
    if len(data) != size or int.from_bytes(data[:8], "little") != number:
        sys.exit("a message is missing, doubled, out of order or of the wrong size")


def open_socket(context, kind):
    socket = context.socket(kind)
    socket.set_hwm(HIGH_WATER_MARK)
    return socket


def far_side(mode, copy, count, endpoint_pipe):
    context = zmq.Context()
    socket = open_socket(context, zmq.PUSH if mode == "throughput" else zmq.REP)
    socket.connect(os.read(endpoint_pipe, 256).decode())
    for number in range(count + count // 10):
        if mode == "latency":
            receive(socket, number, copy, SIZES[mode])
        socket.send(numbered(number, SIZES[mode]), copy=copy)
    socket.close()
    context.term()


def near_side(mode, copy, count, endpoint_pipe):
    context = zmq.Context()
    socket = open_socket(context, zmq.PULL if mode == "throughput" else zmq.REQ)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    os.write(endpoint_pipe, f"tcp://127.0.0.1:{port}".encode())
    warmup, times = count // 10, []
    start = 0
    for number in range(count + warmup):
        if number == warmup:
            start = time.perf_counter()
        before = time.perf_counter_ns()
        if mode == "latency":
            socket.send(numbered(number, SIZES[mode]), copy=copy)
        receive(socket, number, copy, SIZES[mode])
        if mode == "latency" and number >= warmup:
            times.append((time.perf_counter_ns() - before) / 1000)
    seconds = time.perf_counter() - start
    socket.close()
    context.term()
    return seconds, sorted(times)


def library():
    with open("/proc/self/maps", encoding="ascii") as file:
        for line in file:
            if "libzmq.so" in line:
                return line[line.index("/"):].strip()
    return "none"


def main():
    mode, how, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        far_side(mode, how == "copy", count, read_end)
        os._exit(0)
    seconds, times = near_side(mode, how == "copy", count, write_end)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit("the other process failed")
    values = {"rate": count / seconds}
    for share in (1, 10, 25, 50, 75, 90, 99) if times else ():
        values[f"p{share}_us"] = times[int(share / 100 * len(times))]
    print(*(f"{key}={value}" for key, value in values.items()), f"library={library()}")


if __name__ == "__main__":
    main()
