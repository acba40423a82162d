package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/anabranch/anabranch/functions/authorizer/handler"
)

// secret is a secret of AWS Secrets Manager.
type secret struct {
	client *secretsmanager.Client
	id     string
}

var _ handler.Secret = secret{}

// Read implements handler.Secret: the versions with the labels AWSCURRENT and AWSPREVIOUS, which Secrets Manager moves
// when it gets a new one.
func (s secret) Read(ctx context.Context) (current string, made time.Time, previous string, err error) {
	now, err := s.version(ctx, "AWSCURRENT")
	if err != nil {
		return "", time.Time{}, "", fmt.Errorf("read secret: %w", err)
	}
	before, err := s.version(ctx, "AWSPREVIOUS")
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		before, err = &secretsmanager.GetSecretValueOutput{}, nil // it has had one version only
	}
	if err != nil {
		return "", time.Time{}, "", fmt.Errorf("read previous version of secret: %w", err)
	}
	return aws.ToString(now.SecretString), aws.ToTime(now.CreatedDate), aws.ToString(before.SecretString), nil
}

func (s secret) version(ctx context.Context, stage string) (*secretsmanager.GetSecretValueOutput, error) {
	return s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.id, VersionStage: &stage})
}
