package speed

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/shared/generations"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/viewstore"
)

// move lets generations serve that are complete, and deletes what was given up. Batch does so with those of Lambda views.
func (t *replaying) move(ctx context.Context) error {
	views, err := t.Catalog.Views(ctx)
	if err != nil {
		return fmt.Errorf("read views: %w", err)
	}
	drop := func(ctx context.Context, generation viewstore.Generation, after string) (string, error) {
		return t.Items.Drop(ctx, viewstore.OfGeneration(generation), after)
	}
	return generations.Mover{
		Catalog: t.Catalog, Architecture: view.Kappa, Approve: t.Approve, Linger: t.Linger + t.clocksApart(), Drop: drop,
		Started: t.started, Now: t.Now, Log: t.Log,
	}.Move(ctx, views, t.head)
}
