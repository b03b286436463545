"""Runs a program at a terminal of its own: at-terminal.py KEYS PROGRAM [ARGUMENT...]

Waits for its question, sends the keys (JSON, a string; a list: one for each time the question of AT_TERMINAL_QUESTION
is asked), and prints as JSON how it ended, what it said, and whether the terminal shows what is typed afterwards and
takes it by lines."""

import json, os, pty, select, signal, sys, termios, time

given = json.loads(sys.argv[1])
question = os.environ.get("AT_TERMINAL_QUESTION", "Password: ").encode()
# a password is typed unseen: not before the terminal is told so
unseen = isinstance(given, str)
keys = [text.encode() for text in ([given] if unseen else given)]
master, slave = pty.openpty()
child = os.fork()
if child == 0:
    os.setsid()
    import fcntl

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(slave, number)
    os.execvp(sys.argv[2], sys.argv[2:])

said = b""
sent = 0
status = None
end = time.time() + 30
while time.time() < end:
    if select.select([master], [], [], 0.05)[0]:
        said += os.read(master, 65536)
    ready = not unseen or not termios.tcgetattr(slave)[3] & termios.ECHO
    if sent < len(keys) and said.count(question) > sent and ready:
        os.write(master, keys[sent])
        sent += 1
    if status is None:
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
    elif not select.select([master], [], [], 0)[0]:
        break
if status is None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
modes = termios.tcgetattr(slave)[3]
print(
    json.dumps(
        {
            "status": status,
            "said": said.decode(),
            "echo": bool(modes & termios.ECHO),
            "lines": bool(modes & termios.ICANON),
        }
    )
)
