//go:build !unix

package host

import (
	"errors"
	"os"
	"os/exec"
)

var errUnix = errors.New("the local Lambda host needs Linux or macOS")

// supported returns the reason why the host does not run on this system.
func supported() error { return errUnix }

func apart(*exec.Cmd) {}

func stop(*os.Process) error { return errUnix }

func resume(*os.Process) error { return errUnix }

func readPipe(uintptr, []byte) (n int, more bool) { return 0, false }
