package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"strconv"

	"github.com/anabranch/anabranch/infra/deployment"
	"github.com/anabranch/anabranch/localstack/emulator"
)

// Deploy deploys template.yaml to an emulator, as make deploy does to AWS, with the functions that are in build/. It
// returns what Deploy of infra/deployment returns, with the output of sam.
func Deploy(ctx context.Context, root, endpoint string, out io.Writer, given map[string]string) error {
	parameters := map[string]string{
		"ReadStream": "false", // our own poller reads the stream as Lambda does
		"Lanes":      "4",     // several lanes share a shard
		"Shards":     strconv.Itoa(shards), "DeletionProtection": "false",
	}
	maps.Copy(parameters, given)
	return deployment.At(Config(endpoint)).Deploy(ctx, deployment.Settings{
		Root: root, Stack: Name, Architecture: runtime.GOARCH, Parameters: parameters, Out: out,
		Build: func(context.Context, string, string) error { return nil },
		Sam: func(ctx context.Context, args []string) error {
			return runSam(ctx, root, endpoint, args)
		},
	})
}

// runSam runs sam against an emulator.
func runSam(ctx context.Context, root, endpoint string, args []string) error {
	bin, err := deployment.FindSam(ctx, root)
	if err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "sam-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	sam := deployment.Sam(ctx, root, bin, []string{
		"HOME=" + home, "SAM_CLI_POLL_DELAY=0.2", "AWS_ENDPOINT_URL=" + endpoint,
		"AWS_ACCESS_KEY_ID=" + emulator.AccessKey, "AWS_SECRET_ACCESS_KEY=" + emulator.SecretKey,
		"AWS_DEFAULT_REGION=" + emulator.Region,
	}, args)
	var out bytes.Buffer
	sam.Stdout, sam.Stderr = &out, &out
	if err := sam.Run(); err != nil {
		return fmt.Errorf("%w\n%s", err, out.Bytes())
	}
	return nil
}
