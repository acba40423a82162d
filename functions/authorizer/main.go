// Command authorizer is the Lambda authorizer of the HTTP API: it wires the handler to the secret that holds the keys.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/anabranch/anabranch/functions/authorizer/handler"
	"github.com/anabranch/anabranch/shared/aws/launch"
	"github.com/anabranch/anabranch/shared/aws/sdk"
	"github.com/anabranch/anabranch/shared/aws/settings"
	"github.com/anabranch/anabranch/shared/budget"
)

// Settings are the function's, from its environment.
type Settings struct {
	// The secret that holds the three keys, by ARN.
	KeysSecret string
	// The secret is read again when what is known of it is older. Danger: a key that was taken out of it is good for so long, and for the minute
	// that the gateway keeps answers.
	KeyFresh time.Duration `default:"5m"`
	// The keys of the secret's previous version are good this long after the current one was made. 0: not at all, for keys that got out.
	KeyGrace time.Duration `default:"24h"`
}

// What needs no setting.
const (
	miss    = 10 * time.Second       // for a key that nobody knows the secret is read this often at most
	stale   = time.Hour              // while Secrets Manager is down, keys that are known are good for so long
	reserve = 200 * time.Millisecond // of an invocation, to answer in
)

// calls: an answer is awaited by a client, and the gateway waits 10 s.
func calls() sdk.Settings {
	return sdk.Settings{Attempts: 3, Attempt: 1500 * time.Millisecond, Delay: 100 * time.Millisecond}
}

func (s Settings) check() error {
	var all []error
	if s.KeyFresh < miss || s.KeyFresh > stale {
		all = append(all, fmt.Errorf("KEY_FRESH=%s: want %s to %s", s.KeyFresh, miss, stale))
	}
	if s.KeyGrace < 0 {
		all = append(all, fmt.Errorf("KEY_GRACE=%s: want 0 or more", s.KeyGrace))
	}
	return errors.Join(all...)
}

// function is the started function.
type function struct{ handler *handler.Handler }

// start wires the function. Without its settings it does not start.
func start(ctx context.Context, lookup settings.Lookup, log *slog.Logger) (*function, error) {
	var s Settings
	if err := settings.Read(lookup, &s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	cfg, err := sdk.Config(ctx, calls())
	if err != nil {
		return nil, err
	}
	return &function{&handler.Handler{
		Secret: secret{secretsmanager.NewFromConfig(cfg), s.KeysSecret},
		Fresh:  s.KeyFresh, Miss: miss, Grace: s.KeyGrace, Stale: stale, Now: time.Now, Log: log,
	}}, nil
}

func (f *function) handle(ctx context.Context, r events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
	ctx, cancel := budget.Reserve(ctx, reserve)
	defer cancel()
	return f.handler.Handle(ctx, r)
}

func main() { launch.Main(start, func(f *function) any { return f.handle }) }
