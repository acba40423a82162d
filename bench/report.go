package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table holds the measurements over one archive.
type table struct {
	shape  Shape
	rounds []map[string]Measured
}

// ratios is what is compared: the figure of one job over that of another, in each round.
var ratios = []struct {
	text    string
	over    string
	of      string
	measure func(Measured) float64
}{
	{"wall time, DuckDB (HLL) / rebuild", hllJob, rebuildJob, wall},
	{"wall time, DuckDB (exact) / rebuild", exactJob, rebuildJob, wall},
	{"processor time, DuckDB (HLL) / rebuild", hllJob, rebuildJob, processor},
	{"processor time, DuckDB (exact) / rebuild", exactJob, rebuildJob, processor},
	{"processor time, DuckDB (HLL) / run", hllJob, runJob, processor},
	{"processor time, rebuild / decoding alone", rebuildJob, decodeJob, processor},
	{"processor time, rebuild / advance", rebuildJob, advanceJob, processor},
	{"peak memory, rebuild / DuckDB (HLL)", rebuildJob, hllJob, func(m Measured) float64 { return float64(m.Megabytes) }},
}

func wall(m Measured) float64      { return m.Wall }
func processor(m Measured) float64 { return m.Processor }

// ratio returns the median, the smallest and the greatest of a ratio.
func (t table) ratio(over, of string, measure func(Measured) float64) (median, least, most float64) {
	var all []float64
	for _, round := range t.rounds {
		all = append(all, measure(round[over])/measure(round[of]))
	}
	slices.Sort(all)
	return all[len(all)/2], all[0], all[len(all)-1]
}

// report prints the tables, and writes them when asked.
func report(o options, tables []table) error {
	var text bytes.Buffer
	for _, t := range tables {
		fmt.Fprintf(&text, "\n%d events in objects of %d:\n\n", t.shape.Events, t.shape.PerObject)
		fmt.Fprintf(&text, "| ratio | median | range |\n|---|---|---|\n")
		for _, r := range ratios {
			median, least, most := t.ratio(r.over, r.of, r.measure)
			fmt.Fprintf(&text, "| %s | %.2f | %.2f to %.2f |\n", r.text, median, least, most)
		}
		fmt.Fprintf(&text, "\n| job | wall, s | processor, s | peak memory, MB |\n|---|---|---|---|\n")
		for _, job := range []string{rebuildJob, runJob, advanceJob, hllJob, exactJob, decodeJob} {
			fmt.Fprintf(&text, "| %s | %.2f | %.2f | %.0f |\n", job, t.median(job, wall), t.median(job, processor),
				t.median(job, func(m Measured) float64 { return float64(m.Megabytes) }))
		}
	}
	fmt.Print(text.String())
	if !o.write {
		return nil
	}
	file := filepath.Join(o.root, "docs", "benchmarks.md")
	if err := os.WriteFile(file, []byte(page(o, text.String())), 0o644); err != nil {
		return err
	}
	return appendHistory(filepath.Join(o.root, "bench", "history.txt"), tables)
}

func (t table) median(job string, measure func(Measured) float64) float64 {
	var all []float64
	for _, round := range t.rounds {
		all = append(all, measure(round[job]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func page(o options, tables string) string {
	return fmt.Sprintf(`# Benchmarks

`+"`make bench`"+` wrote this page on %s, on %d processors (%s), with %s and DuckDB %s.
Each job ran %d times, in a process of its own, and the jobs took turns. The range of a ratio is that of the rounds.

*Rebuild* builds the items of a new view from an archive whose runs exist, and *run* makes one run of all objects and
brings it into the items. *Advance* makes one run of the last of %d parts, and brings it into the items of the others.
All three find duplicates and encode the items, which go into memory. *DuckDB* reads the same files, removes the
duplicates by id, and groups by the same key and hour, with an estimate of the distinct users or with their exact
number. *Decode* decompresses the files and counts lines. Starting an engine does not count. The files come from the
page cache: nothing here says how long S3 or DynamoDB take.

The engines agree on groups, counts, sums, minima and maxima to the digit; otherwise no time is reported.
%s`, time.Now().UTC().Format(time.DateOnly), cores(), model(), runtime.Version(), strings.TrimPrefix(version(), "duckdb=="),
		o.rounds, advancedPart, tables)
}

//go:embed requirements.txt
var requirements string

func version() string { return strings.TrimSpace(requirements) }

// model names the processor; its architecture where the system does not say more.
func model() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			}
		}
	}
	return runtime.GOARCH
}

// appendHistory adds the measurements in the format that benchstat reads.
func appendHistory(file string, tables []table) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(history(tables))
	return errors.Join(err, f.Close())
}

func history(tables []table) string {
	var text strings.Builder
	fmt.Fprintf(&text, "date: %s\n", time.Now().UTC().Format(time.DateOnly))
	for _, t := range tables {
		for _, round := range t.rounds {
			for _, job := range []string{rebuildJob, runJob, advanceJob, hllJob, exactJob, decodeJob} {
				m := round[job]
				fmt.Fprintf(&text, "BenchmarkArchive/job=%s/per-object=%d 1 %.0f ns/op %.0f cpu-ns/op %d MB\n", job,
					t.shape.PerObject, m.Wall*1e9, m.Processor*1e9, m.Megabytes)
			}
		}
	}
	return text.String()
}
