package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startDev runs "anabranch dev" in this process on a directory, on a free port. It returns what it said until it
// listened, and a function that stops it as Ctrl-C does.
func startDev(t *testing.T, dir string, flags ...string) (said string, stop func()) {
	t.Helper()
	s, ctx, cancel := newSession(), context.Background(), context.CancelFunc(nil)
	ctx, cancel = context.WithCancel(ctx)
	out, in := io.Pipe()
	s.world.stderr, s.world.now = in, time.Now
	args := append([]string{
		"dev", "--views=../../localstack/sample/views.yaml", "--dir=" + dir, "--listen=127.0.0.1:0",
		"--commit-within=500ms", "--seal-delay=1s",
	}, flags...)
	ended := make(chan int, 1)
	go func() { ended <- s.run(ctx, args); in.Close() }()
	stop = func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("exit code %d", code)
		}
		ended <- exitOK
	}
	t.Cleanup(stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said += lines.Text() + "\n"; strings.Contains(said, "sealed after") {
			go io.Copy(io.Discard, out)
			return said, stop
		}
	}
	t.Fatalf("it did not start:\n%s", said)
	return "", nil
}

// TestDevTakesTheSlotOfAUsedDirectory checks that, without --slot, a used directory keeps the length of its slots and a
// new one gets the default. Another length is refused with what to do.
func TestDevTakesTheSlotOfAUsedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	for i, c := range []struct{ flags, slot string }{
		{"--slot=2s", "slot 2s,"}, {"", "slot 2s,"}, {"--slot=2000ms", "slot 2s,"},
	} {
		said, stop := startDev(t, dir, strings.Fields(c.flags)...)
		if stop(); !strings.Contains(said, c.slot) {
			t.Errorf("start %d does not say %q:\n%s", i, c.slot, said)
		}
	}
	s := newSession()
	s.do(t, exitUsage, "dev", "--views=../../localstack/sample/views.yaml", "--dir="+dir, "--slot=3s")
	says(t, &s.err, "--slot=3s: the directory "+dir+" has slots of 2s, which never change; leave --slot out, or choose")

	said, _ := startDev(t, t.TempDir())
	if !strings.Contains(said, "slot 5m0s,") {
		t.Errorf("a new directory does not have the default:\n%s", said)
	}
	refused, s := filepath.Join(t.TempDir(), "refused"), newSession()
	s.do(t, exitUsage, "dev", "--views=../../localstack/sample/views.yaml", "--dir="+refused, "--slot=7s")
	says(t, &s.err, "--slot: invalid slot length 7s: must be whole seconds from 1s to 24h that divide 24h")
	if _, err := os.Stat(refused); err == nil {
		t.Error("a refused start has made a directory")
	}
	broken := t.TempDir()
	if err := os.MkdirAll(filepath.Join(broken, "events", "_layouts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "events", "_layouts", "1.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = newSession()
	s.do(t, exitUsage, "dev", "--views=../../localstack/sample/views.yaml", "--dir="+broken)
	says(t, &s.err, "directory "+broken+": read layout events/_layouts/1.json")
}

// TestDevLocksItsDirectory checks that a second server on a directory is refused, under any name of it, until the first
// ends.
func TestDevLocksItsDirectory(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	_, stop := startDev(t, dir)
	for _, name := range []string{dir, dir + "/.", link} {
		s := newSession()
		s.do(t, exitUsage, "dev", "--views=../../localstack/sample/views.yaml", "--dir="+name, "--listen=127.0.0.1:0")
		says(t, &s.err, `another "anabranch dev" uses it; stop that one, or choose another directory`)
	}
	startDev(t, t.TempDir()) // another directory is free
	stop()
	_, stop = startDev(t, link)
	stop()
}

// TestAKilledServerLeavesNoLock checks that the system gives the lock of a killed process free.
func TestAKilledServerLeavesNoLock(t *testing.T) {
	if os.Getenv("ANABRANCH_LOCK") != "" { // this is the process that is killed
		run([]string{"dev", "--views=../../localstack/sample/views.yaml", "--dir=" + os.Getenv("ANABRANCH_LOCK"),
			"--listen=127.0.0.1:0"}, nil, io.Discard, os.Stdout)
		return
	}
	dir := t.TempDir()
	c := exec.Command(os.Args[0], "-test.run=^TestAKilledServerLeavesNoLock$")
	c.Env = append(os.Environ(), "ANABRANCH_LOCK="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "listens on") {
		t.Fatalf("%q, %v", line, err)
	}
	s := newSession()
	s.do(t, exitUsage, "dev", "--views=../../localstack/sample/views.yaml", "--dir="+dir, "--listen=127.0.0.1:0")
	says(t, &s.err, `another "anabranch dev" uses it`)
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	startDev(t, dir)
}
