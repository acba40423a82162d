package deployment

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// running gives the account a stack that runs, with a nested stack.
func (c *cloud) running(status types.StackStatus) *cloud {
	c.deployed(status, nil, nil)
	c.resources[stackID] = []types.StackResourceSummary{summary(storageID, "Storage", stackType)}
	c.resources[storageID] = []types.StackResourceSummary{
		summary("archive-1", "ArchiveBucket", bucketType), summary("catalog-1", "CatalogTable", tableType),
		summary("stream-1", "Stream", "AWS::Kinesis::Stream"),
	}
	c.buckets["archive-1"], c.tables["catalog-1"] = false, 1
	return c
}

func summary(physical, logical, kind string) types.StackResourceSummary {
	return types.StackResourceSummary{PhysicalResourceId: &physical, LogicalResourceId: &logical, ResourceType: &kind}
}

// TestDestroy checks that a stack in any state is deleted, and that what stays is named with how to remove it.
func TestDestroy(t *testing.T) {
	for _, status := range []types.StackStatus{
		types.StackStatusCreateComplete, types.StackStatusUpdateRollbackComplete, types.StackStatusCreateFailed,
		types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusDeleteFailed,
		types.StackStatusUpdateRollbackFailed,
	} {
		t.Run(string(status), func(t *testing.T) {
			c := newCloud(t).running(status)
			var out strings.Builder
			if err := c.account().Destroy(t.Context(), nil, &out, "shop"); err != nil {
				t.Fatal(err)
			}
			c.expectCalls("delete stack " + stackID)
			for _, part := range []string{
				"Stack shop is deleted.\nThese stay, and cost their storage:\n" +
					"  ArchiveBucket  archive-1\n  CatalogTable   catalog-1\n",
				"aws s3 rb --region eu-central-1 s3://archive-1", "--no-deletion-protection-enabled --table-name catalog-1\n",
				"aws dynamodb delete-table --region eu-central-1 --table-name catalog-1\n",
			} {
				if !strings.Contains(out.String(), part) {
					t.Errorf("printed\n%swant %q in it", &out, part)
				}
			}
		})
	}
}

// TestDestroyWhatWasRolledBack checks a stack without outputs and without resources: only its events say what it left.
func TestDestroyWhatWasRolledBack(t *testing.T) {
	c := newCloud(t).undone("a limit")
	var out strings.Builder
	if err := c.account().Destroy(t.Context(), nil, &out, "shop"); err != nil {
		t.Fatal(err)
	}
	c.expectCalls("delete stack " + stackID)
	want := "storage:\n  ArchiveBucket  archive-1\n  BaseTable      base-1\n  CatalogTable   catalog-1\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("printed\n%swant %q in it", &out, want)
	}
}

// TestDestroyAsks checks that only the name of the stack confirms a deletion.
func TestDestroyAsks(t *testing.T) {
	for answer, deletes := range map[string]bool{
		"shop\n": true, "shop": true, "production\n": false, "y\n": false, "": false,
	} {
		c := newCloud(t).running(types.StackStatusCreateComplete)
		var out strings.Builder
		err := c.account().Destroy(t.Context(), strings.NewReader(answer), &out, "shop")
		if deletes != (err == nil) || !deletes && !errors.Is(err, ErrMismatch) {
			t.Errorf("answer %q: error is %v", answer, err)
		}
		if deletes != (len(c.calls) == 1) {
			t.Errorf("answer %q: calls are %q", answer, c.calls)
		}
	}
}

func TestDestroyRefuses(t *testing.T) {
	none, another := newCloud(t), newCloud(t).running(types.StackStatusCreateComplete)
	another.stack.Parameters = another.stack.Parameters[:2]
	for _, test := range []struct {
		c    *cloud
		says string
	}{
		{none, "there is no stack shop in eu-central-1"},
		{another, "stack shop in eu-central-1 is not an Anabranch stack; nothing was deleted"},
	} {
		err := test.c.account().Destroy(t.Context(), nil, &strings.Builder{}, "shop")
		if err == nil || err.Error() != test.says {
			t.Errorf("error is %v, want %q", err, test.says)
		}
		test.c.expectCalls()
	}
}

// TestDestroyThatFails checks that the error says which resource stays and why, and what to do.
func TestDestroyThatFails(t *testing.T) {
	c := newCloud(t).running(types.StackStatusCreateComplete)
	c.onDelete = func() {
		c.stack.StackStatus = types.StackStatusDeleteFailed
		c.events[stackID] = []types.StackEvent{
			event("role-1", "SpeedRole", "AWS::IAM::Role", "DELETE_FAILED", "Cannot delete entity"),
			event(stackID, "shop", stackType, "DELETE_IN_PROGRESS", ""),
			event("old", "Old", "AWS::IAM::Role", "CREATE_FAILED", "of an earlier operation"),
		}
	}
	err := c.account().Destroy(t.Context(), nil, &strings.Builder{}, "shop")
	for _, part := range []string{"delete stack shop:\n  SpeedRole: Cannot delete entity\n", "FORCE_DELETE_STACK"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v; want %q in it", err, part)
		}
	}
	if err != nil && strings.Contains(err.Error(), "earlier") {
		t.Errorf("error %v names an earlier operation", err)
	}
}
