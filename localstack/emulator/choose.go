package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// Variable is the environment variable that chooses the emulator of tests. It is unset for MiniStack, FromPip for a
// LocalStack that pip installs and the test starts, or the URL of a LocalStack that runs already, for example
// "http://localhost:4566".
const Variable = "LOCALSTACK"

// FromPip is a value of Variable.
const FromPip = "pip"

// LocalStackIsChosen reports whether the environment chooses LocalStack.
func LocalStackIsChosen() bool { return os.Getenv(Variable) != "" }

// Choose starts the emulator that the environment chooses, as Launch does, or finds the one that runs already.
func Choose(ctx context.Context) (*Emulator, error) {
	switch chosen := os.Getenv(Variable); chosen {
	case "":
		return Launch(ctx, Settings{})
	case FromPip:
		return Launch(ctx, Settings{Product: &LocalStack})
	default:
		return find(ctx, chosen)
	}
}

// find returns an emulator that runs already. Stop does not end it.
func find(ctx context.Context, chosen string) (*Emulator, error) {
	at, err := url.Parse(chosen)
	if err != nil || at.Scheme != "http" || at.Host == "" || strings.Trim(at.Path, "/") != "" {
		return nil, fmt.Errorf("invalid %s=%s: must be %q, or a URL such as http://localhost:4566", Variable, chosen, FromPip)
	}
	// Clients put the name of a bucket before a host's name, but not before an address.
	addresses, err := net.DefaultResolver.LookupIP(ctx, "ip4", at.Hostname())
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", Variable, chosen, err)
	}
	e := &Emulator{product: LocalStack, Endpoint: "http://" + addresses[0].String()}
	if at.Port() != "" {
		e.Endpoint += ":" + at.Port()
	}
	if err := e.healthy(ctx); err != nil {
		return nil, fmt.Errorf("%s=%s does not answer as LocalStack: %w", Variable, chosen, err)
	}
	return e, nil
}

// Services returns the services that a LocalStack serves, by LocalStack's names for them, for example "s3".
func (e *Emulator) Services(ctx context.Context) (services []string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Endpoint+LocalStack.health, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var health struct{ Services map[string]string }
	if err := json.NewDecoder(response.Body).Decode(&health); err != nil {
		return nil, fmt.Errorf("health of %s: %w", e.Endpoint, err)
	}
	for name, state := range health.Services {
		if state != "disabled" {
			services = append(services, name)
		}
	}
	return services, nil
}
