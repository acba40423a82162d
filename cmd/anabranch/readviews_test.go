package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestViewsThatAreNoFile checks that a pipe, a device or a folder as --views is refused at once, also when it takes the
// place of the file while dev runs: the tick goes on with the old views.
func TestViewsThatAreNoFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	pipe, file, link, broken, socket := in("pipe"), in("views.yaml"), in("link"), in("broken"), in("socket")
	t.Chdir(dir)
	listener, err := net.Listen("unix", "socket") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	for _, err := range []error{
		syscall.Mkfifo(pipe, 0o600), os.WriteFile(file, []byte("views: []\n"), 0o600), os.Symlink(file, link),
		os.Symlink(pipe, in("link to a pipe")), os.Symlink("nowhere", broken), os.WriteFile(in("empty"), nil, 0o600),
		os.WriteFile(in("large"), make([]byte, maxViews+1), 0o600),
		os.WriteFile(in("largest"), make([]byte, maxViews), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		file: "", link: "", in("empty"): "", in("largest"): "",
		pipe: "not a file (a pipe)", in("link to a pipe"): "not a file (a pipe)", "/dev/null": "not a file (a device)",
		"/dev/zero": "not a file (a device)", dir: "not a file (a folder)", socket: "socket", broken: "no such file",
		in("absent"): "no such file", in("large"): "larger than", file + "/x": "not a directory", "": "no such file",
	} {
		done := make(chan error, 1)
		go func() {
			_, err := readViews(path)
			done <- err
		}()
		select {
		case err := <-done:
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", path, err, want)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: nothing is read, and nothing said", path)
		}
	}
	s := newSession()
	s.do(t, exitUsage, "dev", "--views", pipe, "--dir", in("data"))
	says(t, &s.err, "--views: ", "not a file (a pipe)")
	reload := (&DevCmd{Views: pipe}).reload([]byte("views: []"))
	if views, err := reload(); err == nil || views != nil {
		t.Errorf("reload: %v, %v", views, err)
	}
}
