//go:build unix

package venv

import (
	"os"
	"syscall"
)

// lock waits for a lock that all processes share. The kernel releases it when the process ends, also after a crash.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close() // the error of Flock matters more
		return nil, err
	}
	return func() { _ = f.Close() }, nil // nothing was written
}
