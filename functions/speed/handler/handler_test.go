package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/functions/speed/handler"
	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/simulation"
)

var errLost = errors.New("lost on the way")

// captured returns an event captured from Lambda, with six records of a shard. Records 0, 3 and 4 are of lane 1.4.3,
// and records 1, 2 and 5 of lane 1.4.0. Record 2 cannot be decoded. The others are of the slot 2026-01-01T00:01:00Z,
// and hold nine purchases of ann, whose sum is 55.5.
func captured(t testing.TB) []byte {
	t.Helper()
	payload, err := os.ReadFile("testdata/kinesis.json")
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// The sequence numbers of the captured records.
var sequences = []string{
	"49590338271490256608559692538361571095921575989136588898", "49590338271490256608559692538361571095921575989136588962",
	"49590338271490256608559692538361571095921575989136589026", "49590338271490256608559692538361571095921575989136589090",
	"49590338271490256608559692538361571095921575989136589154", "49590338271490256608559692538361571095921575989136589218",
}

// prepared compiles the views once, because all worlds share them.
var prepared = sync.OnceValues(func() (*simulation.Kit, error) { return simulation.Prepare(simulation.Views) })

// newWorld returns a world whose views serve, and whose clock is at 2026-01-01T00:01:00Z.
func newWorld(t testing.TB) (*simulation.World, *handler.Handler) {
	t.Helper()
	kit, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	w, err := kit.New(1)
	if err != nil {
		t.Fatal(err)
	}
	w.Wait(time.Minute)
	if _, err := w.Tick(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w, &handler.Handler{Speed: w.Speed, Log: slog.New(slog.DiscardHandler)}
}

// checkAnn checks the purchases of ann that speed has for the minute 2026-01-01T00:00.
func checkAnn(t *testing.T, w *simulation.World, purchases, amount string) {
	t.Helper()
	answer, err := w.Ask(context.Background(), "by_user", "ann")
	if err != nil {
		t.Fatal(err)
	}
	got := "none"
	if len(answer.Data) == 1 {
		got = fmt.Sprintf("%s of %s", answer.Data[0].Values[0].Value, answer.Data[0].Values[1].Value)
	}
	want := "none"
	if purchases != "0" {
		want = purchases + " of " + amount
	}
	if got != want {
		t.Errorf("purchases are %s, want %s", got, want)
	}
}

const noFailures = `{"batchItemFailures":[]}`

func failedFrom(record int) string {
	return `{"batchItemFailures":[{"itemIdentifier":"` + sequences[record] + `"}]}`
}

// TestInvoke checks that the handler applies the whole batch, except for the record that cannot be decoded. It sets
// that record aside unchanged. A second delivery of the batch changes nothing.
func TestInvoke(t *testing.T) {
	w, h := newWorld(t)
	for range 2 {
		response, err := h.Invoke(context.Background(), captured(t))
		if err != nil || string(response) != noFailures {
			t.Errorf("response is %s, %v; want %s", response, err, noFailures)
		}
		checkAnn(t, w, "9", "55.5")
	}
	kept, _, err := w.Archive.List(context.Background(), "setaside/", "setaside0", 10)
	if err != nil || len(kept) != 1 || kept[0].Key != archive.Key("setaside/key=312e342e30/"+sequences[2]+".json") {
		t.Fatalf("set aside: %v, %v", kept, err)
	}
	body, _, err := w.Archive.Get(context.Background(), kept[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		PartitionKey string `json:"partition_key"`
		Sequence     string `json:"sequence"`
		Reason       string `json:"reason"`
		Data         []byte `json:"data"`
	}
	if err := json.Unmarshal(body, &object); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(object.Reason, "compressed data corrupt: zstd") {
		t.Errorf("the reason is %q", object.Reason)
	}
	if object.PartitionKey != "1.4.0" || object.Sequence != sequences[2] ||
		string(object.Data) != "neither zstd nor lines" {
		t.Errorf("set aside is %s", body)
	}
}

// TestFailures checks that the response names the first record that is not fully applied, and that a failure in one
// lane does not hold back the other lane.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name              string
		fails             func(w *simulation.World)
		response          string
		purchases, amount string // that are in all the same
	}{
		{
			"no item can be written", func(w *simulation.World) { w.Items.Hook = failing("speed.Put", 0, 1000) }, failedFrom(0),
			"0", "",
		},
		{
			// Each lane writes an item of by_user, of its roll-up and of everything, and tries each three times.
			"none of the second lane", func(w *simulation.World) { w.Items.Hook = failing("speed.Put", 3, 1000) }, failedFrom(1),
			"6", "30",
		},
		{
			"one write, once", func(w *simulation.World) { w.Items.Hook = failing("speed.Put", 1, 2) }, noFailures, "9", "55.5",
		},
		{
			"the record cannot be set aside: its lane waits from its first record on",
			func(w *simulation.World) { w.Archive.Hook = failing("archive.Put", 0, 1000) }, failedFrom(1), "6", "30",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, h := newWorld(t)
			c.fails(w)
			response, err := h.Invoke(context.Background(), captured(t))
			if err != nil || string(response) != c.response {
				t.Errorf("response is %s, %v; want %s", response, err, c.response)
			}
			w.Items.Hook, w.Archive.Hook = nil, nil
			checkAnn(t, w, c.purchases, c.amount)
			if response, err := h.Invoke(context.Background(), captured(t)); err != nil || string(response) != noFailures {
				t.Errorf("delivered again: response is %s, %v", response, err)
			}
			checkAnn(t, w, "9", "55.5")
		})
	}
	t.Run("the invocation fails if the catalog cannot be read", func(t *testing.T) {
		w, h := newWorld(t)
		w.Catalog.Hook = failing("catalog.Views", 0, 1)
		if response, err := h.Invoke(context.Background(), captured(t)); !errors.Is(err, errLost) || response != nil {
			t.Errorf("response is %s, %v", response, err)
		}
	})
}

