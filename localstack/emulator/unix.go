//go:build unix

package emulator

import (
	"os/exec"
	"syscall"
)

// apart puts the emulator into its own process group, so that Ctrl-C does not reach it. The process that started it
// stops it after its clients.
func apart(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
