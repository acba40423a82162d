package deployment

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// iam is how Lambda refuses a mapping while IAM does not know the role yet.
const iam = "Resource handler returned message: \"Invalid request provided: Cannot access stream arn:aws:...: " +
	"Please ensure the role can perform the GetRecords, GetShardIterator Actions on your stream in IAM.\""

// TestFailedCreation checks that a creation that IAM's delay has failed is tried once more, after what it left empty is
// deleted, and that a creation that failed for another reason is not.
func TestFailedCreation(t *testing.T) {
	const build, sam = "build arm64 localstack/sample/views.yaml", `sam deploy Architecture="arm64"`
	cleared := []string{"delete stack " + stackID, "delete bucket archive-1", "unprotect base-1", "delete table base-1"}
	again := slices.Concat([]string{build, sam, "wait 20s"}, cleared, []string{sam})
	for _, test := range []struct {
		name   string
		reason string
		fails  int // number of tries that fail
		calls  []string
		says   string
	}{
		{"IAM's delay", iam, 1, again, "Trying once more"},
		{"IAM's delay twice", iam, 2, again, "Trying once more"},
		{"a limit", "The maximum number of streams is reached", 1, []string{build, sam},
			"Why:\n  StreamMapping: The maximum number of streams is reached\nRemove the cause and deploy again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t)
			d, out := c.settings(func(try int) error {
				if try > test.fails {
					return nil
				}
				c.undone(test.reason)
				return errSam
			})
			err := c.account().Deploy(t.Context(), d)
			if succeeds := test.reason == iam && test.fails == 1; succeeds != (err == nil) ||
				!succeeds && !errors.Is(err, errSam) {
				t.Errorf("error is %v", err)
			}
			c.expectCalls(test.calls...)
			if !strings.Contains(out.String(), test.says) {
				t.Errorf("printed\n%swant %q in it", out, test.says)
			}
		})
	}
}

// TestDeployAfterAFailedCreation checks that a stack whose creation was rolled back earlier is deleted first, with what
// is empty, and that what is not empty is named.
func TestDeployAfterAFailedCreation(t *testing.T) {
	c := newCloud(t).undone("The maximum number of streams is reached")
	d, out := c.settings(nil)
	d.Parameters = map[string]string{"Slot": "1m"} // nothing has run with another
	if err := c.account().Deploy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.expectCalls(
		"build arm64 localstack/sample/views.yaml", "delete stack "+stackID, "delete bucket archive-1", "unprotect base-1",
		"delete table base-1", `sam deploy Architecture="arm64" Slot="1m"`,
	)
	if !strings.Contains(out.String(), "These stay, and cost their storage:\n  CatalogTable   catalog-1\n") {
		t.Errorf("printed\n%s", out)
	}
}

// TestReasonsOfAnEarlierOperation checks that a sam that fails before it changes the stack is not explained by what
// failed earlier.
func TestReasonsOfAnEarlierOperation(t *testing.T) {
	c := newCloud(t).deployed(types.StackStatusUpdateRollbackComplete, nil, nil)
	c.events[stackID] = []types.StackEvent{
		event(stackID, "shop", stackType, "UPDATE_ROLLBACK_COMPLETE", ""),
		event("", "StreamMapping", "AWS::Lambda::EventSourceMapping", "UPDATE_FAILED", iam),
		event(stackID, "shop", stackType, "UPDATE_IN_PROGRESS", ""),
	}
	d, out := c.settings(func(int) error { return errSam })
	d.Views = c.views(d, "mine.yaml")
	if err := c.account().Deploy(t.Context(), d); !errors.Is(err, errSam) {
		t.Errorf("error is %v", err)
	}
	c.expectCalls("build arm64 mine.yaml", `sam deploy Architecture="arm64"`)
	if strings.Contains(out.String(), "Why:") {
		t.Errorf("printed\n%s", out)
	}
}

// TestReasonsOfTheNestedStack checks that the reasons of a nested stack are printed, and not only that it failed.
func TestReasonsOfTheNestedStack(t *testing.T) {
	c := newCloud(t)
	d, out := c.settings(func(int) error {
		c.undone("")
		c.events[stackID] = []types.StackEvent{
			event(storageID, "Storage", stackType, "CREATE_FAILED", "Embedded stack was not successfully created"),
			event(stackID, "shop", stackType, "CREATE_IN_PROGRESS", ""),
		}
		c.events[storageID] = []types.StackEvent{
			event("", "Stream", "AWS::Kinesis::Stream", "CREATE_FAILED", "LimitExceeded"),
			event(storageID, "shop-Storage", stackType, "CREATE_IN_PROGRESS", ""),
		}
		return errSam
	})
	if err := c.account().Deploy(t.Context(), d); !errors.Is(err, errSam) {
		t.Errorf("error is %v", err)
	}
	if !strings.Contains(out.String(), "Why:\n  Stream: LimitExceeded\n") {
		t.Errorf("printed\n%s", out)
	}
}
