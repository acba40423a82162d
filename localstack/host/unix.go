//go:build unix

package host

import (
	"os"
	"os/exec"
	"syscall"
)

// supported says why no host can be made here.
func supported() error { return nil }

// apart keeps Ctrl-C from the process: the host ends it. Should the host itself be killed, a bootstrap finds its Runtime API gone and ends; one that
// is stopped gets SIGHUP from the kernel, its process group being an orphan.
func apart(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func stop(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// readPipe reads from a pipe that does not block. No bytes: more may come (true), or never will.
func readPipe(fd uintptr, buffer []byte) (n int, more bool) {
	for {
		n, err := syscall.Read(int(fd), buffer)
		if err == syscall.EINTR {
			continue
		}
		return n, err == syscall.EAGAIN
	}
}
