package host

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Function is a function and its configuration, as it is deployed.
type Function struct {
	Name        string            // Name, for example "anabranch-ingest".
	Bootstrap   string            // Path of the executable. Its directory is LAMBDA_TASK_ROOT and the working directory.
	Handler     string            // Value of _HANDLER. "" means "bootstrap".
	Timeout     time.Duration     // Time-out of one call. 0 means Lambda's default, 3 s.
	Memory      int               // MB, 128 to 10,240. 0 means 128. The host does not enforce it.
	Concurrency int               // Maximum of calls at once; the host throttles more. 0 means 10, which suits a laptop.
	LogFormat   string            // "Text" or "JSON". "" means "Text".
	LogLevel    string            // Level for LogFormat "JSON", for example "DEBUG". "" means "INFO".
	Env         map[string]string // Variables, 4 KB in all. The names that Lambda itself sets are not allowed.
}

const (
	maxTimeout = 15 * time.Minute
	minMemory  = 128
	maxMemory  = 10_240
	maxEnv     = 4 << 10
)

func (f Function) defaults() Function {
	f.Handler = cmp.Or(f.Handler, "bootstrap")
	f.Timeout = cmp.Or(f.Timeout, 3*time.Second)
	f.Memory = cmp.Or(f.Memory, minMemory)
	f.Concurrency = cmp.Or(f.Concurrency, 10)
	f.LogFormat = cmp.Or(f.LogFormat, "Text")
	if f.LogFormat == "JSON" {
		f.LogLevel = cmp.Or(f.LogLevel, "INFO")
	}
	return f
}

var (
	namePattern     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	variablePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
)

// Validate checks the function. Its error names everything that AWS would refuse, and a bootstrap that is not
// executable.
//
// Source: AWS Lambda API Reference, CreateFunction.
func (f Function) Validate() error {
	f = f.defaults()
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !namePattern.MatchString(f.Name) {
		refuse("invalid name %q: must be 1 to 64 letters, digits, - and _", f.Name)
	}
	if f.Timeout < 0 || f.Timeout > maxTimeout {
		refuse("invalid Timeout %s: must be more than 0s; maximum is %s", f.Timeout, maxTimeout)
	}
	if f.Memory < minMemory || f.Memory > maxMemory {
		refuse("invalid Memory %d MB: must be %d to %d", f.Memory, minMemory, maxMemory)
	}
	if f.Concurrency < 1 {
		refuse("invalid Concurrency %d: minimum is 1", f.Concurrency)
	}
	if f.LogFormat != "Text" && f.LogFormat != "JSON" {
		refuse("invalid LogFormat %q: must be Text or JSON", f.LogFormat)
	}
	if f.LogFormat != "JSON" && f.LogLevel != "" {
		refuse("LogLevel %q needs LogFormat JSON, but LogFormat is %s: Lambda filters only JSON", f.LogLevel, f.LogFormat)
	}
	errs = append(errs, validateEnv(f.Env), executable(f.Bootstrap))
	return errors.Join(errs...)
}

func validateEnv(env map[string]string) error {
	var errs []error
	size := 0
	for _, name := range slices.Sorted(maps.Keys(env)) {
		size += len(name) + len(env[name])
		switch {
		case !variablePattern.MatchString(name):
			errs = append(errs, fmt.Errorf("invalid variable %q: must be a letter and more letters, digits or _", name))
		case reserved(name):
			errs = append(errs, fmt.Errorf("variable %s is reserved by Lambda: leave it out", name))
		case strings.ContainsRune(env[name], 0):
			errs = append(errs, fmt.Errorf("the value of variable %s contains a zero byte", name))
		}
	}
	if size > maxEnv {
		errs = append(errs, fmt.Errorf("the variables have %d bytes; maximum is %d", size, maxEnv))
	}
	return errors.Join(errs...)
}

// reserved reports whether AWS refuses a function that sets the variable.
//
// Source: AWS Lambda Developer Guide, configuration-envvars, reserved environment variables.
func reserved(name string) bool {
	switch name {
	case "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
		"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR":
		return true
	}
	return strings.HasPrefix(name, "AWS_LAMBDA_")
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("bootstrap: %s (%s) is not an executable file", path, info.Mode())
	}
	return nil
}

// ARN returns the Amazon Resource Name of a function.
func (h *Host) ARN(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", h.settings.Region, h.settings.Account, name)
}

// environment returns all environment variables of a process of the function, sorted. It does not pass on the host's
// own.
//
// Source: AWS Lambda Developer Guide, configuration-envvars: defined runtime environment variables. AWS_EXECUTION_ENV
// is not defined for OS-only runtimes.
func (h *Host) environment(f Function, api, logStream string) []string {
	root := filepath.Dir(f.Bootstrap)
	env := map[string]string{
		"PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC",
		"LD_LIBRARY_PATH": "/lib64:/usr/lib64:" + root + ":" + filepath.Join(root, "lib") + ":/opt/lib",

		"AWS_LAMBDA_RUNTIME_API": api, "_HANDLER": f.Handler,
		"LAMBDA_TASK_ROOT": root, "LAMBDA_RUNTIME_DIR": "/var/runtime",

		"AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.Memory), "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":  "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME": logStream,
		"AWS_LAMBDA_LOG_FORMAT":      f.LogFormat,

		"AWS_REGION": h.settings.Region, "AWS_DEFAULT_REGION": h.settings.Region,
		"AWS_ACCESS_KEY_ID": h.settings.AccessKey, "AWS_SECRET_ACCESS_KEY": h.settings.SecretKey,
		"AWS_SESSION_TOKEN": "local",
	}
	if f.LogFormat == "JSON" {
		env["AWS_LAMBDA_LOG_LEVEL"] = f.LogLevel
	}
	if h.settings.Endpoint != "" {
		env["AWS_ENDPOINT_URL"] = h.settings.Endpoint
	}
	maps.Copy(env, f.Env)
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
