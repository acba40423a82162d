// Command local runs Anabranch on this machine as it is deployed, until Ctrl-C: see localstack/stack. It prints the URL
// of the API, its keys, and commands to try.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/anabranch/anabranch/localstack/stack"
)

// With slots this short you can watch batch take over. The shortest schedule is a minute, so that is the wait.
var parameters = map[string]string{
	"Slot": "10s", "CommitWithin": "3s", "ClockMargin": "2s",
	"SealDelay": "6s", "SweepAfter": "30s", "BatchingWindow": "1",
}

func main() {
	port := flag.Int("port", 4566, "port of the emulator, on 127.0.0.1")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *port); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, port int) (err error) {
	s, err := stack.Start(ctx, stack.Settings{Port: port, Parameters: parameters, Log: os.Stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	fmt.Print(welcome(s.URL, s.Keys.Write, s.Keys.Read, s.Keys.Admin))
	<-ctx.Done()
	return nil
}

// welcome says how to use the stack. A key is of use only on this emulator, so all three may be shown.
func welcome(url, write, read, admin string) string {
	return fmt.Sprintf(`
The keys work only on this emulator. The admin key may do everything, the others what their names say:

  write  %s
  read   %s
  admin  %s

  export ANABRANCH_URL='%s'
  export ANABRANCH_KEY=%s

  build/anabranch send localstack/sample/web-requests.ndjson.gz
  build/anabranch query page_views path=/favicon.ico --total --parts
  build/anabranch smoke

The views exist after the first tick of batch, a minute from now. Rows become exact about a minute after their events.
Ctrl-C stops everything.
`, write, read, admin, url, admin)
}
