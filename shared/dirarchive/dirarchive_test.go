package dirarchive_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/conformance"
	"github.com/anabranch/anabranch/shared/dirarchive"
)

// instant is the time in every test.
var instant = time.Date(2026, 11, 22, 21, 17, 3, 0, time.UTC)

func now() time.Time { return instant }

func open(t *testing.T, root string) *dirarchive.Archive {
	t.Helper()
	a, err := dirarchive.Open(root, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func put(t *testing.T, a *dirarchive.Archive, key archive.Key, body string) {
	t.Helper()
	if _, err := a.Put(t.Context(), key, []byte(body)); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func wantBody(t *testing.T, a *dirarchive.Archive, key archive.Key, want string) {
	t.Helper()
	if got, _, err := a.Get(t.Context(), key); err != nil || string(got) != want {
		t.Errorf("get %s: %q, error %v; want %q", key, got, err, want)
	}
}

// wantKeys compares the complete listing with the expected keys.
func wantKeys(t *testing.T, a *dirarchive.Archive, want ...archive.Key) {
	t.Helper()
	objects, _, err := a.List(t.Context(), "", "\xff", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var got []archive.Key
	for _, o := range objects {
		got = append(got, o.Key)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func TestArchive(t *testing.T) {
	conformance.Archive(t, func(t *testing.T) archive.Archive { return open(t, t.TempDir()) })
}

// TestArchiveOfTwoHandles runs the suite with two handles on one directory, as two processes have them. The calls
// alternate between the handles.
func TestArchiveOfTwoHandles(t *testing.T) {
	conformance.Archive(t, func(t *testing.T) archive.Archive {
		root := t.TempDir()
		return &alternating{Archive: open(t, root), other: open(t, root)}
	})
}

func TestOpenMakesMissingFolders(t *testing.T) {
	root := filepath.Join(t.TempDir(), "not", "there", "yet")
	put(t, open(t, root), "a/b", "body")
	wantBody(t, open(t, root), "a/b", "body")
}

func TestOpenRelativeToTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, root := range []string{".", "data", "./more/data/"} {
		put(t, open(t, root), "a/b", root)
		wantBody(t, open(t, root), "a/b", root)
	}
	if body, err := os.ReadFile("more/data/a/b"); err != nil || string(body) != "./more/data/" {
		t.Errorf("file holds %q, error %v", body, err)
	}
}

func TestOpenRefusesWhatIsNoDirectory(t *testing.T) {
	root := filepath.Join(t.TempDir(), "file")
	writeFile(t, root, "I am a file")
	if _, err := dirarchive.Open(root, time.Now); err == nil || !strings.Contains(err.Error(), root) {
		t.Errorf("error %v, want one that names %s", err, root)
	}
}

func TestReopened(t *testing.T) {
	root := t.TempDir()
	first := open(t, root)
	put(t, first, "events/a", "one")
	second := open(t, root)
	wantBody(t, second, "events/a", "one")
	wantKeys(t, second, "events/a")
	put(t, second, "events/b", "two")
	wantKeys(t, first, "events/a", "events/b")
	if _, err := first.Put(t.Context(), "events/b", nil); !errors.Is(err, archive.ErrExists) {
		t.Errorf("put of what the other handle has put: error %v", err)
	}
}

// TestNothingIsLeftBehind checks that only the object remains, both after a put that succeeded and after one that found
// the key taken.
func TestNothingIsLeftBehind(t *testing.T) {
	root := t.TempDir()
	a := open(t, root)
	put(t, a, "events/a", "one")
	if _, err := a.Put(t.Context(), "events/a", []byte("two")); !errors.Is(err, archive.ErrExists) {
		t.Fatalf("put again: error %v", err)
	}
	if diff := cmp.Diff([]string{"events/a"}, files(t, root)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestADraftLeftBehindIsNoObject(t *testing.T) {
	root := t.TempDir()
	a := open(t, root)
	put(t, a, "events/a", "one")
	// A file as left by a process that is killed while it writes.
	writeFile(t, filepath.Join(root, ".put", "draft-123"), "half an obj")
	reopened := open(t, root)
	wantKeys(t, reopened, "events/a")
	if _, _, err := reopened.Get(t.Context(), ".put/draft-123"); err == nil {
		t.Error("the draft can be got")
	}
	put(t, reopened, "events/b", "two")
	wantKeys(t, reopened, "events/a", "events/b")
}

func TestKeysThatCannotBeFilesAreRefused(t *testing.T) {
	outside := t.TempDir()
	root := filepath.Join(outside, "root")
	a := open(t, root)
	put(t, a, "a/b", "body")
	before := files(t, outside)
	for _, key := range []archive.Key{
		"", ".", "..", "/", "../x", "a/../../x", "a/../b", "a/..", "a/./b", "a//b", "a/b/", "/a/b", "./a/b",
		".put", ".put/x", ".x", "a/.x", "a/.x/y",
		"a\x00b", archive.Key(strings.Repeat("x", 300)),
	} {
		if _, err := a.Put(t.Context(), key, []byte("escaped")); err == nil || errors.Is(err, archive.ErrExists) {
			t.Errorf("put %.30q: error %v", key, err)
		}
		if body, _, err := a.Get(t.Context(), key); err == nil {
			t.Errorf("get %.30q: %q", key, body)
		}
	}
	if diff := cmp.Diff(before, files(t, outside)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
	wantKeys(t, a, "a/b")
}

// TestFilesThatAreNotObjects checks that the archive ignores files that desktops and editors leave in a directory.
func TestFilesThatAreNotObjects(t *testing.T) {
	root := t.TempDir()
	a := open(t, root)
	put(t, a, "events/a", "one")
	writeFile(t, filepath.Join(root, ".DS_Store"), "x")
	writeFile(t, filepath.Join(root, "events", ".a.swp"), "x")
	writeFile(t, filepath.Join(root, "events", ".trash", "b"), "x")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(root, "events", "empty", "folders"), 0o700),
		os.Symlink("a", filepath.Join(root, "events", ".link")),
		os.Symlink(t.TempDir(), filepath.Join(root, ".linked folder")),
	); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, a, "events/a")
}

// TestAFolderIsNoObject checks that a put at the name of a folder fails. ErrExists would mean success to a caller that
// retries, so the object would be lost.
func TestAFolderIsNoObject(t *testing.T) {
	a := open(t, t.TempDir())
	put(t, a, "events/a", "one")
	if _, err := a.Put(t.Context(), "events", []byte("two")); err == nil || errors.Is(err, archive.ErrExists) {
		t.Errorf("put over a folder: error %v", err)
	}
	if _, err := a.Put(t.Context(), "events/a/b", []byte("two")); err == nil || errors.Is(err, archive.ErrExists) {
		t.Errorf("put below an object: error %v", err)
	}
	wantKeys(t, a, "events/a")
}

func TestAnswersCarryTheGivenClock(t *testing.T) {
	a := open(t, t.TempDir())
	date, err := a.Put(t.Context(), "a", nil)
	if err != nil || !date.Equal(instant) {
		t.Errorf("put: date %s, error %v; want %s", date, err, instant)
	}
}

// TestErrorsNameTheKey checks that an error names the key, for the person who has to look at the directory.
func TestErrorsNameTheKey(t *testing.T) {
	root := t.TempDir()
	a := open(t, root)
	if err := os.RemoveAll(filepath.Join(root, ".put")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(root, ".put"), "in the way")
	_, err := a.Put(t.Context(), "events/a", nil)
	if err == nil || !strings.Contains(err.Error(), "events/a") || errors.Is(err, archive.ErrExists) {
		t.Errorf("put without a place for drafts: error %v", err)
	}
	_, _, err = a.Get(t.Context(), "events/a")
	if !errors.Is(err, archive.ErrNotFound) || !strings.Contains(err.Error(), "events/a") {
		t.Errorf("get: error %v", err)
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if _, _, err = a.List(t.Context(), "events/", "events0", 1); err == nil || !strings.Contains(err.Error(), "events/") {
		t.Errorf("list of a directory that is gone: error %v", err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// files returns all files below a directory, by path.
func files(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			var name string
			name, err = filepath.Rel(root, path)
			all = append(all, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestListOfLargeFolders checks pages of a folder that has more names than a page and than one read of the folder, and
// of folders most of which hold nothing.
func TestListOfLargeFolders(t *testing.T) {
	root := t.TempDir()
	a := open(t, root)
	var want []archive.Key
	add := func(key string) {
		t.Helper()
		file := filepath.Join(root, filepath.FromSlash(key))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		want = append(want, archive.Key(key))
	}
	for i := range 2500 {
		add(fmt.Sprintf("a/%04d", i))
	}
	for i := range 60 {
		if i%20 == 19 {
			add(fmt.Sprintf("b/%02d/object", i))
		} else if err := os.MkdirAll(filepath.Join(root, "b", fmt.Sprintf("%02d", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 2, 700, 3000} {
		var got []archive.Key
		for from := archive.Key(""); ; {
			if limit < 700 && len(got) == 0 {
				from = "a/2490"
				got = slices.Clone(want[:2490])
			}
			page, _, err := a.List(t.Context(), from, "\xff", limit)
			if err != nil || len(page) > limit {
				t.Fatalf("%d objects, limit %d, error %v", len(page), limit, err)
			}
			for _, o := range page {
				got = append(got, o.Key)
			}
			if len(page) < limit {
				break
			}
			from = page[limit-1].Key.After()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}
