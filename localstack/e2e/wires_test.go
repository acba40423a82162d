//go:build emulator

package e2e_test

import (
	"errors"

	"github.com/anabranch/anabranch/localstack/wire"
)

// wires are the layers between the functions and the emulators, one for each emulator. They break alike.
type wires []*wire.Proxy

// listen adds the layer before the emulator at an endpoint, and returns its URL.
func (w *wires) listen(endpoint string) (string, error) {
	p, err := wire.Listen(endpoint, 1)
	if err != nil {
		return "", err
	}
	*w = append(*w, p)
	return p.URL, nil
}

// Break is wire.Transport's, and so are the methods below.
func (w wires) Break(plans ...wire.Plan) error {
	var errs []error
	for _, p := range w {
		errs = append(errs, p.Break(plans...))
	}
	return errors.Join(errs...)
}

func (w wires) Heal() {
	for _, p := range w {
		p.Heal()
	}
}

func (w wires) Reset() {
	for _, p := range w {
		p.Reset()
	}
}

func (w wires) Fired() map[wire.Kind]int {
	sum := map[wire.Kind]int{}
	for _, p := range w {
		for kind, n := range p.Fired() {
			sum[kind] += n
		}
	}
	return sum
}

func (w wires) Close() error {
	var errs []error
	for _, p := range w {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
