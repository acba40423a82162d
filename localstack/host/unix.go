//go:build unix

package host

import (
	"os"
	"os/exec"
	"syscall"
)

// supported returns nil: the host runs on this system.
func supported() error { return nil }

// apart puts the process into its own process group, so that Ctrl-C reaches only the host, which then ends the process.
// If the host is killed, a bootstrap loses its Runtime API and ends. A stopped one gets SIGHUP from the kernel, because
// its process group is then orphaned.
func apart(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func stop(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// readPipe reads from a non-blocking pipe. If it returns no bytes, more reports whether the pipe can still deliver
// some.
func readPipe(fd uintptr, buffer []byte) (n int, more bool) {
	for {
		n, err := syscall.Read(int(fd), buffer)
		if err == syscall.EINTR {
			continue
		}
		return n, err == syscall.EAGAIN
	}
}
