package deployment

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// cloud is an AWS account with at most one stack. It answers CloudFormation as Go calls, and S3, DynamoDB and Secrets
// Manager over HTTP.
type cloud struct {
	*testing.T
	stack     *types.Stack                            // nil: none
	resources map[string][]types.StackResourceSummary // of stacks, by id
	events    map[string][]types.StackEvent           // of stacks, by id, newest first
	onDelete  func()                                  // replaces the deletion of the stack
	objects   map[string][]byte                       // by bucket/key
	buckets   map[string]bool                         // whether each bucket is empty
	tables    map[string]int                          // number of items of each table
	secret    string
	calls     []string // everything that changes something, in order
}

const stackID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/shop/1"

// newCloud returns an account without a stack.
func newCloud(t *testing.T) *cloud {
	return &cloud{
		T: t, resources: map[string][]types.StackResourceSummary{}, events: map[string][]types.StackEvent{},
		objects: map[string][]byte{}, buckets: map[string]bool{}, tables: map[string]int{},
	}
}

// account returns the account of the cloud.
func (c *cloud) account() Account {
	server := httptest.NewServer(c)
	c.Cleanup(server.Close)
	a := At(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	a.Stacks = c
	a.Wait = func(_ context.Context, d time.Duration) error {
		c.calls = append(c.calls, "wait "+d.String())
		return nil
	}
	return a
}

// deployed gives the account a stack in a state.
func (c *cloud) deployed(status types.StackStatus, parameters, outputs map[string]string) *cloud {
	c.stack = &types.Stack{
		StackName: aws.String("shop"), StackId: aws.String(stackID), StackStatus: status,
	}
	all := map[string]string{"Slot": "5m", "Lanes": "1", "DedupeWindow": "24h"}
	maps.Copy(all, parameters)
	for name, value := range all {
		c.stack.Parameters = append(c.stack.Parameters, types.Parameter{
			ParameterKey: aws.String(name), ParameterValue: aws.String(value),
		})
	}
	for name, value := range outputs {
		c.stack.Outputs = append(c.stack.Outputs, types.Output{
			OutputKey: aws.String(name), OutputValue: aws.String(value),
		})
	}
	return c
}

// storageID is the id of the nested stack.
const storageID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/shop-Storage/2"

// undone gives the account a stack whose creation has failed for a reason, with what it left: an empty bucket, an empty
// table and a table with an item.
func (c *cloud) undone(reason string) *cloud {
	c.deployed(types.StackStatusRollbackComplete, nil, nil)
	c.events[stackID] = []types.StackEvent{ // newest first
		event(stackID, "shop", stackType, "ROLLBACK_COMPLETE", ""),
		event(storageID, "Storage", stackType, "DELETE_COMPLETE", ""),
		event(stackID, "shop", stackType, "ROLLBACK_IN_PROGRESS", ""),
		event("", "BatchSchedule", "AWS::Scheduler::Schedule", "CREATE_FAILED", "Resource creation cancelled"),
		event("", "StreamMapping", "AWS::Lambda::EventSourceMapping", "CREATE_FAILED", reason),
		event(storageID, "Storage", stackType, "CREATE_COMPLETE", ""),
		event(stackID, "shop", stackType, "CREATE_IN_PROGRESS", ""),
	}
	c.events[storageID] = []types.StackEvent{
		event("archive-1", "ArchiveBucket", bucketType, "DELETE_SKIPPED", ""),
		event("base-1", "BaseTable", tableType, "DELETE_SKIPPED", ""),
		event("catalog-1", "CatalogTable", tableType, "DELETE_SKIPPED", ""),
		event("seen-1", "SeenTable", tableType, "DELETE_COMPLETE", ""),
	}
	c.buckets["archive-1"] = true
	c.tables["base-1"], c.tables["catalog-1"] = 0, 1
	return c
}

func event(physical, logical, kind, status, reason string) types.StackEvent {
	return types.StackEvent{
		PhysicalResourceId: &physical, LogicalResourceId: &logical, ResourceType: &kind,
		ResourceStatus: types.ResourceStatus(status), ResourceStatusReason: &reason,
		EventId: aws.String(logical + " " + status),
	}
}

func (c *cloud) DescribeStacks(
	_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options),
) (*cloudformation.DescribeStacksOutput, error) {
	name := aws.ToString(in.StackName)
	if c.stack == nil || name != aws.ToString(c.stack.StackName) && name != stackID {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id " + name + " does not exist"}
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{*c.stack}}, nil
}

func (c *cloud) DescribeStackEvents(
	_ context.Context, in *cloudformation.DescribeStackEventsInput, _ ...func(*cloudformation.Options),
) (*cloudformation.DescribeStackEventsOutput, error) {
	return &cloudformation.DescribeStackEventsOutput{StackEvents: c.events[aws.ToString(in.StackName)]}, nil
}

func (c *cloud) ListStackResources(
	_ context.Context, in *cloudformation.ListStackResourcesInput, _ ...func(*cloudformation.Options),
) (*cloudformation.ListStackResourcesOutput, error) {
	return &cloudformation.ListStackResourcesOutput{
		StackResourceSummaries: c.resources[aws.ToString(in.StackName)],
	}, nil
}

