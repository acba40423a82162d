package deployment

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// TestCheckChange checks that a running stack does not change two settings at once if functions of both releases would
// then break a rule between them.
func TestCheckChange(t *testing.T) {
	defaults, err := readDefaults("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tight := map[string]string{"SealDelay": "41s"}
	for _, c := range []struct {
		name       string
		status     types.StackStatus
		has, given map[string]string
		says       string // part of the error; "" for none
	}{
		{"a new stack", "", nil, map[string]string{"CommitWithin": "15s", "SealDelay": "46s"}, ""},
		{"nothing", types.StackStatusUpdateComplete, tight, nil, ""},
		{"one after the other", types.StackStatusUpdateComplete, tight, map[string]string{"SealDelay": "46s"}, ""},
		{"both at once", types.StackStatusCreateComplete, tight, map[string]string{"CommitWithin": "15s", "SealDelay": "46s"},
			"stack a runs while it is updated:\nSealDelay and CommitWithin: must not change in one deployment"},
		{"a stack whose functions do not start", types.StackStatusCreateComplete, map[string]string{"SealDelay": "1s"},
			map[string]string{"CommitWithin": "15s", "SealDelay": "46s"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			has := maps.Clone(defaults)
			maps.Copy(has, c.has)
			err := checkChange(Stack{Name: "a", Status: c.status, Parameters: has}, defaults, merge(defaults, has, c.given))
			if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v; want %q in it", err, c.says)
			}
		})
	}
}
