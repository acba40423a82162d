package settings

import (
	"fmt"
	"time"
)

// Stream is for how long an event may come by the stream. Speed and replay have it alike: from it follows how long a
// seen item lives.
type Stream struct {
	// How long the stream keeps records. Danger: less than it does, and a record that comes again late finds neither
	// applied position nor seen item, and counts twice: in a Kappa view until it is rebuilt, in another until batch has
	// covered both copies.
	StreamRetention time.Duration `default:"72h"`
	// As batch and republish have it: events older than this are put into the stream by nobody. Danger: less than they
	// have, and seen items expire while copies may still come.
	MaxStreamAge time.Duration `default:"72h"`
}

// Check names each setting that does not do.
func (s Stream) Check(l Layout) error {
	if s.StreamRetention <= 0 {
		return fmt.Errorf("STREAM_RETENTION=%s: want above 0, as the stream has it", s.StreamRetention)
	}
	if least := max(s.StreamRetention, l.SpeedWindow); s.MaxStreamAge < least {
		return fmt.Errorf(
			"MAX_STREAM_AGE=%s: want at least STREAM_RETENTION and SPEED_WINDOW, %s: what has waited in the stream "+
				"for so long would be given up while it may still be read",
			s.MaxStreamAge,
			least,
		)
	}
	return nil
}
