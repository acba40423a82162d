//go:build unix

package emulator

import (
	"os"
	"os/exec"
	"syscall"
)

// lock waits for a lock that all processes share. It ends with the process, so that no crash leaves it behind.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close() // the lock's error says what matters
		return nil, err
	}
	return func() { _ = f.Close() }, nil // nothing was written
}

// apart keeps Ctrl-C from the emulator: whoever started it stops it when all that uses it has stopped.
func apart(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
