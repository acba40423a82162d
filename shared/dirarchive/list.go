package dirarchive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
)

// List implements archive.Archive. It holds as many names at once as it returns, however many a folder has.
func (a *Archive) List(ctx context.Context, from, to archive.Key, limit int) ([]archive.Object, time.Time, error) {
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	var objects []archive.Object
	err := a.each(ctx, from, to, limit, func(o archive.Object) { objects = append(objects, o) })
	if err != nil {
		return nil, a.now(), fmt.Errorf("list from %s: %w", from, err)
	}
	return objects, a.now(), nil
}

// each yields the first objects with from <= key < to, at most limit, in the order of their keys.
func (a *Archive) each(ctx context.Context, from, to archive.Key, limit int, yield func(archive.Object)) error {
	l := listing{ctx: ctx, from: string(from), to: string(to), room: limit, yield: yield}
	return l.walk(a.root, "")
}

type listing struct {
	ctx      context.Context
	from, to string
	room     int // number of objects that may yet be yielded
	yield    func(archive.Object)
}

// walk yields the objects below a folder in the order of their keys.
func (l *listing) walk(folder, prefix string) error {
	for after := ""; l.room > 0; {
		entries, more, err := l.readAfter(folder, prefix, after)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if l.room == 0 {
				return nil
			}
			if err := l.visit(folder, e); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		after = entries[len(entries)-1].key
	}
	return nil
}

func (l *listing) visit(folder string, e entry) error {
	path := filepath.Join(folder, e.Name())
	switch {
	case e.IsDir():
		return l.walk(path, e.key)
	case !e.Type().IsRegular():
		return irregular(path, e.Type())
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	l.room--
	l.yield(archive.Object{Key: archive.Key(e.key), Size: info.Size()})
	return nil
}

// entry is a name in a folder. The key of a folder is what the keys of all objects in it begin with. It ends in a
// slash, by which a folder sorts among files.
type entry struct {
	fs.DirEntry
	key string
}

func entryOf(prefix string, e fs.DirEntry) entry {
	if e.IsDir() {
		return entry{e, prefix + e.Name() + "/"}
	}
	return entry{e, prefix + e.Name()}
}

const (
	readAtOnce = 1000    // names that one read of a folder returns
	mostHeld   = 1 << 17 // names of a folder that are held at once; a larger folder is read several times
)

// readAfter returns the first entries of a folder in the range, after a key, in the order of their keys, and whether
// there are more.
func (l *listing) readAfter(folder, prefix, after string) (first []entry, more bool, err error) {
	d, err := os.Open(folder)
	if err != nil {
		return nil, false, err
	}
	defer d.Close() // nothing was written
	most := min(l.room, mostHeld)
	cut := func() {
		slices.SortFunc(first, func(m, n entry) int { return strings.Compare(m.key, n.key) })
		if len(first) > most {
			clear(first[most:])
			first, more = first[:most], true
		}
	}
	for {
		if err := l.ctx.Err(); err != nil {
			return nil, false, err
		}
		some, err := d.ReadDir(readAtOnce)
		for _, e := range some {
			if e := entryOf(prefix, e); e.key > after && l.isWanted(e) {
				first = append(first, e)
			}
		}
		if len(first) > 2*most {
			cut()
		}
		if errors.Is(err, io.EOF) {
			cut()
			return first, more, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// isWanted reports whether an entry may hold objects of the range.
func (l *listing) isWanted(e entry) bool {
	switch {
	case hidden(e.Name()) || e.key >= l.to:
		return false
	case e.IsDir():
		// Every key below begins with this one. All come before from if this one does and from does not begin with it.
		return e.key >= l.from || strings.HasPrefix(l.from, e.key)
	case !e.Type().IsRegular():
		// What it leads to may hold objects of the range. To leave them out without a word would lose them.
		under := e.key + "/"
		return under >= l.from || strings.HasPrefix(l.from, under)
	}
	return e.key >= l.from
}
