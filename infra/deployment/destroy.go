package deployment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// The deletion of a stack takes at most this long, and is looked at this often.
const (
	deletionLimit = 30 * time.Minute
	deletionPoll  = 5 * time.Second
)

// ErrMismatch means that the operator typed something else than the name of the stack.
var ErrMismatch = errors.New("the name does not match; nothing was deleted")

// Destroy deletes a stack in any state, and says what stays and how to remove it. It reads the name of the stack from
// in first, unless in is nil.
//
// Errors: ErrMismatch; no such stack, or none of ours; a resource that CloudFormation cannot delete, with the reason.
func (a Account) Destroy(ctx context.Context, in io.Reader, out io.Writer, name string) error {
	s, err := a.Describe(ctx, name)
	if err != nil {
		return err
	}
	if s.Status == "" || s.isDeleted() {
		return fmt.Errorf("there is no stack %s in %s", name, a.Region)
	}
	if !s.isOurs() && s.Status != types.StackStatusReviewInProgress {
		return fmt.Errorf("stack %s in %s is not an Anabranch stack; nothing was deleted", name, a.Region)
	}
	made, err := a.dataOf(ctx, s)
	if err != nil {
		return err
	}
	p := &printer{out: out}
	p.printf("This deletes stack %s in %s, which is %s: functions, API, keys, stream and queues.\n"+
		"Its buckets and tables stay.\n", name, a.Region, s.Status)
	if in != nil {
		if err := ask(in, p, name); err != nil {
			return err
		}
	}
	p.printf("Deleting it, which takes some minutes.\n")
	if err := a.deleteStack(ctx, s); err != nil {
		return err
	}
	p.printf("Stack %s is deleted.\n", name)
	left, err := a.existing(ctx, made)
	if err != nil {
		return err
	}
	a.printLeft(p, left)
	return p.err
}

func ask(in io.Reader, p *printer, name string) error {
	p.printf("Type %s to continue: ", name)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != name {
		return ErrMismatch
	}
	return nil
}

// deleteStack deletes a stack and waits until it is gone.
func (a Account) deleteStack(ctx context.Context, s Stack) error {
	// A deletion is asked for by id: meanwhile, somebody may create another stack with the name.
	if _, err := a.Stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &s.ID}); err != nil {
		return fmt.Errorf("delete stack %s: %w", s.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, deletionLimit)
	defer cancel()
	for {
		now, err := a.Describe(ctx, s.ID)
		if err != nil {
			return err
		}
		switch {
		case now.Status == "" || now.isDeleted():
			return nil
		case now.Status == types.StackStatusDeleteFailed:
			return a.undeletable(ctx, s)
		}
		if err := a.Wait(ctx, deletionPoll); err != nil {
			return fmt.Errorf("stack %s is %s; wait for its deletion: %w", s.Name, now.Status, err)
		}
	}
}

// undeletable says which resources CloudFormation could not delete, and what to do.
func (a Account) undeletable(ctx context.Context, s Stack) error {
	reasons, err := a.failures(ctx, s.ID, "")
	if err != nil {
		return err
	}
	return fmt.Errorf("CloudFormation could not delete stack %s:\n  %s\nRemove the cause and run make destroy STACK=%s "+
		"again, or leave these resources behind:\n  aws cloudformation delete-stack --region %s --stack-name %s "+
		"--deletion-mode FORCE_DELETE_STACK", s.Name, strings.Join(reasons, "\n  "), s.Name, a.Region, s.Name)
}
