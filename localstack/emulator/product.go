package emulator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/anabranch/anabranch/infra/venv"
	"github.com/anabranch/anabranch/localstack/host/kinesislocal"
)

// Product is an emulator that pip installs.
type Product struct {
	Name     string
	Packages venv.Packages

	module string // its function main runs the emulator
	health string // path that answers 200 when the emulator is ready
	reset  string // path that deletes all data
	grace  int    // seconds that it has to end by itself, because it may persist its data

	// environment returns the variables of one run, besides those that every product gets. home is the directory of the
	// run, and root that of the repository.
	environment func(ctx context.Context, root, home string, port int) ([]string, error)
}

// MiniStack serves everything that the template needs. The functions run in our own host.
var MiniStack = Product{
	Name: "MiniStack",
	Packages: venv.Packages{
		Name: "venv", Requirements: "localstack/requirements.txt", Pythons: venv.Pythons,
	},
	module: "ministack.app", health: "/_ministack/health", reset: "/_ministack/reset", grace: 5,
	environment: func(_ context.Context, _, home string, port int) ([]string, error) {
		return []string{
			"TMPDIR=" + home, "LOG_LEVEL=WARNING", "BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + strconv.Itoa(port),
			"AWS_ENDPOINT_URL=" + address(port), "IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", // these services would open more ports
			"S3_DATA_DIR=" + filepath.Join(home, "s3"),
		}, nil
	},
}

// LocalStack is the open-source LocalStack, without Docker and without an account. It serves S3, SQS, Kinesis and
// Secrets Manager. Its Kinesis is kinesis-local.
//
// Source: localstack-core 2026.3.0, localstack/config.py, localstack/services/kinesis/packages.py.
var LocalStack = Product{
	Name: "LocalStack",
	Packages: venv.Packages{
		Name: "venv-localstack", Requirements: "localstack/requirements-localstack.txt", Pythons: []string{"3.13"},
	},
	module: "localstack.runtime.main", health: "/_localstack/health", reset: "/_localstack/state/reset",
	environment: localStackEnvironment,
}

func localStackEnvironment(ctx context.Context, root, home string, port int) ([]string, error) {
	server, err := kinesislocal.Install(ctx, root)
	if err != nil {
		return nil, err
	}
	// LocalStack installs kinesis-local with npm, unless it is in this directory already.
	installed := filepath.Join(home, "var", "lib", "localstack", "lib", "kinesis-local", kinesislocal.Version)
	if err := os.MkdirAll(filepath.Dir(installed), 0o755); err != nil {
		return nil, err
	}
	if err := os.Symlink(server, installed); err != nil {
		return nil, err
	}
	return []string{
		"SERVICES=s3,sqs,kinesis,secretsmanager", fmt.Sprintf("GATEWAY_LISTEN=127.0.0.1:%d", port),
		// It would take a machine that is itself a container for its own container, and write to /var/lib/localstack.
		"OVERRIDE_IN_DOCKER=0", "FILESYSTEM_ROOT=" + home,
		// It asks the network for a certificate, for DNS and for usage statistics. It needs none of them.
		"SKIP_SSL_CERT_DOWNLOAD=1", "DNS_ADDRESS=0", "DISABLE_EVENTS=1", "LS_LOG=warning",
		"KINESIS_MOCK_VERSION=" + kinesislocal.Version, "KINESIS_LATENCY=50",
		"NODE_OPTIONS=--require=" + filepath.Join(server, kinesislocal.Loopback),
	}, nil
}

func address(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }
