//go:build emulator

package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/emulator"
	"github.com/anabranch/anabranch/shared/aws/awstest"
)

// quirk is a behaviour of the emulator that the tests or the local system rely on or have to work around.
type quirk struct {
	service, what string
	aws           string // what AWS does
	here          string // what the pinned emulator does; "": the same as AWS
	probe         func(p *prober) string
}

// noAWS stands for behaviour that AWS does not have.
const noAWS = "-"

// tableFile is the file for the table, when only the table is wanted; "": standard output.
var tableFile = flag.String("table", "", "file for the table of quirks")

// TestProbe checks every known behaviour of the emulator and prints a table. A line that has changed fails: read it,
// repair what relied on it, and write down the new behaviour. This shows what an upgrade of the emulator changes.
func TestProbe(t *testing.T) {
	e := emulator.Start(t)
	p := &prober{T: t, ctx: t.Context(), endpoint: e.Endpoint, cfg: awstest.Config(e.Endpoint)}
	all := slices.Concat(
		s3Quirks(), dynamoQuirks(), kinesisQuirks(), queueQuirks(), lambdaQuirks(), mappingQuirks(), apiQuirks(),
		templateQuirks(),
	)
	var (
		lines   strings.Builder
		differs int
		out     = tabwriter.NewWriter(&lines, 0, 0, 2, ' ', 0)
	)
	fmt.Fprintln(out, "SERVICE\tBEHAVIOUR\tAWS\tTHIS EMULATOR")
	for _, q := range all {
		want := q.here
		if want == "" {
			want = q.aws
		}
		begin := time.Now()
		got, shown, mark := p.run(q), "as AWS", ""
		switch {
		case q.aws == noAWS:
			shown = got
		case got != q.aws:
			shown = got
			differs++
		}
		if got != want {
			mark = "  CHANGED, was: " + want
			t.Errorf("%s: %s: %q, was %q", q.service, q.what, got, want)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s%s\n", q.service, q.what, q.aws, shown, mark)
		if took := time.Since(begin); took > 5*time.Second {
			t.Logf("%s: %s took %s", q.service, q.what, took.Round(time.Second))
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	p.must(printTable(fmt.Sprintf("%s\n%s: of %d behaviours, %d are not as AWS documents its own (-: AWS has no part "+
		"in it).\n",
		lines.String(), p.version(), len(all), differs)))
}

// printTable writes the table to tableFile.
func printTable(text string) error {
	if *tableFile != "" {
		return os.WriteFile(*tableFile, []byte(text), 0o644)
	}
	_, err := fmt.Fprint(os.Stdout, text)
	return err
}

// version returns the frozen version of the emulator.
func (p *prober) version() string {
	root, err := venv.Root()
	p.must(err)
	frozen, err := os.ReadFile(filepath.Join(root, emulator.MiniStack.Packages.Requirements))
	p.must(err)
	for line := range strings.Lines(string(frozen)) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "ministack=="); ok {
			return "MiniStack " + version
		}
	}
	p.Fatalf("%s does not pin ministack", emulator.MiniStack.Packages.Requirements)
	return ""
}

// prober holds what probes need.
type prober struct {
	*testing.T
	ctx      context.Context
	endpoint string
	cfg      aws.Config
	names    int
	cleanups []func() // cleanups of the running probe
}

// run runs one probe, and cleans up after it.
func (p *prober) run(q quirk) string {
	defer func() {
		for _, clean := range p.cleanups {
			clean()
		}
		p.cleanups = nil
	}()
	return q.probe(p)
}

// name returns a name that no other probe uses.
func (p *prober) name() string {
	p.names++
	return fmt.Sprintf("probe-%d", p.names)
}

// must fails the test for an error that no probe is about.
func (p *prober) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// code returns the code of a service's error, or "OK" without an error.
func code(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, &api):
		return api.ErrorCode()
	}
	return err.Error()
}

// eventually asks until the answer is the wanted one or the time is up. It returns the last answer.
func eventually[V comparable](p *prober, wanted V, within time.Duration, ask func() V) V {
	deadline := time.Now().Add(within)
	for {
		got := ask()
		if got == wanted || time.Now().After(deadline) {
			return got
		}
		select {
		case <-p.ctx.Done():
			return got
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// together calls do n times, 8 at once. Every call must succeed.
func (p *prober) together(n int, do func() error) {
	next := make(chan struct{}, n)
	for range n {
		next <- struct{}{}
	}
	close(next)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range next {
				if err := do(); err != nil {
					p.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// send sends a request to a service that has no client here. The emulator does not check signatures, but reads the name
// of the service from them.
func (p *prober) send(service, method, path string, body []byte, header http.Header) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(p.ctx, method, p.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(request.Header, header)
	if service != "" {
		request.Header.Set(
			"Authorization",
			"AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0",
		)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response, answer, err
}

// call sends a request to a service that speaks JSON over REST. It must succeed.
func (p *prober) call(service, method, path string, in, out any) {
	p.Helper()
	var body []byte
	if in != nil {
		var err error
		body, err = json.Marshal(in)
		p.must(err)
	}
	response, answer, err := p.send(service, method, path, body, http.Header{"Content-Type": {"application/json"}})
	p.must(err)
	if response.StatusCode >= 300 {
		p.Fatalf("%s %s: %s %s", method, path, response.Status, answer)
	}
	if out != nil {
		p.must(json.Unmarshal(answer, out))
	}
}