// failing returns a hook that makes calls of a name fail, from one number up to another.
func failing(name string, from, until int) memory.Hook {
	calls := 0
	return func(call memory.Call) memory.Fault {
		if call.Name != name {
			return memory.Fault{}
		}
		if calls++; calls > from && calls <= until {
			return memory.Fault{Err: errLost}
		}
		return memory.Fault{}
	}
}

// TestNotKinesis checks that another payload than a Kinesis event is an error, so that no record counts as done.
func TestNotKinesis(t *testing.T) {
	payload := string(captured(t))
	edit := func(from, to string) string {
		if !strings.Contains(payload, from) {
			t.Fatalf("the captured event has no %s", from)
		}
		return strings.Replace(payload, from, to, 1)
	}
	for _, c := range []struct{ name, payload string }{
		{"nothing", ""},
		{"no JSON", "records"},
		{"null", "null"},
		{"an array", "[]"},
		{"another event", `{"version":"2.0","routeKey":"$default"}`},
		{"an empty object", "{}"},
		{"records that are none", `{"Records":{}}`},
		{"records that are null", `{"Records":null}`},
		{"a record that is none", `{"Records":["record"]}`},
		{"an event of SQS", `{"Records":[{"messageId":"1","body":"{}"}]}`},
		{"a record without a number", edit(`"sequenceNumber": "`+sequences[0]+`",`, "")},
		{"an empty number", edit(`"`+sequences[0]+`",`, `"",`)},
		{"a number that is none", edit(`"`+sequences[0]+`",`, `"4959x",`)},
		{"a number that begins with 0", edit(`"`+sequences[0]+`",`, `"0`+sequences[0]+`",`)},
		{"a number as a number", edit(`"`+sequences[0]+`",`, sequences[0]+`,`)},
		{"data that is no base64", edit(`"data": "KLUv`, `"data": "!KLUv`)},
		{"data that is no string", edit(`"data": "`, `"data": 1, "d": "`)},
		{"the records twice", strings.TrimRight(payload, "}\n") + `, "Records": []}`},
		{"cut short", payload[:len(payload)/2]},
		{"no end", strings.TrimRight(payload, "}\n")},
		{"something after it", payload + "{}"},
		{"invalid UTF-8", edit("aws:kinesis", "aws:\xffkinesis")},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, h := newWorld(t)
			w.Items.Hook = func(call memory.Call) memory.Fault {
				t.Errorf("%s was called", call.Name)
				return memory.Fault{}
			}
			response, err := h.Invoke(context.Background(), []byte(c.payload))
			if err == nil || response != nil || !strings.Contains(err.Error(), "not a Kinesis event") {
				t.Errorf("response is %s, %v; want an error that says it is not a Kinesis event", response, err)
			}
		})
	}
}

// TestNoRecords checks the response to an event without records.
func TestNoRecords(t *testing.T) {
	_, h := newWorld(t)
	if response, err := h.Invoke(context.Background(), []byte(` {"Records" : [] } `+"\n")); err != nil ||
		string(response) != noFailures {
		t.Errorf("response is %s, %v", response, err)
	}
}

// TestMetrics checks that the metrics count what was done. If the event says when its records came into the stream,
// they also show the age of the oldest record.
func TestMetrics(t *testing.T) {
	// What all tests share must not be made in the bubble: a channel that is made there works nowhere else.
	if _, err := prepared(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, checkMetrics)
}

