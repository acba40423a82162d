package dirarchive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/anabranch/anabranch/shared/archive"
)

// Check reads the names of the whole directory. What is written must be what is listed, so it refuses a directory in
// which that cannot hold.
//
// Errors: a directory that holds other things and no archive; a link, pipe or device where an object or a folder should
// be; files among the events that no put has written; events without the layout by which they were written. Each names
// the file and says what to do. Retrying does not help before somebody has done that.
func (a *Archive) Check(ctx context.Context) error {
	if err := a.checkForeign(); err != nil {
		return err
	}
	events, layout := 0, false
	var all []error
	err := a.each(ctx, "", "\xff", math.MaxInt, func(o archive.Object) {
		switch _, _, foreign := archive.ParseEventsKey(o.Key); {
		case o.Key == archive.LayoutKey(1):
			layout = true
		case foreign == nil:
			events++
		case strings.HasPrefix(string(o.Key), "events/") && len(all) < maxNamed:
			all = append(all, fmt.Errorf("%w: move the file out of the directory; events come in through ingest only", foreign))
		}
	})
	if err != nil {
		return err
	}
	if events == 0 && !layout && len(all) > 0 {
		return noArchive("events")
	}
	if events > 0 && !layout {
		all = append(all, fmt.Errorf("the directory has %d objects of events and no %s, which says how they were written: "+
			"restore it from a copy of the directory, or start with an empty directory", events, archive.LayoutKey(1)))
	}
	return errors.Join(all...)
}

// checkForeign refuses a directory that has visible files or folders and no folder of events: somebody else uses it.
// It does not look into folders, so that it soon returns from a home directory, too.
func (a *Archive) checkForeign() error {
	entries, err := os.ReadDir(a.root)
	if err != nil {
		return err
	}
	var names []string
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == "events":
			return nil
		case !hidden(name):
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return noArchive(names...)
}

// noArchive is the error for a directory that holds other things.
func noArchive(names ...string) error {
	more := ""
	if len(names) > 1 {
		more = fmt.Sprintf(" and %d more", len(names)-1)
	}
	return fmt.Errorf("it holds %s%s but no %s, so it is not an archive: choose a new or empty directory", names[0], more,
		archive.LayoutKey(1))
}

// maxNamed is how many foreign files Check names.
const maxNamed = 5

// CheckWrite writes a draft and removes it. An error means that nothing can be put now, for example because the disk is
// full or read-only. What is there can still be read.
func (a *Archive) CheckWrite() error {
	draft, err := a.draft([]byte("draft"))
	if err != nil {
		return err
	}
	return os.Remove(draft)
}

// checkFolders refuses a folder that is reached through a link: a put would follow it, a list would not.
func (a *Archive) checkFolders(folder string) error {
	for ; folder != a.root; folder = filepath.Dir(folder) {
		info, err := os.Lstat(folder)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return irregular(folder, info.Mode())
		}
	}
	return nil
}

// irregular is the error for a name that is neither a file nor a folder.
func irregular(name string, mode fs.FileMode) error {
	kind := "a device"
	switch {
	case mode&fs.ModeSymlink != 0:
		kind = "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode.IsRegular():
		kind = "a file"
	}
	return fmt.Errorf("%s is %s, but the archive consists of folders and files: put the file or folder itself there, "+
		"or take it away", name, kind)
}
