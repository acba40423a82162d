//go:build emulator

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const pageViews = "- name: page_views\n"

// kappa makes a view a Kappa view. Replay builds it from the archive while events arrive, and the test compares it with
// the Lambda view, key by key. Then operators' commands change, compare, switch, roll back and drop its generations.
func kappa(t *testing.T, w *world) {
	before := w.definition(t)
	w.deployViews(t, pageViews, pageViews+"    architecture: kappa\n")
	w.asked(t, func() {
		began := time.Now()
		w.send(t, another(t, "-k")[:more], "--batch", "50")
		w.untilDefined(t, func(definition string) bool { return definition != before })
		t.Logf("the Kappa view serves %.0f s after it was deployed", time.Since(began).Seconds())
		w.drain(t)
		w.operate(t, 0, "diff", "page_views") // compared with the Lambda generation, which is retained
	})

	first := w.definition(t)
	w.deployViews(t, pageViews+"    description: Requests and bytes per page and hour\n    where: type == "+
		"\"web.request\" && data.status < 400\n",
		pageViews+"    architecture: kappa\n    where: type == \"web.request\"\n")
	w.untilDefined(t, func(definition string) bool { return definition != first })
	w.drain(t)
	w.operate(t, 1, "diff", "page_views", "--rows", "5", "--sample", "300") // failed requests count now
	w.operate(t, 0, "rollback", "page_views", "--wait", "--yes")
	if got := w.definition(t); got != first {
		t.Errorf("after the rollback %s serves, want %s", got, first)
	}
	w.verify(t, false)
	if err := w.batchByHand(t.Context()); err != nil { // batch is deployed with the definition that was left, so it holds
		t.Fatal(err)
	}
	if got := w.definition(t); got != first {
		t.Errorf("after the rollback and a tick %s serves, want %s", got, first)
	}
	w.operate(t, 0, "drop", "page_views", "--yes")
	w.operate(t, 0, "status", "page_views")
}

// sweptThrough waits until the Kappa view says that it is complete through now, so that it has the events that the
// stream lost.
func (w *world) sweptThrough(t *testing.T) {
	t.Helper()
	began := time.Now().UTC()
	for ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute); ; time.Sleep(time.Second) {
		defer cancel()
		if err := w.batchByHand(ctx); err != nil {
			t.Fatal(err)
		}
		a, err := w.reader().Ask(ctx, "page_views", map[string][]string{"path": {"/favicon.ico"}})
		if err != nil {
			t.Fatal(err)
		}
		if complete, err := time.Parse(time.RFC3339, a.Complete); err == nil && complete.After(began) {
			t.Logf("the sweep had seen everything through %.0f s later", time.Since(began).Seconds())
			w.drain(t)
			return
		}
	}
}

// lambdaAgain makes the Kappa view a Lambda view again. By then, batch and replay have deleted what was dropped before.
func lambdaAgain(t *testing.T, w *world) {
	for deadline := time.Now().Add(2 * time.Minute); w.generations(t) > 1; time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			t.Fatalf("%d generations are left", w.generations(t))
		}
		w.tickBoth(t, t.Context()) // sooner than the schedule does
	}
	first := w.definition(t)
	w.deployOldViews(t)
	w.untilDefined(t, func(definition string) bool { return definition != first })
	w.verify(t, true)
}

// audited checks that a clean view has no drift. Then it deletes an item directly: the audit names the item, and a
// rebuild of the view repairs it.
func audited(t *testing.T, w *world) {
	audit := func(code int) {
		t.Helper()
		w.operateWhile(t, code, []string{"AuditFunction"}, "audit", "traffic")
	}
	audit(0)
	w.deleteItem(t, "traffic")
	audit(1)
	w.operateWhile(t, 0, []string{"BatchFunction"}, "rebuild", "traffic", "--wait")
	audit(0)
}

// operate runs a command on views with the admin key, which must exit with the given code.
func (w *world) operate(t *testing.T, code int, args ...string) {
	t.Helper()
	err := w.anabranch(t.Context(), w.Keys.Admin, append([]string{"views"}, args...)...)
	got := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != code {
		t.Fatalf("views %v exits with %d, want %d", args, got, code)
	}
}

// operateWhile does the same while it invokes functions, sooner than the schedule would.
func (w *world) operateWhile(t *testing.T, code int, functions []string, args ...string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.operate(t, code, args...)
	}()
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Second):
		}
		for _, function := range functions {
			if _, err := w.invoke(t.Context(), function); err != nil {
				t.Error(err)
			}
		}
	}
}

// serving is the part of a view's status that the tests read.
type serving struct {
	Serving     string
	Generations []struct{ Generation string }
}

func (w *world) status(t *testing.T, view string) (s serving) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/v1/admin/views/"+view, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.Keys.Admin)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&s); err != nil || s.Serving == "" {
		t.Fatalf("status of %s: %s, %+v, %v", view, response.Status, s, err)
	}
	return s
}

func (w *world) generations(t *testing.T) int {
	t.Helper()
	return len(w.status(t, "page_views").Generations)
}

// deleteItem deletes a base item of the serving generation of a view.
func (w *world) deleteItem(t *testing.T, view string) {
	t.Helper()
	generation := w.status(t, view).Serving
	tables := dynamodb.NewFromConfig(w.ConfigOf("dynamodb"))
	for pages := dynamodb.NewScanPaginator(
		tables, &dynamodb.ScanInput{TableName: aws.String(w.Outputs["BaseTable"])},
	); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			key, ok := item["pk"].(*dynamotypes.AttributeValueMemberB)
			if !ok || !bytes.Contains(key.Value, []byte(generation)) {
				continue
			}
			if _, err := tables.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
				TableName: aws.String(w.Outputs["BaseTable"]),
				Key:       map[string]dynamotypes.AttributeValue{"pk": item["pk"], "sk": item["sk"]},
			}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("generation %s has no items", generation)
}
