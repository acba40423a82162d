package handler_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/memory"
	"github.com/anabranch/anabranch/shared/promql"
	"github.com/anabranch/anabranch/shared/setting"
)

// TestInternalErrors checks that an error that is not the client's gets status 500 without its cause, which the log
// has: one of a store, and one of an engine that is canceled before it evaluates.
func TestInternalErrors(t *testing.T) {
	for cause, fault := range map[string]error{
		"the table is down": errors.New("the table is down"), "query was canceled": nil,
	} {
		s := openEmpty(t, promql.BoundsOf(setting.Default()))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.Catalog.Hook = func(memory.Call) memory.Fault { return memory.Fault{Err: fault} }
		now, asked := s.Serving.Now, 0
		s.Serving.Now = func() time.Time {
			if asked++; asked == 2 { // the handler asks first; the second time, the views are loaded
				cancel()
			}
			return now()
		}
		r := events.APIGatewayV2HTTPRequest{
			RouteKey: string(api.PromAsk), RawQueryString: "query=1", PathParameters: map[string]string{"endpoint": "query"},
		}
		answer, err := s.handler().Handle(ctx, r)
		if err != nil || answer.StatusCode != http.StatusInternalServerError || strings.Contains(answer.Body, cause) ||
			!strings.Contains(answer.Body, `"errorType":"internal"`) {
			t.Errorf("%s: %d %s %v", cause, answer.StatusCode, answer.Body, err)
		}
		if log := s.log.String(); !strings.Contains(log, cause) {
			t.Errorf("%s: log %s", cause, log)
		}
	}
}

// TestCopiesOfASelector checks that copies of a selector cost what one costs, and that many different ones are refused.
func TestCopiesOfASelector(t *testing.T) {
	s := open(t)
	var copies, different []string
	for i := range 1000 {
		copies = append(copies, "match[]", `{__name__=~"sales_.*"}`)
		different = append(different, "match[]", fmt.Sprintf("sales_%d", i))
	}
	for _, endpoint := range []string{"series", "labels", "label/shop/values"} {
		calls := 0
		count := func(memory.Call) memory.Fault { calls++; return memory.Fault{} }
		s.Base.Hook, s.Items.Hook, s.Catalog.Hook = count, count, count
		one, _ := s.prom(endpoint, copies[:2]...)
		ofOne := calls
		many, status := s.prom(endpoint, copies...)
		if status != 200 || string(one.Data) != string(many.Data) || calls != 2*ofOne {
			t.Errorf("%s: %d %s; %d calls of the stores, want %d", endpoint, status, many.Error, calls-ofOne, ofOne)
		}
		a, status := s.prom(endpoint, different...)
		if status != 422 || !strings.Contains(a.Error, "1000 different selectors; the maximum is 20") {
			t.Errorf("%s: %d %s", endpoint, status, a.Error)
		}
	}
}
