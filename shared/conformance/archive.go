package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/slot"
)

// Archive is the suite of archive.Archive. The archives that open returns must report the time.
func Archive(t *testing.T, open func(t *testing.T) archive.Archive) {
	t.Helper()
	runAll(t, open, []subtest[archive.Archive]{
		{"Put creates an object with any bytes", archiveBodies},
		{"Put returns ErrExists when the key is taken, perhaps by an earlier try of this very call", archiveExists},
		{"Put by many at once: one creates the object, all others get ErrExists", archiveRace},
		{"Put gives up when ctx ends, and retrying is safe", archiveCancelledPut},
		{"Get and List return an error when ctx has ended", archiveCancelledReads},
		{"Get returns ErrNotFound when the key holds no object", archiveNotFound},
		{"Get returns a whole object, which the caller owns", archiveOwned},
		{"Every answer carries the store's own clock; the time is zero when there was no answer", archiveClock},
		{"List returns the objects with from <= key < to", archiveRange},
		{"List returns objects in the byte order of their keys", archiveOrder},
		{"List orders keys by their bytes, also if a URL escapes them", archiveOrderEscaped},
		{"List returns at most limit objects; fewer mean that there are no more", archiveLimit},
		{"List: the next page starts at the last key's After", archivePages},
		{"List returns more objects than a store returns at once", archiveLargeLimit},
		{"A call that starts after a Put has returned sees its object", archiveConsistent},
		{"The keys of package archive can be put, got and listed", archiveProjectKeys},
	})
}

func put(t *testing.T, a archive.Archive, key archive.Key, body []byte) {
	t.Helper()
	_, err := a.Put(t.Context(), key, body)
	wantNoError(t, fmt.Sprintf("put %s", key), err)
}

func get(t *testing.T, a archive.Archive, key archive.Key) []byte {
	t.Helper()
	body, _, err := a.Get(t.Context(), key)
	wantNoError(t, fmt.Sprintf("get %s", key), err)
	return body
}

func list(t *testing.T, a archive.Archive, from, to archive.Key, limit int) []archive.Object {
	t.Helper()
	objects, _, err := a.List(t.Context(), from, to, limit)
	wantNoError(t, fmt.Sprintf("list %q to %q, limit %d", from, to, limit), err)
	return objects
}

// wantKeys compares a listing with the expected keys, in order.
func wantKeys(t *testing.T, call string, got []archive.Object, want []archive.Key) {
	t.Helper()
	keys := make([]archive.Key, len(got))
	for i, o := range got {
		keys[i] = o.Key
	}
	if diff := cmp.Diff(want, keys, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", call, diff)
	}
}

func archiveBodies(t *testing.T, a archive.Archive) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, body := range map[string][]byte{
		"empty": {}, "nil": nil, "NUL": {0}, "line end": []byte("\n"), "every byte": every,
		"not UTF-8":  []byte("\xff\xfe\x80"),
		"gzip magic": {0x1f, 0x8b, 8, 0}, "1 MB": noise(1, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			key := archive.Key(own(t))
			put(t, a, key, body)
			if got := get(t, a, key); !bytes.Equal(got, body) {
				t.Errorf("got %d bytes that are not the %d put", len(got), len(body))
			}
			want := []archive.Object{{Key: key, Size: int64(len(body))}}
			if diff := cmp.Diff(want, list(t, a, key, key.After(), 2)); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
		})
	}
}

func archiveExists(t *testing.T, a archive.Archive) {
	key := archive.Key(own(t) + "/object")
	put(t, a, key, []byte("first"))
	for _, body := range []string{"first", "second", ""} {
		_, err := a.Put(t.Context(), key, []byte(body))
		wantError(t, fmt.Sprintf("put %q again", body), err, archive.ErrExists)
	}
	if got := get(t, a, key); string(got) != "first" {
		t.Errorf("the object became %q", got)
	}
}

