package dynamocatalog

import (
	"encoding/json"
	"fmt"

	"github.com/anabranch/anabranch/shared/aws/table"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/event"
	"github.com/anabranch/anabranch/shared/lifecycle"
	"github.com/anabranch/anabranch/shared/slot"
	"github.com/anabranch/anabranch/shared/view"
)

// The versions of the documents. A reader knows one version of a kind and refuses all others by name, older and newer.
const (
	runVersion = 4 // version 3 had no bytes, 2 no sums over all runs, 1 other names for late objects and duplicates
	// 7 had generations without a directory of keys, 6 an early since and no failure, 5 true as rebuild, 4 no
	// answers_from, 1 to 3 live.
	viewVersion  = 8
	waitsVersion = 1
	// 3 had no subset of a key, 2 did not say when findings were made, nor what was given up; 1 had another name for Late.
	auditVersion = 4
	leaseVersion = 1
)

// format is the first member of every document.
type format struct {
	Version int `json:"version"`
}

func (f format) version() int { return f.Version }

// storedRun is a run's document. The run's number is in the key.
type storedRun struct {
	format
	Horizon      slot.Slot    `json:"horizon"` // Unix milliseconds
	Manifest     string       `json:"manifest,omitempty"`
	Identities   string       `json:"identities,omitempty"`
	FirstArrival event.Millis `json:"first_arrival,omitempty"`
	LastArrival  event.Millis `json:"last_arrival,omitempty"`
	Objects      int64        `json:"objects,omitempty"`
	LateObjects  int64        `json:"late_objects,omitempty"`
	Events       int64        `json:"events,omitempty"`
	Duplicates   int64        `json:"duplicates,omitempty"`
	Conflicts    int64        `json:"conflicts,omitempty"`
	Bytes        int64        `json:"bytes,omitempty"`
	AllObjects   int64        `json:"all_objects,omitempty"`
	AllEvents    int64        `json:"all_events,omitempty"`
}

// storedView is a view's document. The name of the view is in the key; the revision is an attribute, since conditions
// need it.
type storedView struct {
	format
	Description string                 `json:"description,omitempty"`
	Serving     lifecycle.GenerationID `json:"serving,omitempty"`
	Generations []storedGeneration     `json:"generations,omitempty"`
	Held        view.Hash              `json:"held,omitempty"`
	Retired     event.Millis           `json:"retired,omitempty"`
	Rebuild     int64                  `json:"rebuild,omitempty"` // revision of the view that the request made
	Failure     string                 `json:"failure,omitempty"`
}

type storedGeneration struct {
	ID         lifecycle.GenerationID `json:"id"`
	Definition view.Hash              `json:"definition"`
	State      lifecycle.State        `json:"state"`
	LiveFrom   slot.Slot              `json:"live_from"` // Unix milliseconds
	Run        uint64                 `json:"run"`
	Horizon    slot.Slot              `json:"horizon"`
	Since      event.Millis           `json:"since,omitempty"`

	Architecture view.Architecture `json:"architecture,omitempty"`
	Lacks        uint64            `json:"lacks,omitempty"`
	Built        uint64            `json:"built,omitempty"`
	AnswersFrom  uint64            `json:"answers_from,omitempty"`
}

func encodeRun(r lifecycle.Run) (table.Item, error) {
	item := key(runs, number(r.N))
	return item, setDocument(item, storedRun{
		format: format{runVersion}, Horizon: r.Horizon, Manifest: r.Manifest, Identities: r.Identities,
		FirstArrival: r.FirstArrival, LastArrival: r.LastArrival,
		Objects: r.Objects, LateObjects: r.LateObjects, Events: r.Events, Duplicates: r.Duplicates, Conflicts: r.Conflicts,
		Bytes: r.Bytes, AllObjects: r.AllObjects, AllEvents: r.AllEvents,
	})
}