func checkMetrics(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		oldest         time.Time
	}{
		{"as captured", "x", "x", time.UnixMilli(1767225661100)},
		{"without the oldest's", `"approximateArrivalTimestamp": 1767225661.100`, `"more": 1`, time.UnixMilli(1767225661101)},
		{"the last is the oldest", "1767225661.105", "1767225000", time.UnixMilli(1767225000000)},
		{"null", "1767225661.100", "null", time.UnixMilli(1767225661101)},
		{"none", "approximateArrivalTimestamp", "more", time.Time{}},
	} {
		_, h := newWorld(t)
		var printed []metrics.Value
		h.Print = func(values ...metrics.Value) { printed = values }
		n := 1
		if c.name == "none" {
			n = -1
		}
		if _, err := h.Invoke(
			context.Background(), []byte(strings.Replace(string(captured(t)), c.from, c.to, n)),
		); err != nil {
			t.Fatal(err)
		}
		want := []metrics.Value{{Name: metrics.Events, Value: 9}, {Name: metrics.SetAside, Value: 1}}
		if !c.oldest.IsZero() {
			want = append(want, metrics.Value{Name: metrics.StreamLag, Value: time.Since(c.oldest).Milliseconds()})
		}
		if diff := cmp.Diff(want, printed); diff != "" {
			t.Errorf("%s: metrics (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestSkippedPerView checks that speed has a metric of its own only for a Kappa view that skips events: batch counts
// those of Lambda views.
func TestSkippedPerView(t *testing.T) {
	lambda := strings.Replace(simulation.Views, "data.user", "data.nobody", 1)
	for views, want := range map[string]map[string]int64{
		lambda: {"": 9},
		strings.Replace(lambda, "- name: by_user\n", "- name: by_user\n    architecture: kappa\n", 1): {"": 9, "by_user": 9},
	} {
		kit, err := simulation.Prepare(views)
		if err != nil {
			t.Fatal(err)
		}
		w, err := kit.New(1)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		h := &handler.Handler{Speed: w.Speed, Log: slog.New(slog.DiscardHandler), Print: func(values ...metrics.Value) {
			for _, v := range values {
				if v.Name == metrics.Skipped {
					got[v.View] += v.Value
				}
			}
		}}
		if _, err := h.Invoke(t.Context(), captured(t)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("skipped per view (-want +got): %s", diff)
		}
	}
}

// TestUnknownMembers checks that the handler ignores unknown members, which later versions of the event may have.
func TestUnknownMembers(t *testing.T) {
	w, h := newWorld(t)
	payload := strings.Replace(
		string(captured(t)), `"kinesis": {`, `"more": [{"kinesis": 1}], "kinesis": {"more": {"data": "x"},`, 1,
	)
	payload = strings.Replace(payload, `"Records"`, `"window": {"start": "x"}, "Records"`, 1)
	if response, err := h.Invoke(context.Background(), []byte(payload)); err != nil || string(response) != noFailures {
		t.Errorf("response is %s, %v", response, err)
	}
	checkAnn(t, w, "9", "55.5")
}

// FuzzInvoke checks that any payload leads to an error, or to a response that names one of its records or none. The
// handler never panics.
func FuzzInvoke(f *testing.F) {
	f.Add(captured(f))
	f.Add([]byte(`{"Records":[]}`))
	f.Add(
		[]byte(
			`{"Records":[{"kinesis":{"partitionKey":"1.4.0","sequenceNumber":"1","data":""}},{"kinesis":{"partitionKey":"x",` +
				`"sequenceNumber":"2"}}]}`,
		),
	)
	w, h := newWorld(f)
	// otherwise the records set aside would fill the memory
	w.Archive.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: errLost} }
	f.Fuzz(func(t *testing.T, payload []byte) {
		response, err := h.Invoke(context.Background(), payload)
		if err != nil {
			if response != nil {
				t.Fatalf("response %s and error %v", response, err)
			}
			return
		}
		var decoded events.KinesisEventResponse
		if err := json.Unmarshal(response, &decoded); err != nil || len(decoded.BatchItemFailures) > 1 {
			t.Fatalf("response is %s, %v", response, err)
		}
		for _, failure := range decoded.BatchItemFailures {
			if !bytes.Contains(payload, []byte(failure.ItemIdentifier)) || failure.ItemIdentifier == "" {
				t.Fatalf("response is %s: it names no record of %s", response, payload)
			}
		}
	})
}

// TestDecodesAsLambda checks that the handler decodes an event like AWS's library for Lambda.
func TestDecodesAsLambda(t *testing.T) {
	var event events.KinesisEvent
	if err := json.Unmarshal(captured(t), &event); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range event.Records {
		got = append(got, r.Kinesis.SequenceNumber)
	}
	if diff := cmp.Diff(sequences, got); diff != "" {
		t.Error("sequence numbers (-want +got):", diff)
	}
}