func archiveRace(t *testing.T, a archive.Archive) {
	for round := range 8 {
		key := archive.Key(fmt.Sprintf("%s/%d", own(t), round))
		var (
			errs [racers]error
			seen [racers][]byte
		)
		race(func(i int) {
			if _, errs[i] = a.Put(t.Context(), key, noise(uint64(i), 100_000)); errs[i] == nil ||
				errors.Is(errs[i], archive.ErrExists) {
				seen[i], _, _ = a.Get(t.Context(), key) // the bytes are compared below
			}
		})
		winner := oneWinner(t, errs[:], archive.ErrExists)
		for i, body := range seen {
			if !bytes.Equal(body, noise(uint64(winner), 100_000)) {
				t.Errorf("after its put racer %d saw %d bytes that are not the whole object of racer %d", i, len(body), winner)
			}
		}
	}
}

func archiveCancelledPut(t *testing.T, a archive.Archive) {
	key := archive.Key(own(t))
	if _, err := a.Put(cancelled(t), key, []byte("body")); err == nil {
		t.Error("put with an ended ctx returned no error")
	}
	// The cancelled put may have landed.
	if _, err := a.Put(t.Context(), key, []byte("body")); err != nil && !errors.Is(err, archive.ErrExists) {
		t.Errorf("put again: %v", err)
	}
	if got := get(t, a, key); string(got) != "body" {
		t.Errorf("got %q", got)
	}
}

func archiveCancelledReads(t *testing.T, a archive.Archive) {
	key := archive.Key(own(t))
	put(t, a, key, []byte("body"))
	if _, _, err := a.Get(cancelled(t), key); err == nil || errors.Is(err, archive.ErrNotFound) {
		t.Errorf("get with an ended ctx: error %v", err)
	}
	if _, _, err := a.List(cancelled(t), key, key.After(), 1); err == nil {
		t.Error("list with an ended ctx returned no error")
	}
}

func archiveNotFound(t *testing.T, a archive.Archive) {
	folder := archive.Key(own(t))
	put(t, a, folder+"/ab", []byte("body"))
	for _, key := range []archive.Key{
		folder + "/a", folder + "/abc", folder + "/ab/c", folder, folder + "/none/ab", folder + "/b",
	} {
		body, _, err := a.Get(t.Context(), key)
		wantError(t, fmt.Sprintf("get %s", key), err, archive.ErrNotFound)
		if len(body) > 0 {
			t.Errorf("get %s returned %q", key, body)
		}
	}
}

func archiveOwned(t *testing.T, a archive.Archive) {
	key := archive.Key(own(t))
	body := noise(7, 1000)
	put(t, a, key, body)
	spoil(body)
	first := get(t, a, key)
	if !bytes.Equal(first, noise(7, 1000)) {
		t.Error("changing what was passed to Put changed the object")
	}
	spoil(first)
	if !bytes.Equal(get(t, a, key), noise(7, 1000)) {
		t.Error("changing what Get returned changed the object")
	}
}

func archiveClock(t *testing.T, a archive.Archive) {
	key := archive.Key(own(t))
	calls := []struct {
		name string
		do   func(ctx context.Context) (time.Time, error)
		want error
	}{
		{"get of a free key", func(ctx context.Context) (time.Time, error) {
			_, date, err := a.Get(ctx, key)
			return date, err
		}, archive.ErrNotFound},
		{"put", func(ctx context.Context) (time.Time, error) { return a.Put(ctx, key, nil) }, nil},
		{"put again", func(ctx context.Context) (time.Time, error) { return a.Put(ctx, key, nil) }, archive.ErrExists},
		{"get", func(ctx context.Context) (time.Time, error) { _, date, err := a.Get(ctx, key); return date, err }, nil},
		{"list", func(ctx context.Context) (time.Time, error) {
			_, date, err := a.List(ctx, key, key.After(), 1)
			return date, err
		}, nil},
		{"list without objects", func(ctx context.Context) (time.Time, error) {
			_, date, err := a.List(ctx, key, key, 1)
			return date, err
		}, nil},
	}
	for _, call := range calls {
		if date, err := call.do(cancelled(t)); err == nil || !date.IsZero() {
			t.Errorf("%s with an ended ctx: date %s, error %v; want no date, for there was no answer, and an error", call.name,
				date, err)
		}
		date, err := call.do(t.Context())
		// the cancelled put may have landed
		if !errors.Is(err, call.want) && !(call.name == "put" && errors.Is(err, archive.ErrExists)) {
			t.Errorf("%s: error %v, want %v", call.name, err, call.want)
		}
		if date.IsZero() {
			t.Errorf("%s: the answer carries no date", call.name)
		}
	}
}