func (c *cloud) GetTemplate(
	context.Context, *cloudformation.GetTemplateInput, ...func(*cloudformation.Options),
) (*cloudformation.GetTemplateOutput, error) {
	return &cloudformation.GetTemplateOutput{TemplateBody: aws.String(
		`{"Resources":{"BatchFunction":{"Properties":{"Code":{"S3Bucket":"code","S3Key":"batch.zip"}}}}}`,
	)}, nil
}

func (c *cloud) DeleteStack(
	_ context.Context, in *cloudformation.DeleteStackInput, _ ...func(*cloudformation.Options),
) (*cloudformation.DeleteStackOutput, error) {
	c.calls = append(c.calls, "delete stack "+aws.ToString(in.StackName))
	if c.onDelete != nil {
		c.onDelete()
		return &cloudformation.DeleteStackOutput{}, nil
	}
	c.stack.StackStatus = types.StackStatusDeleteComplete
	c.stack.StackName = aws.String("") // from now on, only the id finds it
	return &cloudformation.DeleteStackOutput{}, nil
}

// ServeHTTP answers for S3, DynamoDB and Secrets Manager.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		var in struct{ TableName string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			c.Error(err)
		}
		_, operation, _ := strings.Cut(target, ".")
		c.serveJSON(w, operation, in.TableName)
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if host, _, ok := strings.Cut(r.Host, "."); ok && !strings.HasPrefix(r.Host, "127.") {
		bucket, key = host, strings.TrimPrefix(r.URL.Path, "/")
	}
	c.serveS3(w, r.Method, bucket, key)
}

func (c *cloud) serveJSON(w http.ResponseWriter, operation, table string) {
	items, exists := c.tables[table]
	body, status := "{}", http.StatusOK
	switch {
	case operation == "GetSecretValue":
		body = fmt.Sprintf(`{"ARN":"arn:keys","SecretString":%q}`, c.secret)
	case !exists:
		body, status = `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`, http.StatusBadRequest
	case operation == "DescribeTable":
		body = `{"Table":{"TableStatus":"ACTIVE"}}`
	case operation == "Scan" && items > 0:
		body = `{"Count":1,"Items":[{"pk":{"S":"view"}}]}`
	case operation == "UpdateTable":
		c.calls = append(c.calls, "unprotect "+table)
	case operation == "DeleteTable":
		c.calls = append(c.calls, "delete table "+table)
		delete(c.tables, table)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(body))), 10))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func (c *cloud) serveS3(w http.ResponseWriter, method, bucket, key string) {
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		if method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
		}
	}
	empty, exists := c.buckets[bucket]
	object, found := c.objects[bucket+"/"+key]
	switch {
	case key != "" && found:
		w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
		w.Write(object)
	case key != "":
		refuse(http.StatusNotFound, "NoSuchKey")
	case !exists:
		refuse(http.StatusNotFound, "NoSuchBucket")
	case method == http.MethodDelete && !empty:
		refuse(http.StatusConflict, "BucketNotEmpty")
	case method == http.MethodDelete:
		c.calls = append(c.calls, "delete bucket "+bucket)
		delete(c.buckets, bucket)
		w.WriteHeader(http.StatusNoContent)
	}
}

// errSam is the error of a sam that fails.
var errSam = errors.New("exit status 1")

// settings returns settings for a deployment of the stack shop whose build and sam are recorded. sam is called for each
// try, if it is not nil.
func (c *cloud) settings(sam func(try int) error) (d Settings, out *strings.Builder) {
	out = &strings.Builder{}
	tries := 0
	return Settings{
		Root: c.root(), Stack: "shop", Out: out,
		Build: func(_ context.Context, architecture, views string) error {
			c.calls = append(c.calls, "build "+architecture+" "+views)
			return nil
		},
		Sam: func(_ context.Context, args []string) error {
			at := slices.Index(args, "--parameter-overrides")
			c.calls = append(c.calls, "sam "+args[0]+" "+strings.Join(args[at+1:], " "))
			tries++
			if sam == nil {
				return nil
			}
			return sam(tries)
		},
	}, out
}

// root returns a directory with the templates, and with a folder for the package of each published function.
func (c *cloud) root() string {
	dir := c.TempDir()
	repository, err := filepath.Abs("../..")
	for _, name := range []string{"template.yaml", "infra"} {
		err = errors.Join(err, os.Symlink(filepath.Join(repository, name), filepath.Join(dir, name)))
	}
	for _, function := range Published() {
		err = errors.Join(err, os.MkdirAll(filepath.Join(dir, "build", function), 0o755))
	}
	if err != nil {
		c.Fatal(err)
	}
	return dir
}

// zipped returns a zip with one file.
func (c *cloud) zipped(name, text string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		c.Fatal(err)
	}
	io.WriteString(w, text)
	if err := z.Close(); err != nil {
		c.Fatal(err)
	}
	return b.Bytes()
}

// expectCalls checks everything that was built, deployed or deleted, in order.
func (c *cloud) expectCalls(want ...string) {
	c.Helper()
	if !slices.Equal(c.calls, want) {
		c.Errorf("calls:\n  %s\nwant:\n  %s", strings.Join(c.calls, "\n  "), strings.Join(want, "\n  "))
	}
}
