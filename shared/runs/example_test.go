package runs_test

import (
	"context"
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/runner"
	"github.com/anabranch/anabranch/shared/runs"
)

// The reader returns the objects of a manifest as batches of events. An event with an earlier copy is a duplicate, and
// its row does not count.
func ExampleReader() {
	ctx := context.Background()
	codec, err := event.NewCodec(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	const begin = `{"specversion":"1.0","source":"/s","type":"t","id":"`
	var lines []byte
	for i, id := range []string{"a", "b", "a"} {
		stamp := event.Stamp{Request: ulid.MustParse("01KY58SNJXZ0W6V3T5YJ9K4M2N"), Index: i}
		lines = event.AppendLine(lines, []byte(begin+id+`"}`), stamp)
	}
	store := &memory.Archive{}
	object := archive.Object{Key: "events/dt=2026-11-22/slot=211500/01KY58SNJXZ0W6V3T5YJ9K4M2N.ndjson.zst"}
	if _, err := store.Put(ctx, object.Key, codec.Compress(nil, lines)); err != nil {
		fmt.Println(err)
		return
	}

	layout := archive.Layout{Number: 1, Lanes: 4}
	reader := runs.Reader{Archive: store, Codec: codec, Layout: layout, Parallel: runner.Sequential}
	manifest := runs.Manifest{Run: 1, Objects: []runs.ManifestObject{{Object: object}}}
	in, err := reader.Read(ctx, event.NewFields(nil), manifest)
	if err != nil {
		fmt.Println(err)
		return
	}
	new(runs.Known).MarkDuplicates(in, runner.Sequential) // duplicates over all history, which is empty before run 1
	counted, dropped := in.Rows(0, nil, nil)
	fmt.Println("counted", counted, "dropped", dropped)
	// Output: counted [0 1] dropped [2]
}
