package deployment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/shared/archive"
	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/s3archive"
	"github.com/anabranch/anabranch/shared/catalog"
	"github.com/anabranch/anabranch/shared/programs"
	"github.com/anabranch/anabranch/shared/setting"
)

// check checks what can be known before a deployment. values holds the value that each parameter will have.
func (a Account) check(ctx context.Context, s Stack, values map[string]string) error {
	settings, err := setting.ReadParameters(values)
	if err != nil {
		return err
	}
	if err := checkShards(s.Parameters[shardsParameter], values[shardsParameter]); err != nil {
		return err
	}
	if issuer := values[issuerParameter]; issuer != s.Parameters[issuerParameter] {
		if err := a.checkIssuer(ctx, issuer); err != nil {
			return err
		}
	}
	if bucket := s.Outputs["ArchiveBucket"]; bucket != "" {
		if err := checkLayout(ctx, s3archive.New(a.S3, bucket), s, settings); err != nil {
			return err
		}
	}
	if table := s.Outputs["CatalogTable"]; table != "" {
		if err := checkViews(ctx, dynamocatalog.New(a.Tables, table)); err != nil {
			return fmt.Errorf("do not deploy this release to stack %s: %w", s.Name, err)
		}
	}
	return nil
}

// checkLayout refuses a change of what an archive never changes. The functions refuse it, too, but by then they are
// deployed and ingest answers with errors. The archive of a stack that has not run yet lacks the layout of the stack.
func checkLayout(ctx context.Context, a archive.Archive, s Stack, wanted setting.All) error {
	number := wanted.Layout
	if has, ok := s.Parameters[layoutParameter]; ok && has != strconv.Itoa(number) {
		return fmt.Errorf("parameter Layout=%d: stack %s has Layout=%s, which never changes; a new stack takes the "+
			"next layout: STACK=another", number, s.Name, has)
	}
	layout, _, err := archive.ReadLayout(ctx, a, number)
	if errors.Is(err, archive.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("archive of stack %s: %w", s.Name, err)
	}
	var all []error
	compare := func(name, has, wants string) {
		if has != wants {
			all = append(all, fmt.Errorf("%s=%s: the archive of stack %s has %s=%s, which never changes; "+
				"deploy with that, or deploy a new stack: STACK=another", name, wants, s.Name, name, has))
		}
	}
	compare("Slot", time.Duration(layout.Slot).String(), wanted.Slot.String())
	compare("Lanes", strconv.Itoa(layout.Lanes), strconv.Itoa(wanted.Lanes))
	compare("DedupeWindow", layout.DedupeWindow.String(), wanted.DedupeWindow.String())
	compare("SpeedWindow", layout.SpeedWindow.String(), wanted.SpeedWindow.String())
	return errors.Join(all...)
}

// checkViews checks that this release can run every generation that the catalog keeps. Batch checks the same at each
// tick, but by then the functions are deployed.
//
// Errors: the catalog's: retry. A generation that this release cannot run: do not retry; the error names it and says
// what to do.
func checkViews(ctx context.Context, c catalog.Catalog) error {
	views, err := c.Views(ctx)
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	_, unusable, err := new(programs.Cache).OfKept(ctx, c, views)
	return errors.Join(append(unusable, err)...)
}

// checkShards refuses a change of the number of shards that Kinesis would refuse in the middle of a deployment.
//
// Source: Kinesis API Reference, UpdateShardCount.
func checkShards(old, wanted string) error {
	is, errIs := strconv.Atoi(old)
	to, errTo := strconv.Atoi(wanted)
	if errIs != nil || errTo != nil || is == 0 || to == 0 { // a new stack, or on demand
		return nil
	}
	if to > 2*is || 2*to < is {
		return fmt.Errorf("parameter Shards=%d: the stream has %d, and Kinesis accepts %d to %d; change them in "+
			"several deployments", to, is, (is+1)/2, 2*is)
	}
	return nil
}

// checkIssuer asks an issuer of tokens for its configuration, as API Gateway does when it creates the authorizer. If it
// gets none, it refuses, and the deployment fails.
func (a Account) checkIssuer(ctx context.Context, issuer string) error {
	if issuer == "" {
		return nil
	}
	url := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	found, err := a.issuerAt(ctx, url)
	if err != nil {
		return fmt.Errorf("%s=%s: API Gateway needs its configuration at %s: %w", issuerParameter, issuer, url, err)
	}
	if found != issuer {
		return fmt.Errorf("%s=%s: its configuration names the issuer %s: use that", issuerParameter, issuer, found)
	}
	return nil
}

// issuerAt returns the issuer that a configuration names.
func (a Account) issuerAt(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := a.HTTP.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the answer is %s, must be 200", response.Status)
	}
	var configuration struct{ Issuer string }
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&configuration); err != nil {
		return "", fmt.Errorf("the answer is not JSON: %w", err)
	}
	return configuration.Issuer, nil
}
