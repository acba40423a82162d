package deployment

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/anabranch/anabranch/shared/access"
)

// Names of the outputs of the stack.
const (
	urlOutput    = "ApiUrl"
	secretOutput = "KeysSecretArn"
)

// ReadKeys returns the URL of a stack's API and its keys. The keys are secrets.
//
// Errors: no such stack, or one without outputs, which was never deployed; AWS's.
func (a Account) ReadKeys(ctx context.Context, name string) (url string, keys access.Keys, err error) {
	s, err := a.Describe(ctx, name)
	if err != nil {
		return "", keys, err
	}
	if s.Status == "" {
		return "", keys, fmt.Errorf("there is no stack %s in %s; deploy it first: make deploy STACK=%s", name, a.Region, name)
	}
	url, secret := s.Outputs[urlOutput], s.Outputs[secretOutput]
	if url == "" || secret == "" {
		return "", keys, errors.New(
			"stack " + name + ": the outputs " + urlOutput + " and " + secretOutput + " are missing; deploy the stack first",
		)
	}
	value, err := a.Keys.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret})
	if err != nil {
		return "", keys, fmt.Errorf("read secret %s: %w", secret, err)
	}
	if keys, err = access.ParseKeys(aws.ToString(value.SecretString)); err != nil {
		return "", keys, fmt.Errorf("secret %s: %w", secret, err)
	}
	return url, keys, nil
}

// PrintKeys prints the URL of a stack's API and its keys.
func (a Account) PrintKeys(ctx context.Context, out io.Writer, name string) error {
	url, keys, err := a.ReadKeys(ctx, name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "url    %s\nwrite  %s\nread   %s\nadmin  %s\n", url, keys.Write, keys.Read, keys.Admin)
	return err
}

// PrintVariables prints the URL of a stack's API and its admin key as variables for a shell. The command anabranch
// reads them.
func (a Account) PrintVariables(ctx context.Context, out io.Writer, name string) error {
	url, keys, err := a.ReadKeys(ctx, name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "export ANABRANCH_URL='%s' ANABRANCH_KEY='%s'\n", url, keys.Admin)
	return err
}
