package dynamoviews_test

import (
	"bytes"
	"cmp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

func bytesOf(item table.Item, name string) []byte {
	return item[name].(*types.AttributeValueMemberB).Value
}

// anyInt draws a number near the places where encodings often fail.
func anyInt(t *rapid.T, label string) int64 {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-300, 300), rapid.SampledFrom([]int64{-1 << 63, 1<<63 - 1})).Draw(t,
		label)
}

func anyText(t *rapid.T, label string) string {
	return string(rapid.OneOf(rapid.SliceOfN(rapid.SampledFrom([]byte("\x00\x01a\xff")), 0, 4),
		rapid.SliceOfN(rapid.Byte(), 0, 916)).Draw(t, label))
}

func anySpeedKey(t *rapid.T) viewstore.SpeedKey {
	count := rapid.IntRange(1, 20).Draw(t, "count")
	return viewstore.SpeedKey{
		Set: lifecycle.Set(anyText(t, "set")), Key: view.Key(anyText(t, "key")),
		Slot: slot.Slot(anyInt(t, "slot")), Page: view.Page(anyInt(t, "page")),
		Lane: event.Lane{Layout: rapid.IntRange(1, 20).Draw(t, "layout"), Count: count,
			N: rapid.IntRange(0, count-1).Draw(t, "n")},
	}
}

func TestSpeedKeysSortByTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anySpeedKey(t), anySpeedKey(t)
		if rapid.Bool().Draw(t, "same slot") {
			b.Slot = a.Slot
		}
		if rapid.Bool().Draw(t, "same page") {
			b.Page = a.Page
		}
		if rapid.Bool().Draw(t, "same key") {
			b.Set, b.Key = a.Set, a.Key
		}
		want := cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Page, b.Page),
			strings.Compare(a.Lane.String(), b.Lane.String()))
		x, y := dynamoviews.EncodeSpeedKey(a), dynamoviews.EncodeSpeedKey(b)
		if got := bytes.Compare(bytesOf(x, "sk"), bytesOf(y, "sk")); got != want {
			t.Errorf("%+v and %+v compare as %d, want %d", a, b, got, want)
		}
		same := a.Set == b.Set && viewstore.ShardOf(a.Key) == viewstore.ShardOf(b.Key)
		if got := bytes.Equal(bytesOf(x, "pk"), bytesOf(y, "pk")); got != same {
			t.Errorf("%+v and %+v share a partition: %t, want %t", a, b, got, same)
		}
		x["f"], x["s"] = table.Text("1"), table.Binary(nil)
		if item, err := dynamoviews.DecodeSpeed(x); err != nil || item.SpeedKey != a {
			t.Errorf("%+v decodes as %+v, error %v", a, item.SpeedKey, err)
		}
	})
}

func TestBaseKeysSortByTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := viewstore.BaseKey{Generation: lifecycle.GenerationID(anyText(t, "generation")), Key: view.Key(anyText(t, "key")),
			Page: view.Page(anyInt(t, "page"))}
		b := viewstore.BaseKey{Generation: lifecycle.GenerationID(anyText(t, "generation")), Key: view.Key(anyText(t, "key")),
			Page: view.Page(anyInt(t, "page"))}
		if rapid.Bool().Draw(t, "same key") {
			b.Key = a.Key
		}
		x, y := dynamoviews.EncodeBaseKey(a), dynamoviews.EncodeBaseKey(b)
		want := cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Page, b.Page))
		if got := bytes.Compare(bytesOf(x, "sk"), bytesOf(y, "sk")); got != want {
			t.Errorf("%+v and %+v compare as %d, want %d", a, b, got, want)
		}
		same := a.Generation == b.Generation && viewstore.ShardOf(a.Key) == viewstore.ShardOf(b.Key)
		if got := bytes.Equal(bytesOf(x, "pk"), bytesOf(y, "pk")); got != same {
			t.Errorf("%+v and %+v share a partition: %t, want %t", a, b, got, same)
		}
		x["h"], x["s"] = table.Number(slot.Slot(1)), table.Binary(nil)
		if item, err := dynamoviews.DecodeBase(x); err != nil || item.BaseKey != a {
			t.Errorf("%+v decodes as %+v, error %v", a, item.BaseKey, err)
		}
	})
}

func TestSeenKeysSortByTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		item := func() viewstore.SeenItem { return viewstore.SeenItem{Lane: seen.Lane, Records: seenRecordsOf(t)} }
		a, b := item(), item()
		x, xErr := dynamoviews.EncodeSeen(a)
		y, yErr := dynamoviews.EncodeSeen(b)
		if xErr != nil || yErr != nil {
			t.Fatal(xErr, yErr)
		}
		want := cmp.Or(sign(a.Last().Compare(b.Last())), sign(a.First().Compare(b.First())))
		if got := bytes.Compare(bytesOf(x, "sk"), bytesOf(y, "sk")); got != want {
			t.Errorf("%q to %q and %q to %q compare as %d, want %d", a.First(), a.Last(), b.First(), b.Last(), got, want)
		}
	})
}

func sign(n int) int { return cmp.Compare(n, 0) }

// TestKeysFitDynamoDB checks the longest possible keys. DynamoDB's maximum is 2,048 bytes for pk and 1,024 for sk.
func TestKeysFitDynamoDB(t *testing.T) {
	ends := strings.Repeat("\x00", 1+view.MaxKeyFields) // of the values, and the number of a subset
	long := view.Key(ends + strings.Repeat("k", view.MaxKey-len(ends)))
	last := event.Sequence(strings.Repeat("9", 129))
	seenKey, err := dynamoviews.EncodeSeen(viewstore.SeenItem{Lane: seen.Lane,
		Records: []viewstore.SeenRecord{{Sequence: last}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []table.Item{
		dynamoviews.EncodeBaseKey(viewstore.BaseKey{Generation: base.Generation, Key: long}),
		dynamoviews.EncodeSpeedKey(viewstore.SpeedKey{Set: speed.Set, Key: long,
			Lane: event.Lane{Layout: 1 << 30, Count: event.MaxLanes, N: event.MaxLanes - 1}}),
		seenKey,
	} {
		if pk, sk := len(bytesOf(key, "pk")), len(bytesOf(key, "sk")); pk > 2048 || sk > 1024 || pk == 0 || sk == 0 {
			t.Errorf("keys of %d and %d bytes", pk, sk)
		}
	}
}

func FuzzDecodeKeys(f *testing.F) {
	b, s := dynamoviews.EncodeBaseKey(base.BaseKey), dynamoviews.EncodeSpeedKey(speed.SpeedKey)
	f.Add(bytesOf(b, "pk"), bytesOf(b, "sk"))
	f.Add(bytesOf(s, "pk"), bytesOf(s, "sk"))
	f.Add([]byte("\x80\x01a"), []byte("a"))
	f.Fuzz(func(t *testing.T, pk, sk []byte) {
		stored := table.KeyOf(table.Binary(pk), table.Binary(sk))
		stored["h"], stored["f"], stored["s"] = table.Number(slot.Slot(1)), table.Text("1"), table.Binary(nil)
		if item, err := dynamoviews.DecodeBase(stored); err == nil {
			wantKey(t, dynamoviews.EncodeBaseKey(item.BaseKey), pk, sk)
		}
		if item, err := dynamoviews.DecodeSpeed(stored); err == nil {
			wantKey(t, dynamoviews.EncodeSpeedKey(item.SpeedKey), pk, sk)
		}
	})
}

func wantKey(t *testing.T, key table.Item, pk, sk []byte) {
	t.Helper()
	if !bytes.Equal(bytesOf(key, "pk"), pk) || !bytes.Equal(bytesOf(key, "sk"), sk) {
		t.Errorf("%x, %x decode into a key that encodes as %x, %x", pk, sk, bytesOf(key, "pk"), bytesOf(key, "sk"))
	}
}