func decodeRun(item table.Item) (lifecycle.Run, error) {
	n, err := numberOf(item, table.SortKey)
	if err != nil {
		return lifecycle.Run{}, fmt.Errorf("stored run: %w", err)
	}
	r, err := documentOf[storedRun](item, runVersion)
	if err != nil {
		return lifecycle.Run{}, fmt.Errorf("stored run %d: %w", n, err)
	}
	return lifecycle.Run{
		N: n, Horizon: r.Horizon, Manifest: r.Manifest, Identities: r.Identities,
		FirstArrival: r.FirstArrival, LastArrival: r.LastArrival,
		Objects: r.Objects, LateObjects: r.LateObjects, Events: r.Events, Duplicates: r.Duplicates, Conflicts: r.Conflicts,
		Bytes: r.Bytes, AllObjects: r.AllObjects, AllEvents: r.AllEvents,
	}, nil
}

// encodeView encodes all but the revision, which PutView adds.
func encodeView(v lifecycle.View) (table.Item, error) {
	doc := storedView{format: format{viewVersion}, Description: v.Description, Serving: v.Serving, Held: v.Held,
		Retired: v.Retired, Rebuild: v.Rebuild, Failure: v.Failure}
	for _, g := range v.Generations {
		doc.Generations = append(doc.Generations, storedGeneration(g))
	}
	item := key(views, string(v.Name))
	return item, setDocument(item, doc)
}

func decodeView(item table.Item) (lifecycle.View, error) {
	name, err := table.TextOf(item, table.SortKey)
	if err != nil {
		return lifecycle.View{}, fmt.Errorf("stored view: %w", err)
	}
	v := lifecycle.View{Name: view.Name(name)}
	if v.Revision, err = table.NumberOf[int64](item, revision); err != nil {
		return lifecycle.View{}, fmt.Errorf("stored view %s: %w", name, err)
	}
	doc, err := documentOf[storedView](item, viewVersion)
	if err != nil {
		return lifecycle.View{}, fmt.Errorf("stored view %s: %w", name, err)
	}
	v.Description, v.Serving, v.Held = doc.Description, doc.Serving, doc.Held
	v.Retired, v.Rebuild, v.Failure = doc.Retired, doc.Rebuild, doc.Failure
	for _, g := range doc.Generations {
		v.Generations = append(v.Generations, lifecycle.Generation(g))
	}
	return v, nil
}

// storedWaits is the document of what the sweep waits for. A wait is six numbers: run, lane, until, rounds, through,
// probe. There may be some thousands.
type storedWaits struct {
	format
	Waits [][6]int64 `json:"waits,omitempty"`
}

// encodeWaits leaves the revision to PutWaits.
func encodeWaits(w catalog.SweepWaits) (table.Item, error) {
	doc := storedWaits{format: format{waitsVersion}}
	for _, one := range w.Waits {
		doc.Waits = append(doc.Waits, [6]int64{int64(one.Run), int64(one.Lane), int64(one.Until), int64(one.Rounds),
			int64(one.Through), int64(one.Probe)})
	}
	item := key(sweeps, waits)
	return item, setDocument(item, doc)
}

func decodeWaits(item table.Item) (w catalog.SweepWaits, err error) {
	if w.Revision, err = table.NumberOf[int64](item, revision); err != nil {
		return w, err
	}
	doc, err := documentOf[storedWaits](item, waitsVersion)
	if err != nil {
		return w, err
	}
	for _, n := range doc.Waits {
		w.Waits = append(w.Waits, catalog.SweepWait{Run: uint64(n[0]), Lane: int(n[1]), Until: event.Millis(n[2]),
			Rounds: int(n[3]), Through: int(n[4]), Probe: int(n[5])})
	}
	return w, nil
}

func setDocument(item table.Item, doc any) error {
	encoded, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	item[document] = table.Text(string(encoded))
	return nil
}

// documentOf reads an item's document, which must have the version that this program knows.
func documentOf[D interface{ version() int }](item table.Item, known int) (doc D, err error) {
	encoded, err := table.TextOf(item, document)
	if err != nil {
		return doc, err
	}
	if err := json.Unmarshal([]byte(encoded), &doc); err != nil {
		return doc, fmt.Errorf("attribute %q: %w", document, err)
	}
	if v := doc.version(); v != known {
		return doc, fmt.Errorf("document of version %d, this release reads version %d: run the release that wrote it, "+
			"or deploy a new stack", v, known)
	}
	return doc, nil
}
