package promql

import (
	"errors"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// seriesSet implements storage.SeriesSet over series in memory.
type seriesSet struct {
	all      []storage.Series
	at       int // one more than the index of the current series
	warnings annotations.Annotations
}

func (s *seriesSet) warn(all []string) {
	for _, text := range all {
		s.warnings.Add(errors.New(text))
	}
}

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool { s.at++; return s.at <= len(s.all) }

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series { return s.all[s.at-1] }

// Err implements storage.SeriesSet.
func (s *seriesSet) Err() error { return nil }

// Warnings implements storage.SeriesSet.
func (s *seriesSet) Warnings() annotations.Annotations { return s.warnings }
