//go:build unix

package emulator

import (
	"os/exec"
	"syscall"
)

// apart keeps Ctrl-C from the emulator: whoever started it stops it when all that uses it has stopped.
func apart(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
