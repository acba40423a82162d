// Command play plays histories until an oracle refuses one, which it prints as a line of JSON. Command run builds it
// once per mutant.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/anabranch/anabranch/shared/simulation/history"
)

func main() {
	seeds := flag.Uint64("seeds", 200, "number of histories")
	first := flag.Uint64("first", 1, "first seed")
	flag.Parse()
	if err := play(*first, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "play:", err)
		os.Exit(1)
	}
}

// refuted is the line of JSON about a history that an oracle refused. Command run reads it.
type refuted struct {
	Seed   uint64 `json:"seed"`
	Oracle string `json:"oracle"`
	Detail string `json:"detail"`
}

func play(first, seeds uint64) error {
	for seed := first; seed < first+seeds; seed++ {
		_, err := history.Run(seed)
		var failure *history.Failure
		switch {
		case errors.As(err, &failure):
			return json.NewEncoder(os.Stdout).Encode(refuted{failure.Seed, failure.Oracle, failure.Detail})
		case err != nil:
			return fmt.Errorf("seed %d: %w", seed, err)
		}
	}
	return nil
}
