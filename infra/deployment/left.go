package deployment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Types of resources.
const (
	stackType  = "AWS::CloudFormation::Stack"
	bucketType = "AWS::S3::Bucket"
	tableType  = "AWS::DynamoDB::Table"
)

// resource is a bucket or a table that a stack made.
type resource struct {
	Type string // bucketType or tableType
	Role string // its name in the template, for example "ArchiveBucket"
	Name string // its name in the account
}

// dataOf returns the buckets and tables of a stack and of its nested stacks: those that it has, and those that it made
// and no longer has, as far as CloudFormation remembers. They need not exist any more.
//
// A stack whose creation was rolled back, or whose deletion failed, lists no nested resources, so its events are read.
func (a Account) dataOf(ctx context.Context, s Stack) ([]resource, error) {
	all := map[resource]bool{}
	if err := a.collect(ctx, s.ID, all, map[string]bool{}); err != nil {
		return nil, err
	}
	sorted := make([]resource, 0, len(all))
	for r := range all {
		sorted = append(sorted, r)
	}
	slices.SortFunc(sorted, func(a, b resource) int { return strings.Compare(a.Role+" "+a.Name, b.Role+" "+b.Name) })
	return sorted, nil
}

// collect adds the resources of one stack, and those of the stacks in it. CloudFormation knows the id of a stack also
// after its deletion.
func (a Account) collect(ctx context.Context, id string, all map[resource]bool, met map[string]bool) error {
	if met[id] {
		return nil
	}
	met[id] = true
	var nested []string
	add := func(kind, role, name *string) {
		switch t := aws.ToString(kind); {
		case aws.ToString(name) == "" || aws.ToString(name) == id:
		case t == stackType:
			nested = append(nested, aws.ToString(name))
		case t == bucketType || t == tableType:
			all[resource{Type: t, Role: aws.ToString(role), Name: aws.ToString(name)}] = true
		}
	}
	listed := cloudformation.NewListStackResourcesPaginator(
		a.Stacks, &cloudformation.ListStackResourcesInput{StackName: &id},
	)
	for listed.HasMorePages() {
		page, err := listed.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list resources of stack %s: %w", id, err)
		}
		for _, r := range page.StackResourceSummaries {
			add(r.ResourceType, r.LogicalResourceId, r.PhysicalResourceId)
		}
	}
	events := cloudformation.NewDescribeStackEventsPaginator(
		a.Stacks, &cloudformation.DescribeStackEventsInput{StackName: &id},
	)
	for events.HasMorePages() {
		page, err := events.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("read events of stack %s: %w", id, err)
		}
		for _, e := range page.StackEvents {
			add(e.ResourceType, e.LogicalResourceId, e.PhysicalResourceId)
		}
	}
	for _, id := range nested {
		if err := a.collect(ctx, id, all, met); err != nil {
			return err
		}
	}
	return nil
}

// existing returns those of the resources that exist.
func (a Account) existing(ctx context.Context, all []resource) (left []resource, err error) {
	for _, r := range all {
		exists, err := a.exists(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("look for %s %s: %w", r.Role, r.Name, err)
		}
		if exists {
			left = append(left, r)
		}
	}
	return left, nil
}

func (a Account) exists(ctx context.Context, r resource) (bool, error) {
	if r.Type == tableType {
		table, err := a.Tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &r.Name})
		if notFound := (*dynamotypes.ResourceNotFoundException)(nil); errors.As(err, &notFound) {
			return false, nil
		}
		return err == nil && table.Table.TableStatus != dynamotypes.TableStatusDeleting, err
	}
	_, err := a.S3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &r.Name})
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) { // 403 and 301 are answers about a bucket that exists
		return answer.HTTPStatusCode() != http.StatusNotFound, nil
	}
	return err == nil, err
}

// removeEmpty deletes the resources that hold nothing, and returns the others. It is for the resources of a stack that
// has never run.
func (a Account) removeEmpty(ctx context.Context, all []resource) (left []resource, err error) {
	for _, r := range all {
		removed, err := a.removeIfEmpty(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("delete %s %s: %w", r.Role, r.Name, err)
		}
		if !removed {
			left = append(left, r)
		}
	}
	return left, nil
}

// updateLimit is the longest time that a change of a table's protection may take.
const updateLimit = 2 * time.Minute

func (a Account) removeIfEmpty(ctx context.Context, r resource) (removed bool, err error) {
	if r.Type == bucketType { // S3 deletes only empty buckets
		_, err := a.S3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &r.Name})
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() == "BucketNotEmpty" {
			return false, nil
		}
		return err == nil, err
	}
	items, err := a.Tables.Scan(ctx, &dynamodb.ScanInput{
		TableName: &r.Name, Limit: aws.Int32(1), ConsistentRead: aws.Bool(true),
	})
	if err != nil || len(items.Items) > 0 {
		return false, err
	}
	if _, err := a.Tables.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName: &r.Name, DeletionProtectionEnabled: aws.Bool(false),
	}); err != nil {
		return false, err
	}
	// A table that is being updated cannot be deleted.
	updated := dynamodb.NewTableExistsWaiter(a.Tables)
	if err := updated.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &r.Name}, updateLimit); err != nil {
		return false, err
	}
	_, err = a.Tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &r.Name})
	return err == nil, err
}

// printLeft says what stays, and how to remove it.
func (a Account) printLeft(p *printer, left []resource) {
	if len(left) == 0 {
		return
	}
	p.printf("These stay, and cost their storage:\n")
	for _, r := range left {
		p.printf("  %-14s %s\n", r.Role, r.Name)
	}
	p.printf("To remove them for good, which nobody can undo:\n")
	for _, r := range left {
		if r.Type == tableType {
			p.printf("  aws dynamodb update-table --region %s --no-deletion-protection-enabled --table-name %s\n"+
				"  aws dynamodb delete-table --region %s --table-name %s\n", a.Region, r.Name, a.Region, r.Name)
			continue
		}
		p.printf("  aws s3 rb --region %s s3://%s   # first empty it in the S3 console, all versions included\n",
			a.Region, r.Name)
	}
}
