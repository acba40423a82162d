//go:build !windows

package dev

import (
	"errors"
	"os"
	"syscall"
)

// lock locks the directory itself, so that one on a full disk, or one that cannot be written, can be locked as well.
// Errors: errLocked.
func lock(dir string) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
