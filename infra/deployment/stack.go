package deployment

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// Stack is a stack as CloudFormation describes it.
type Stack struct {
	Name       string
	ID         string            // "" when there is no such stack
	Status     types.StackStatus // "" when there is no such stack
	Parameters map[string]string
	Outputs    map[string]string
}

// Describe returns the stack with a name or id. There may be no such stack.
//
// Errors: CloudFormation's. Retryable.
func (a Account) Describe(ctx context.Context, name string) (Stack, error) {
	described, err := a.Stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if isAbsent(err) {
		return Stack{Name: name}, nil
	}
	if err != nil {
		return Stack{}, fmt.Errorf("describe stack %s in %s: %w", name, a.Region, err)
	}
	if len(described.Stacks) == 0 {
		return Stack{Name: name}, nil
	}
	d := described.Stacks[0]
	s := Stack{
		Name: aws.ToString(d.StackName), ID: aws.ToString(d.StackId), Status: d.StackStatus,
		Parameters: map[string]string{}, Outputs: map[string]string{},
	}
	for _, p := range d.Parameters {
		s.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	for _, o := range d.Outputs {
		s.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return s, nil
}

// isAbsent reports whether an error says that there is no such stack. CloudFormation has no code of its own for that.
func isAbsent(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationError" &&
		strings.Contains(api.ErrorMessage(), "does not exist")
}

// isOurs reports whether the template of the stack is template.yaml, of any release: it has these parameters.
func (s Stack) isOurs() bool {
	for _, name := range []string{"Slot", "Lanes", "DedupeWindow"} {
		if _, ok := s.Parameters[name]; !ok {
			return false
		}
	}
	return true
}

// isNew reports whether a deployment creates the stack. A stack in review holds nothing: it is a change set that nobody
// has executed.
func (s Stack) isNew() bool {
	return s.Status == "" || s.Status == types.StackStatusReviewInProgress || s.isDeleted()
}

func (s Stack) isDeleted() bool { return s.Status == types.StackStatusDeleteComplete }

// isUndone reports whether the creation of the stack has failed and was rolled back. Such a stack has never run, and
// CloudFormation accepts nothing for it but its deletion.
func (s Stack) isUndone() bool {
	return s.Status == types.StackStatusRollbackComplete || s.Status == types.StackStatusRollbackFailed
}

// checkDeployable says why the stack cannot be deployed to now, and what to do.
func (s Stack) checkDeployable() error {
	switch s.Status {
	case types.StackStatusUpdateRollbackFailed:
		return fmt.Errorf("stack %s is %s: end the rollback first, with aws cloudformation continue-update-rollback "+
			"--stack-name %s", s.Name, s.Status, s.Name)
	case types.StackStatusCreateFailed, types.StackStatusDeleteFailed:
		return fmt.Errorf("stack %s is %s: delete it first, with make destroy STACK=%s", s.Name, s.Status, s.Name)
	}
	if !s.isNew() && strings.HasSuffix(string(s.Status), "_IN_PROGRESS") {
		return fmt.Errorf("stack %s is %s: wait until it ends, and deploy again", s.Name, s.Status)
	}
	if !s.isNew() && !s.isOurs() {
		return fmt.Errorf("stack %s is not an Anabranch stack: give another name, STACK=name", s.Name)
	}
	return nil
}

// newestEvent returns the id of the newest event of a stack, "" if it has none.
func (a Account) newestEvent(ctx context.Context, s Stack) (event string, err error) {
	if s.ID == "" {
		return "", nil
	}
	page, err := a.Stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &s.ID})
	if err != nil {
		return "", fmt.Errorf("read events of stack %s: %w", s.Name, err)
	}
	if len(page.StackEvents) == 0 {
		return "", nil
	}
	return aws.ToString(page.StackEvents[0].EventId), nil
}

// failures returns why resources of a stack failed in its last operation, oldest first, each as "Resource: reason". It
// reads only events after the one with the id after. A nested stack that failed adds its own failures.
//
// Errors: CloudFormation's. Retryable.
func (a Account) failures(ctx context.Context, id, after string) (all []string, err error) {
	pages := cloudformation.NewDescribeStackEventsPaginator(
		a.Stacks, &cloudformation.DescribeStackEventsInput{StackName: &id},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read events of stack %s: %w", id, err)
		}
		for _, e := range page.StackEvents { // newest first
			begun := aws.ToString(e.PhysicalResourceId) == id && begins(e.ResourceStatus)
			if begun || after != "" && aws.ToString(e.EventId) == after {
				return all, nil
			}
			failure, err := a.failure(ctx, id, e)
			if err != nil {
				return nil, err
			}
			all = append(failure, all...)
		}
	}
	return all, nil
}

// failure returns why a resource failed, if the event says that it did. It returns nothing for a resource that was only
// cancelled because another one failed, and for the stack itself.
func (a Account) failure(ctx context.Context, id string, e types.StackEvent) ([]string, error) {
	name, reason := aws.ToString(e.PhysicalResourceId), aws.ToString(e.ResourceStatusReason)
	if !strings.HasSuffix(string(e.ResourceStatus), "_FAILED") || strings.Contains(reason, "cancelled") || name == id {
		return nil, nil
	}
	if aws.ToString(e.ResourceType) == stackType && name != "" {
		nested, err := a.failures(ctx, name, "")
		if len(nested) > 0 || err != nil {
			return nested, err
		}
	}
	return []string{aws.ToString(e.LogicalResourceId) + ": " + reason}, nil
}

// begins reports whether an event of the stack itself begins an operation.
func begins(s types.ResourceStatus) bool {
	return s == types.ResourceStatusCreateInProgress || s == types.ResourceStatusUpdateInProgress ||
		s == types.ResourceStatusDeleteInProgress
}
