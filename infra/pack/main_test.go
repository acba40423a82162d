package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// built returns a folder with the bootstraps of two functions.
func built(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, function := range []string{"ingest", "batch"} {
		write := func(name, text string, mode os.FileMode) {
			if err := os.WriteFile(filepath.Join(dir, function, name), []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(dir, function), 0o755); err != nil {
			t.Fatal(err)
		}
		write("bootstrap", function+strings.Repeat(" code", 1000), 0o755)
	}
	return dir
}

const goodViews = "views:\n  - name: visits\n    key: {path: data.path}\n    window: 1h\n    aggregates:\n      " +
	"visits: count()\n"

func viewsFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPack(t *testing.T) {
	dir := built(t)
	var out strings.Builder
	if err := run(&out, viewsFile(t, goodViews), []string{dir, "ingest", "batch"}); err != nil {
		t.Fatal(err)
	}
	for function, want := range map[string]map[string]string{
		"ingest": {"bootstrap": "ingest" + strings.Repeat(" code", 1000)},
		"batch":  {"bootstrap": "batch" + strings.Repeat(" code", 1000), "views.yaml": goodViews},
	} {
		archive, err := zip.OpenReader(filepath.Join(dir, function+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		if len(archive.File) != len(want) {
			t.Errorf("%s has %d files, want %d", function, len(archive.File), len(want))
		}
		for _, f := range archive.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != want[f.Name] {
				t.Errorf("%s: %s holds %.40q, %v; want %.40q", function, f.Name, got, err, want[f.Name])
			}
			if f.Mode() != 0o755 {
				t.Errorf("%s: %s has mode %s; Lambda could not run it", function, f.Name, f.Mode())
			}
		}
	}
	if !strings.Contains(out.String(), "ingest") || !strings.Contains(out.String(), "5006") {
		t.Errorf("printed\n%swant the sizes", &out)
	}
}

// TestSameBytes checks that an archive depends only on the content of its files, not on their owners or times.
func TestSameBytes(t *testing.T) {
	var first []byte
	for i := range 2 {
		dir := built(t)
		bootstrap := filepath.Join(dir, "ingest", "bootstrap")
		if err := os.Chtimes(bootstrap, time.Time{}, time.Unix(int64(i)*1e6, 0)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(bootstrap, 0o600+os.FileMode(i)*0o111); err != nil {
			t.Fatal(err)
		}
		if err := run(io.Discard, "", []string{dir, "ingest"}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "ingest.zip"))
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && !bytes.Equal(got, first) {
			t.Error("two archives of the same files differ")
		}
		first = got
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		views string
		args  []string
		part  string
	}{
		{"nothing", "", nil, "want a folder"},
		{"no functions", "", []string{built(t)}, "want a folder"},
		{"not built", "", []string{built(t), "speed"}, "function speed: not built"},
		{"no views", "nowhere.yaml", []string{built(t), "batch"}, "nowhere.yaml"},
		{
			"views with a mistake",
			viewsFile(t, "views:\n  - name: x\n    windows: 1h\n"),
			[]string{built(t), "batch"},
			"mine.yaml:3:5",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(io.Discard, c.views, c.args)
			if err == nil || !strings.Contains(err.Error(), c.part) {
				t.Errorf("error is %v, want %q in it", err, c.part)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	dir := built(t)
	to := filepath.Join(dir, "ingest.zip")
	_, size, err := pack(filepath.Join(dir, "ingest"), to, 1000)
	if err != nil || size > 1000 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	if _, _, err := pack(filepath.Join(dir, "ingest"), to, int(size)-1); err == nil ||
		!strings.Contains(err.Error(), "the archive has") {
		t.Errorf("one byte too many: %v", err)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("pack wrote the archive although it is too large")
	}
}