func archiveRange(t *testing.T, a archive.Archive) {
	folder := archive.Key(own(t) + "/")
	var keys []archive.Key
	for i := range 6 {
		keys = append(keys, folder+archive.Key(fmt.Sprintf("k%d", i)))
		put(t, a, keys[i], []byte{byte(i)})
	}
	for _, test := range []struct {
		name     string
		from, to archive.Key
		want     []archive.Key
	}{
		{"from is included, to is not", keys[1], keys[4], keys[1:4]},
		{"one key", keys[2], keys[2].After(), keys[2:3]},
		{"after from, through to", keys[1].After(), keys[4].After(), keys[2:5]},
		{"from = to", keys[3], keys[3], nil},
		{"from > to", keys[4], keys[1], nil},
		{"bounds between keys", keys[1] + "5", keys[4] + "5", keys[2:5]},
		{"bounds are prefixes of keys", folder + "k", folder + "k3", keys[:3]},
		{"all", folder, folder[:len(folder)-1] + "0", keys},
		{"to is the folder", folder[:len(folder)-1], folder, nil},
		{"before the first", folder, keys[0], nil},
		{"after the last", keys[5].After(), folder + "l", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantKeys(t, fmt.Sprintf("list %q to %q", test.from, test.to), list(t, a, test.from, test.to, 100), test.want)
		})
	}
}

// archiveOrder uses keys that a store might order as paths, or without regard to case. No key is the folder of another
// one, and no two differ only in case: a file system cannot store such keys, and package archive has none.
func archiveOrder(t *testing.T, a archive.Archive) {
	archiveOrderOf(t, a, "a-b", "a-c/d", "a.b", "a/b", "a/b.c", "a/b0/c", "a0", "aC", "a_b", "ab", "aa/z", "c/a", "Z",
		"B/a", "a~", "b=1/b=2/c", "b=1/b=10/c", "1", "10", "2", "09")
}

// archiveOrderEscaped uses keys that a store might order by UTF-16, or in escaped form. Package archive has none of
// them.
func archiveOrderEscaped(t *testing.T, a archive.Archive) {
	archiveOrderOf(t, a, "a b", "a!b", "a+b", "a-b", "a/b", "a0", "a=1", "aC", "a_b", "a~", "a%2Fb", "a%00", "ä", "é/a",
		"\uffee", "\U00010000")
}

func archiveOrderOf(t *testing.T, a archive.Archive, names ...archive.Key) {
	folder := archive.Key(own(t) + "/")
	var keys []archive.Key
	for _, name := range names {
		keys = append(keys, folder+name)
	}
	for _, i := range []int{7, 3} { // not in the order of the keys
		for at := range keys {
			other := (at*i + i) % len(keys)
			keys[at], keys[other] = keys[other], keys[at]
		}
	}
	for _, key := range keys {
		put(t, a, key, []byte(key))
	}
	slices.Sort(keys)
	wantKeys(t, "list all", list(t, a, folder, folder+"\xff", 1000), keys)
	for i := range keys {
		wantKeys(t, fmt.Sprintf("list from %q", keys[i]), list(t, a, keys[i], folder+"\xff", 1000), keys[i:])
		wantKeys(t, fmt.Sprintf("list to %q", keys[i]), list(t, a, folder, keys[i], 1000), keys[:i])
		wantKeys(t, fmt.Sprintf("list after %q", keys[i]), list(t, a, keys[i].After(), folder+"\xff", 3),
			keys[i+1:min(i+4, len(keys))])
	}
}

func archiveLimit(t *testing.T, a archive.Archive) {
	folder := archive.Key(own(t) + "/")
	var keys []archive.Key
	for i := range 5 {
		keys = append(keys, folder+archive.Key(fmt.Sprintf("%d/object", i)))
		put(t, a, keys[i], nil)
	}
	to := folder + "9"
	for _, test := range []struct {
		limit int
		want  []archive.Key
	}{{0, nil}, {1, keys[:1]}, {4, keys[:4]}, {5, keys}, {6, keys}, {1 << 30, keys}} {
		wantKeys(t, fmt.Sprintf("limit %d of 5", test.limit), list(t, a, folder, to, test.limit), test.want)
	}
}

