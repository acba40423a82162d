package deployment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Settings say what to deploy.
type Settings struct {
	Root         string            // directory of the repository
	Stack        string            // name of the stack
	Architecture string            // "arm64" or "amd64"; "" for that of the stack, or arm64 for a new one
	Views        string            // views file; "" for the views of the stack, or the sample's for a new one
	Parameters   map[string]string // parameters of the template by name; others keep their values, or have the defaults
	Out          io.Writer         // receives progress messages

	// Build builds the functions for a processor architecture, in Go's spelling, with a views file.
	Build func(ctx context.Context, architecture, views string) error
	// Sam runs sam with arguments, in the directory of the repository.
	Sam func(ctx context.Context, args []string) error
}

// architectures maps Go's names of processor architectures to Lambda's.
var architectures = map[string]string{"amd64": "x86_64", "arm64": "arm64"}

// templateFile is the template, below the directory of the repository.
const templateFile = "template.yaml"

// settleIAM is the time before a second try: IAM makes a new role known within seconds.
const settleIAM = 20 * time.Second

// Deploy creates a stack or updates it. If nothing has changed, it does nothing and succeeds.
//
// A stack whose creation failed has never run. Deploy deletes it, with its empty buckets and tables, and creates it
// again. If the creation or update fails because IAM does not know a new role yet, Deploy tries once more.
//
// Errors: a parameter that is unknown or invalid, or a change that the functions would refuse, before anything is built
// or deployed: do not retry. CloudFormation's, with the reason for each resource that failed.
func (a Account) Deploy(ctx context.Context, d Settings) error {
	p := &printer{out: d.Out}
	plan, err := a.plan(ctx, p, d)
	if err != nil {
		return err
	}
	if err := d.Build(ctx, plan.architecture, plan.views); err != nil {
		return fmt.Errorf("build the functions: %w", err)
	}
	if err := writeConfig(d.Root); err != nil {
		return err
	}
	if err := writeRelease(d.Root, plan.values); err != nil {
		return err
	}
	for try := 1; ; try++ {
		newest, err := a.clear(ctx, p, d.Stack)
		if err != nil {
			return err
		}
		samErr := d.Sam(ctx, plan.arguments)
		if samErr == nil {
			return p.err
		}
		passing, err := a.explain(ctx, p, d.Stack, newest)
		if err != nil || !passing || try > 1 {
			return errors.Join(fmt.Errorf("sam deploy: %w", samErr), err)
		}
		p.printf("IAM did not know a new role yet. Trying once more in %s.\n", settleIAM)
		if err := a.Wait(ctx, settleIAM); err != nil {
			return err
		}
	}
}

// plan is what a deployment builds and asks sam for.
type plan struct {
	architecture string            // in Go's spelling
	views        string            // views file
	values       map[string]string // value that each parameter will have
	arguments    []string
}

// Check checks what can be known without an account: the name of the stack, the names of the parameters, and the views
// file. Deploy checks the same first.
//
// Errors: do not retry. A mistake in the views file is named as file:line:col.
func (d Settings) Check() error {
	if err := checkName(d.Stack); err != nil {
		return err
	}
	defaults, err := readDefaults(filepath.Join(d.Root, templateFile))
	if err != nil {
		return err
	}
	if err := checkGiven(d.Parameters, defaults); err != nil {
		return err
	}
	return d.compileViews()
}

// plan looks at the stack and checks everything that can be known before a deployment.
func (a Account) plan(ctx context.Context, p *printer, d Settings) (plan, error) {
	if err := d.Check(); err != nil {
		return plan{}, err
	}
	s, err := a.Describe(ctx, d.Stack)
	if err != nil {
		return plan{}, err
	}
	if err := s.checkDeployable(); err != nil {
		return plan{}, err
	}
	if s.isUndone() {
		s = Stack{Name: s.Name} // it is deleted before the deployment
	}
	defaults, err := readDefaults(filepath.Join(d.Root, templateFile))
	if err != nil {
		return plan{}, err
	}
	given, architecture, err := withArchitecture(d, s)
	if err != nil {
		return plan{}, err
	}
	if given, err = a.takeOver(ctx, s, given); err != nil {
		return plan{}, err
	}
	values := merge(defaults, s.Parameters, given)
	if err := a.check(ctx, s, values); err != nil {
		return plan{}, err
	}
	if err := checkChange(s, defaults, values); err != nil {
		return plan{}, err
	}
	views, origin, err := a.chooseViews(ctx, d, s)
	if err != nil {
		return plan{}, err
	}
	printPlan(p, a.Region, s, values, defaults, origin)
	return plan{architecture: architecture, views: views, values: values, arguments: a.arguments(d.Stack, given)}, nil
}

