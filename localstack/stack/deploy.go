package stack

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/emulator"
)

// architectures maps Go's names of processor architectures to Lambda's.
var architectures = map[string]string{"amd64": "x86_64", "arm64": "arm64"}

// deploy deploys template.yaml to the emulator, as `sam deploy` does to AWS.
func deploy(ctx context.Context, root, endpoint string, s Settings) error {
	bin, err := venv.Open(ctx, root, venv.Tools)
	if err != nil {
		return err
	}
	parameters := map[string]string{
		"ReadStream": "false", // our own poller reads the stream as Lambda does
		"Shards":     strconv.Itoa(shards), "Architecture": architectures[runtime.GOARCH], "DeletionProtection": "false",
	}
	maps.Copy(parameters, s.Parameters)
	args := []string{
		"deploy", "--template-file", "template.yaml", "--stack-name", name, "--resolve-s3", "--region", emulator.Region,
		"--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND",
		"--no-confirm-changeset", "--no-progressbar", "--parameter-overrides",
	}
	for _, p := range sorted(parameters) {
		args = append(args, p+"="+parameters[p])
	}
	home, err := os.MkdirTemp("", "sam-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	command := exec.CommandContext(ctx, filepath.Join(bin, "sam"), args...)
	command.Dir = root
	command.Env = []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + home,
		"SAM_CLI_TELEMETRY=0", "SAM_CLI_POLL_DELAY=0.2", "AWS_ENDPOINT_URL=" + endpoint,
		"AWS_ACCESS_KEY_ID=" + emulator.AccessKey, "AWS_SECRET_ACCESS_KEY=" + emulator.SecretKey,
		"AWS_DEFAULT_REGION=" + emulator.Region,
	}
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		return fmt.Errorf("sam deploy: %w\n%s", err, out.Bytes())
	}
	return nil
}