func archivePages(t *testing.T, a archive.Archive) {
	folder := archive.Key(own(t) + "/")
	var keys []archive.Key
	for i := range 12 {
		// Some keys continue another key: After must not skip them.
		keys = append(keys, folder+archive.Key(strings.Repeat("k", i%4+1)+strings.Repeat("l", i/4)))
		put(t, a, keys[i], nil)
	}
	slices.Sort(keys)
	to := folder + "z"
	for _, limit := range []int{1, 2, 5, 11, 12, 13} {
		var all []archive.Object
		for from := folder; ; {
			page := list(t, a, from, to, limit)
			all = append(all, page...)
			if len(page) < limit || len(all) > len(keys) {
				break
			}
			from = page[len(page)-1].Key.After()
		}
		wantKeys(t, fmt.Sprintf("pages of %d", limit), all, keys)
	}
}

func archiveLargeLimit(t *testing.T, a archive.Archive) {
	const n = 1104 // S3 returns at most 1,000 at once
	folder := archive.Key(own(t) + "/")
	keys := make([]archive.Key, n)
	for i := range keys {
		keys[i] = folder + archive.Key(fmt.Sprintf("%04d", i))
	}
	var errs [racers]error
	race(func(r int) {
		for i := r; i < n && errs[r] == nil; i += racers {
			_, errs[r] = a.Put(t.Context(), keys[i], nil)
		}
	})
	wantNoError(t, "puts", errors.Join(errs[:]...))
	for _, limit := range []int{1000, 1001, n - 1, n, n + 1, 1 << 30} {
		wantKeys(t, fmt.Sprintf("limit %d of %d", limit, n), list(t, a, folder, folder+"~", limit), keys[:min(limit, n)])
	}
}

func archiveConsistent(t *testing.T, a archive.Archive) {
	var errs [racers]error
	race(func(r int) {
		folder := archive.Key(fmt.Sprintf("%s/%02d/", own(t), r))
		for i := range 4 {
			key := folder + archive.Key(fmt.Sprint(i))
			want := noise(uint64(r*10+i), 5000)
			if _, err := a.Put(t.Context(), key, want); err != nil {
				errs[r] = err
				return
			}
			got, _, err := a.Get(t.Context(), key)
			if err != nil || !bytes.Equal(got, want) {
				errs[r] = fmt.Errorf("get %s right after its put: %d bytes, error %w", key, len(got), err)
				return
			}
			objects, _, err := a.List(t.Context(), folder, folder+"~", 100)
			if err != nil || len(objects) != i+1 || objects[i] != (archive.Object{Key: key, Size: 5000}) {
				errs[r] = fmt.Errorf("list right after the put of %s: %v, error %w", key, objects, err)
				return
			}
		}
	})
	wantNoError(t, "puts, gets and lists at once", errors.Join(errs[:]...))
}

// archiveProjectKeys leaves out LayoutKey, since an archive has only one.
func archiveProjectKeys(t *testing.T, a archive.Archive) {
	var request ulid.ULID
	copy(request[6:], noise(ownNumber(t), 10))
	wantNoError(t, "request", request.SetTime(1_795_555_555_555))
	length, err := slot.NewLength(5 * time.Minute)
	wantNoError(t, "slot", err)
	s := length.At(time.UnixMilli(int64(request.Time())))
	for _, key := range []archive.Key{
		archive.EventsKey(s, request),
		archive.RejectedKey(request),
		archive.SetAsideKey("1.4.2", "49546986683135544286507457936321625675700192471156785154"),
		archive.SetAsideKey(strings.Repeat("\u00e4", 256), "49546986683135544286507457936321625675700192471156785154"),
		// as long as Kinesis makes them
		archive.SetAsideKey(own(t)+"/../\x00", "1"+event.Sequence(strings.Repeat("0", 128))),
		archive.ManifestKey(ownNumber(t), request),
		archive.IdentitiesKey(ownNumber(t), request),
	} {
		put(t, a, key, []byte(key))
		if got := get(t, a, key); string(got) != string(key) {
			t.Errorf("get %s: %q", key, got)
		}
		wantKeys(t, fmt.Sprintf("list %s", key), list(t, a, key, key.After(), 2), []archive.Key{key})
	}
}
