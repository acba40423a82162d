package main

import (
	"context"
	"fmt"
	"slices"
)

// The short form, for CI: no other engine, so its one ratio compares times of one process.
const (
	shortEvents = 300_000
	shortRounds = 5
	shortTries  = 8 // the most measurements of so many rounds

	// mostOverDecode is the most processor time that a rebuild may take, in that of decoding alone: the 3.8 that the
	// project wants to keep, and a fifth more for what else a machine does.
	mostOverDecode = 3.8 * 1.2
)

// short measures a rebuild and decoding alone in turns, and fails when the median of their ratios is too large. Another
// program that uses the caches can lengthen all rounds, so it measures again while the median is above the limit.
func short(ctx context.Context, o options) error {
	folder, err := archiveOf(ctx, o.archives(), Shape{Events: shortEvents, PerObject: largeObjects, Seed: o.seed})
	if err != nil {
		return err
	}
	median := 0.0
	for range shortTries {
		if median, err = overDecode(ctx, folder); err != nil || median <= mostOverDecode {
			return err
		}
	}
	return fmt.Errorf("a rebuild takes %.2f times the processor time of decoding alone: the maximum is %.2f; "+
		"profile it with -job %s -profile FILE", median, mostOverDecode, rebuildJob)
}

// overDecode returns the median of the ratios, and prints it with their range.
func overDecode(ctx context.Context, folder string) (float64, error) {
	var all []float64
	for range shortRounds {
		rebuild, err := measure(ctx, rebuildJob, folder, "")
		if err != nil {
			return 0, err
		}
		decode, err := measure(ctx, decodeJob, folder, "")
		if err != nil {
			return 0, err
		}
		all = append(all, rebuild.Processor/decode.Processor)
	}
	slices.Sort(all)
	median := all[len(all)/2]
	fmt.Printf("processor time, rebuild / decoding alone: %.2f (%.2f to %.2f), maximum %.2f\n", median, all[0],
		all[len(all)-1], mostOverDecode)
	return median, nil
}
