// Package dirarchive stores the archive in a directory, one file per object. The embedded default uses it. It
// implements the contract of shared/archive and decides nothing.
//
// A key is the path of its file below the directory. So no key may be the folder of another, and no part of a key may
// be empty or begin with a dot: such names belong to the file system, the desktop, and this package's drafts.
package dirarchive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
)

const (
	temporary  = ".put" // the folder of files that are not objects yet
	maxDurable = 4096   // most folders that are remembered as durable
)

// Archive stores objects below a directory. Several processes may share the directory.
type Archive struct {
	root string
	now  func() time.Time

	mu      sync.Mutex
	durable map[string]bool // folders whose names, with those of all folders above, are on disk
}

var _ archive.Archive = (*Archive)(nil)

// Open opens the archive in a directory, and creates the directory if it is missing. now is the clock whose time the
// answers carry: the machine's. A directory that cannot be written opens as well: see CheckWrite.
func Open(root string, now func() time.Time) (*Archive, error) {
	a := &Archive{root: filepath.Clean(root), now: now, durable: map[string]bool{}}
	if err := a.makeRoot(); err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	return a, nil
}

// makeRoot creates the directory and the missing folders above it, and makes their names durable.
func (a *Archive) makeRoot() error {
	if info, err := os.Stat(a.root); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is not a directory; name a directory", a.root)
	}
	var made []string
	for folder := a.root; missing(folder); folder = filepath.Dir(folder) {
		made = append(made, folder)
	}
	if err := os.MkdirAll(a.root, 0o700); err != nil {
		return err
	}
	for _, folder := range made {
		if err := syncFolder(filepath.Dir(folder)); err != nil {
			return err
		}
	}
	return nil
}

func missing(folder string) bool {
	_, err := os.Stat(folder)
	return errors.Is(err, fs.ErrNotExist) && filepath.Dir(folder) != folder
}

// file returns the path of a key's file. Errors: a key that would leave the directory or share its file with another
// key.
func (a *Archive) file(key archive.Key) (string, error) {
	name := string(key)
	if !filepath.IsLocal(name) || path.Clean(name) != name || hidden(name) || strings.Contains(name, "/.") {
		return "", fmt.Errorf("key %q cannot be a file's path: none of its parts may be empty or begin with a dot", key)
	}
	return filepath.Join(a.root, filepath.FromSlash(name)), nil
}

// hidden says whether a name belongs to something other than an object.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// Put implements archive.Archive. The bytes are on disk before the name appears, and the name before Put returns.
func (a *Archive) Put(ctx context.Context, key archive.Key, body []byte) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	file, err := a.file(key)
	if err == nil {
		err = a.put(file, body)
	}
	if err != nil && !errors.Is(err, archive.ErrExists) {
		err = fmt.Errorf("put %s: %w", key, err)
	}
	return a.now(), err
}

func (a *Archive) put(file string, body []byte) error {
	draft, err := a.draft(body)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft) }() // a draft left behind is only litter
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := a.checkFolders(folder); err != nil {
		return err
	}
	// Commit point: the link appears whole or not at all, and fails if the name exists already.
	linked := os.Link(draft, file)
	if errors.Is(linked, fs.ErrExist) {
		if err := isObject(file); err != nil {
			return err
		}
		linked = archive.ErrExists
	} else if linked != nil {
		return linked
	}
	// Sync also a name that existed already: whoever put it may have died, or failed, before it was durable.
	if err := a.syncUp(folder); err != nil {
		return err
	}
	return linked
}

// isObject returns an error when something other than a file has the key's name. Taking that for the object would lose
// the object that was to be put.
func isObject(file string) error {
	info, err := os.Lstat(file)
	if err != nil || info.Mode().IsRegular() {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s exists and is a folder", file)
	}
	return irregular(file, info.Mode())
}

// draft writes the bytes to a file of their own and syncs it.
func (a *Archive) draft(body []byte) (string, error) {
	folder := filepath.Join(a.root, temporary)
	f, err := os.CreateTemp(folder, "draft-")
	if errors.Is(err, fs.ErrNotExist) { // the first draft
		if err = os.Mkdir(folder, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			f, err = os.CreateTemp(folder, "draft-")
		}
	}
	if err != nil {
		return "", err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error matters more
		return "", err
	}
	return f.Name(), nil
}

// syncUp makes the names in a folder durable, and then the folder's own name and the names above it. It skips the names
// that this process has synced before. A folder may exist because another process has just created it, so a name that
// exists may not be durable.
func (a *Archive) syncUp(folder string) error {
	if err := syncFolder(folder); err != nil || folder == a.root {
		return err
	}
	a.mu.Lock()
	known := a.durable[folder]
	a.mu.Unlock()
	if known {
		return nil
	}
	if err := a.syncUp(filepath.Dir(folder)); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.durable) >= maxDurable {
		clear(a.durable) // costs a few more syncs
	}
	a.durable[folder] = true
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closed := d.Close(); err == nil {
		err = closed
	}
	return err
}

// Get implements archive.Archive.
func (a *Archive) Get(ctx context.Context, key archive.Key) ([]byte, time.Time, error) {
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	file, err := a.file(key)
	if err != nil {
		return nil, a.now(), fmt.Errorf("get: %w", err)
	}
	body, err := os.ReadFile(file)
	// A folder is not an object, and there is no object below a file.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTDIR) {
		err = archive.ErrNotFound
	}
	if err != nil {
		return nil, a.now(), fmt.Errorf("get %s: %w", key, err)
	}
	return body, a.now(), nil
}