// withArchitecture returns the given parameters with the processor architecture, and the architecture in Go's spelling.
// The build decides it, so that it is not a parameter to give.
func withArchitecture(d Settings, s Stack) (given map[string]string, architecture string, err error) {
	given = maps.Clone(d.Parameters)
	if given == nil {
		given = map[string]string{}
	}
	architecture = "arm64"
	for spelled, lambda := range architectures {
		if s.Parameters[architectureParameter] == lambda {
			architecture = spelled
		}
	}
	if d.Architecture != "" {
		architecture = d.Architecture
	}
	lambda, ok := architectures[architecture]
	if !ok {
		return nil, "", fmt.Errorf("ARCH=%s: must be arm64 or amd64", architecture)
	}
	if value, ok := given[architectureParameter]; ok && value != lambda {
		return nil, "", fmt.Errorf("%s=%s does not match ARCH=%s: give ARCH only", architectureParameter, value, architecture)
	}
	given[architectureParameter] = lambda
	return given, architecture, nil
}

// printPlan says what will be deployed. It lists the parameters that differ from their defaults.
func printPlan(p *printer, region string, s Stack, values, defaults map[string]string, views string) {
	verb := "updating"
	if s.isNew() {
		verb = "creating"
	}
	p.printf("%s   stack %s in %s, %s\nviews      %s\n", verb, s.Name, region, values[architectureParameter], views)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if value := values[name]; value != defaults[name] && name != architectureParameter {
			p.printf("parameter  %s=%s\n", name, value)
		}
	}
}

// arguments returns the arguments of sam. They leave nothing to ask for, and nothing to files of earlier deployments.
func (a Account) arguments(stack string, given map[string]string) []string {
	return slices.Concat([]string{
		"deploy", "--template-file", templateFile, "--config-file", emptyConfig, "--stack-name", stack,
		"--region", a.Region, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND",
		"--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar", "--parameter-overrides",
	}, overrides(given))
}

// emptyConfig is a configuration of sam without settings, below the directory of the repository. Without it, sam would
// read the samconfig.toml that somebody's guided deployment has left.
const emptyConfig = "build/samconfig.toml"

func writeConfig(root string) error {
	file := filepath.Join(root, emptyConfig)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte("version = 0.1\n"), 0o644)
}

// clear deletes a stack whose creation was rolled back, with what it left and is empty. It returns the newest event of
// any other stack, which the deployment will update.
func (a Account) clear(ctx context.Context, p *printer, name string) (newest string, err error) {
	s, err := a.Describe(ctx, name)
	if err != nil {
		return "", err
	}
	if s.isUndone() {
		return "", a.startOver(ctx, p, s)
	}
	return a.newestEvent(ctx, s)
}

// startOver deletes a stack that has never run, with what it left and is empty. It says what it left and is not.
func (a Account) startOver(ctx context.Context, p *printer, s Stack) error {
	p.printf("The creation of stack %s has failed (%s). Deleting it, with its empty buckets and tables.\n",
		s.Name, s.Status)
	made, err := a.dataOf(ctx, s)
	if err != nil {
		return err
	}
	if err := a.deleteStack(ctx, s); err != nil {
		return err
	}
	left, err := a.existing(ctx, made)
	if err != nil {
		return err
	}
	if left, err = a.removeEmpty(ctx, left); err != nil {
		return err
	}
	a.printLeft(p, left)
	return p.err
}

// passing are parts of the reasons for failures that end by themselves: IAM does not know a new role everywhere yet.
//
// Source: answers of Lambda's CreateFunction and CreateEventSourceMapping, and of Scheduler's CreateSchedule.
var passing = []string{
	"ensure the role can perform",               // mapping of a stream
	"cannot be assumed by Lambda",               // function
	"role does not have permissions to call",    // mapping of a queue
	"allow AWS EventBridge Scheduler to assume", // schedule
	"Lambda was unable to configure access to your environment variables because the KMS key",
}

// explain prints why the operation that began after an event failed, and reports whether it would succeed now. It
// prints nothing if sam failed before it changed the stack.
func (a Account) explain(ctx context.Context, p *printer, name, after string) (passes bool, err error) {
	s, err := a.Describe(ctx, name)
	if err != nil || s.ID == "" {
		return false, err
	}
	reasons, err := a.failures(ctx, s.ID, after)
	if err != nil || len(reasons) == 0 {
		return false, err
	}
	p.printf("Stack %s is %s. Why:\n  %s\n", name, s.Status, strings.Join(reasons, "\n  "))
	if s.isUndone() {
		p.printf("Remove the cause and deploy again. That deletes this stack first: it has never run.\n")
	}
	return !slices.ContainsFunc(reasons, func(reason string) bool { return !passesByItself(reason) }), p.err
}

func passesByItself(reason string) bool {
	return slices.ContainsFunc(passing, func(part string) bool { return strings.Contains(reason, part) })
}
