package dirarchive_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/dirarchive"
)

const (
	day    = "events/dt=2026-11-22"
	slot   = day + "/slot=211500"
	object = slot + "/01JD8Z6B1QZ0W6V3T5YJ9K4M2N.ndjson.zst"
	later  = "events/dt=2026-11-23/slot=000000/01JD8Z6B1QZ0W6V3T5YJ9K4M2P.ndjson.zst"
)

// linked moves a file or folder away and puts a symbolic link to it in its place.
func linked(t *testing.T, root, name string) {
	t.Helper()
	away := filepath.Join(t.TempDir(), "away")
	name = filepath.Join(root, name)
	if err := errors.Join(os.Rename(name, away), os.Symlink(away, name)); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsWrittenIsListed checks that whatever stands in the directory, an event that is acknowledged is listed, or
// the list says why it cannot be, by name. Nothing is left out without a word.
func TestWhatIsWrittenIsListed(t *testing.T) {
	type change func(t *testing.T, root string)
	link := func(name string) change { return func(t *testing.T, root string) { linked(t, root, name) } }
	foreign := func(name string) change {
		return func(t *testing.T, root string) { writeFile(t, filepath.Join(root, name), "x") }
	}
	for _, c := range []struct {
		name    string
		change  change
		check   string // of what Check returns; "": nil
		refuses bool   // the list of all events
		puts    bool   // another object can be put into the same slot
	}{
		{"as it was", func(*testing.T, string) {}, "", false, true},
		{"events is a link", link("events"), "events is a symbolic link", true, false},
		{"a day is a link", link(day), "dt=2026-11-22 is a symbolic link", true, false},
		{"a slot is a link", link(slot), "slot=211500 is a symbolic link", true, false},
		{"an object is a link", link(object), ".ndjson.zst is a symbolic link", true, true},
		{"another day is a link", link("events/dt=2026-11-23"), "dt=2026-11-23 is a symbolic link", true, true},
		{"the layout is a link", link("events/_layouts/1.json"), "1.json is a symbolic link", false, true},
		{"a link that leads nowhere", func(t *testing.T, root string) {
			if err := os.Symlink("nowhere", filepath.Join(root, day, "slot=212000")); err != nil {
				t.Fatal(err)
			}
		}, "slot=212000 is a symbolic link", true, true},
		{"a link in a circle", func(t *testing.T, root string) {
			if err := os.Symlink("..", filepath.Join(root, day, "slot=212000")); err != nil {
				t.Fatal(err)
			}
		}, "slot=212000 is a symbolic link", true, true},
		{"a named pipe", func(t *testing.T, root string) {
			if err := syscall.Mkfifo(filepath.Join(root, slot, "01JD8Z6B1QZ0W6V3T5YJ9K4M2Q.ndjson.zst"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is a named pipe", true, true},
		{"a socket", func(t *testing.T, root string) {
			t.Chdir(filepath.Join(root, slot)) // a socket's path is short
			l, err := net.Listen("unix", "s")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "is a socket", true, true},
		{"a foreign file in a slot", foreign(slot + "/notes.txt"), "notes.txt", false, true},
		{"a foreign file in a day", foreign(day + "/x.ndjson.zst"), "x.ndjson.zst", false, true},
		{"a foreign file beside the layout", foreign("events/copy.ndjson"), "move the file out", false, true},
		{"an object in another case", foreign(slot + "/01jd8z6b1qz0w6v3t5yj9k4m2q.ndjson.zst"),
			"must be written as", false, true},
		{"an object of an impossible slot", foreign(day + "/slot=256000/01JD8Z6B1QZ0W6V3T5YJ9K4M2Q.ndjson.zst"),
			"invalid slot", false, true},
		{"a file elsewhere", foreign("README.txt"), "", false, true},
		{"a hidden file", foreign(slot + "/.DS_Store"), "", false, true},
		{"no layout", func(t *testing.T, root string) {
			if err := os.Remove(filepath.Join(root, "events/_layouts/1.json")); err != nil {
				t.Fatal(err)
			}
		}, "2 objects of events and no events/_layouts/1.json", false, true},
		{"the directory itself is a link", func(t *testing.T, root string) {
			away := filepath.Join(t.TempDir(), "away")
			if err := errors.Join(os.Rename(root, away), os.Symlink(away, root)); err != nil {
				t.Fatal(err)
			}
		}, "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "root")
			a := open(t, root)
			for _, key := range []archive.Key{archive.LayoutKey(1), object, later} {
				put(t, a, key, "body")
			}
			c.change(t, root)
			err := a.Check(t.Context())
			if (err == nil) != (c.check == "") || err != nil && !strings.Contains(err.Error(), c.check) {
				t.Errorf("check says %v, want %q", err, c.check)
			}
			before, _, err := a.List(t.Context(), archive.FirstEvent, archive.EndOfEvents, 100)
			if (err != nil) != c.refuses {
				t.Errorf("list: %v, %v", before, err)
			}
			const another = slot + "/01JD8Z6B1QZ0W6V3T5YJ9K4M2R.ndjson.zst"
			_, err = a.Put(t.Context(), another, []byte("body"))
			if (err == nil) != c.puts || errors.Is(err, archive.ErrExists) {
				t.Errorf("put: %v", err)
			}
			after, _, listed := a.List(t.Context(), archive.FirstEvent, archive.EndOfEvents, 100)
			if err == nil && listed == nil && len(after) != len(before)+1 {
				t.Errorf("put, and not listed: %v, before %v", after, before)
			}
		})
	}
}

// TestForeignDirectories checks that a directory in which somebody else keeps things is refused by name, and left as it
// was. What the file system, the desktop or a crash has left in an empty one is no reason.
func TestForeignDirectories(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"nothing":                     {nil, ""},
		"hidden files":                {[]string{".DS_Store", ".gitkeep", ".git/HEAD", ".put/draft"}, ""},
		"a file":                      {[]string{"notes.txt"}, "it holds notes.txt but no events/_layouts/1.json"},
		"several files":               {[]string{"go.mod", "main.go", "views.yaml"}, "it holds go.mod and 2 more but no"},
		"a folder":                    {[]string{"src/main.go"}, "it holds src but no"},
		"objects of another archive":  {[]string{"rejected/a", "runs/b"}, "it holds rejected and 1 more but no"},
		"the folder events of others": {[]string{"events/index.html"}, "it holds events but no events/_layouts/1.json"},
		"their events, and a file":    {[]string{"README.md", "events/2026/a.json"}, "it holds events but no"},
		"days without a slot":         {[]string{day + "/a.json"}, "it holds events but no"},
		"events without a layout":     {[]string{object, "README.md"}, "1 objects of events and no events/_layouts/1.json"},
		"a layout and a file":         {[]string{"events/_layouts/1.json", "README.md"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, file := range c.files {
				writeFile(t, filepath.Join(root, file), "x")
			}
			err := open(t, root).Check(t.Context())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("check says %v, want %q", err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), "a new or empty directory") &&
				!strings.Contains(err.Error(), "start with an empty directory") {
				t.Errorf("%v does not say what to do", err)
			}
			for _, made := range []string{"events", ".put"} {
				_, err := os.Stat(filepath.Join(root, made))
				if err == nil && !strings.Contains(strings.Join(c.files, " "), made+"/") {
					t.Errorf("the check made %s", made)
				}
			}
		})
	}
}

// TestArchiveIsADirectory checks that a file is refused in place of the directory.
func TestArchiveIsADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "views.yaml")
	writeFile(t, file, "x")
	want := "open archive: " + file + " is not a directory; name a directory"
	if _, err := dirarchive.Open(file, time.Now); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestListBesideALink checks that a link is in the way only where objects of the range may stand behind it.
func TestListBesideALink(t *testing.T) {
	root := t.TempDir()
	a := open(t, root)
	put(t, a, object, "body")
	put(t, a, later, "body")
	linked(t, root, day)
	from := archive.Key("events/dt=2026-11-23")
	if objects, _, err := a.List(t.Context(), from, archive.EndOfEvents, 10); err != nil || len(objects) != 1 {
		t.Errorf("%v, %v", objects, err)
	}
	if objects, _, err := a.List(t.Context(), archive.FirstEvent, day, 10); err != nil || len(objects) != 0 {
		t.Errorf("%v, %v", objects, err)
	}
	if objects, _, err := a.List(t.Context(), object, archive.EndOfEvents, 10); err == nil {
		t.Errorf("%v", objects)
	}
}

// TestCannotBeWritten checks that a directory that takes no draft opens, says so, and reads on. Once it takes them
// again, puts do.
func TestCannotBeWritten(t *testing.T) {
	root := t.TempDir()
	a := open(t, root)
	put(t, a, "events/a", "one")
	drafts := filepath.Join(root, ".put")
	if err := os.RemoveAll(drafts); err != nil {
		t.Fatal(err)
	}
	writeFile(t, drafts, "in the way, as a full or read-only disk is")
	again := open(t, root)
	if err := again.CheckWrite(); err == nil {
		t.Error("the directory can be written")
	}
	wantBody(t, again, "events/a", "one")
	wantKeys(t, again, "events/a")
	if err := os.Remove(drafts); err != nil {
		t.Fatal(err)
	}
	if err := again.CheckWrite(); err != nil {
		t.Error(err)
	}
	put(t, again, "events/b", "two")
	wantKeys(t, again, "events/a", "events/b")
}
