package dev

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// sharingViolation is the error for a file that another process has opened for itself alone.
const sharingViolation = syscall.Errno(32)

// lock opens a file in the directory for this process alone. The archive ignores names that begin with a dot.
// Errors: errLocked.
func lock(dir string) (*os.File, error) {
	name := filepath.Join(dir, ".lock")
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS,
		syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(handle), name), nil
}
