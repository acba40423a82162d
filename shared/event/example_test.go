package event_test

import (
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/anabranch/anabranch/shared/event"
)

// A request is validated event by event. An accepted event becomes a line; a rejected event gets a code and a JSON
// pointer.
func ExampleValidate() {
	body := []byte(`{"specversion": "1.0", "id": "a", "source": "/s", "type": "t", "data": 1.50}
{"specversion": "1.0", "source": "/s", "type": "t"}`)
	validated, err := event.Validate(event.Lines, body, event.DefaultLimits())
	if err != nil {
		fmt.Println(err)
		return
	}
	request := ulid.MustParse("01JD8Z6B1QZ0W6V3T5YJ9K4M2N")
	for _, a := range validated.Accepted {
		fmt.Printf("%s", event.AppendLine(nil, a.JSON, event.Stamp{Request: request, Index: a.Index}))
	}
	for _, r := range validated.Rejected {
		fmt.Println(r.Index, r.Code, r.Pointer)
	}
	// Output:
	// {"specversion":"1.0","id":"a","source":"/s","type":"t","data":1.50,"stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"}
	// 1 missing_attribute /id
}

// All copies of an event go through one lane, whatever their payload and stamp.
func ExampleLaneOf() {
	lines := `{"specversion":"1.0","id":"a","source":"/s","type":"t","stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2N-0"}
{"specversion":"1.0","id":"a","source":"/s","type":"t","data":1,"stamp":"01JD8Z6B1QZ0W6V3T5YJ9K4M2P-3"}
`
	batch, err := event.NewFields(nil).NewBatch([]byte(lines))
	if err != nil {
		fmt.Println(err)
		return
	}
	var key event.HashKey // the archive's key, which is secret
	first, _ := batch.Identity(0, key, nil)
	second, _ := batch.Identity(1, key, nil)
	fmt.Println(first == second, event.LaneOf(first, 1, 4) == event.LaneOf(second, 1, 4))
	// Output: true true
}
