package main

import (
	"context"
	"fmt"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
)

// target holds the argument and flags of the commands that change one generation.
type target struct {
	View       string `arg:"" help:"Name of the view."`
	Generation string `help:"${generation_to_change}" placeholder:"ID"`
	Yes        bool   `short:"y" help:"Do not ask for confirmation. Without a terminal, no command asks."`
}

// ViewsSwitchCmd makes a built generation the serving one.
type ViewsSwitchCmd struct {
	target
	Wait bool `help:"Retry every second until the generation is ready."`
}

// ViewsRollbackCmd makes the retained generation serve again.
type ViewsRollbackCmd struct {
	target
	Wait bool `help:"Retry every second until the generation is ready."`
}

// ViewsDropCmd deletes the retained generation, or a retired view.
type ViewsDropCmd struct{ target }

// ViewsAbandonCmd gives up a generation that never served.
type ViewsAbandonCmd struct{ target }

const operateCodes = `Exit codes: 0 done; 1 the server refused, or you answered no; 2 wrong flags; 3 the server failed
or could not be reached, and may or may not have done it.`

// Help returns the text below the flags of --help.
func (*ViewsSwitchCmd) Help() string {
	return `Queries that begin after the switch read the generation. The one that served before is retained: "rollback"
returns to it in one write.

` + operateCodes + `

Examples:

    anabranch views switch page_views
    anabranch views switch page_views --generation 01KAPRZ7Q4 --wait --yes`
}

// Help returns the text below the flags of --help.
func (*ViewsRollbackCmd) Help() string {
	return `Makes the generation that served before the last switch serve again. Its definition stays: a later deployment
does not undo the rollback unless it deploys another definition.

` + operateCodes + `

Examples:

    anabranch views rollback page_views
    anabranch views rollback page_views --yes --wait`
}

// Help returns the text below the flags of --help.
func (*ViewsDropCmd) Help() string {
	return `Deletes the numbers of the retained generation; you can then no longer roll back. A view that the deployed file
no longer defines is retired: for it, drop deletes all generations, and it answers no more. The archive keeps every
event.

` + operateCodes + `

Examples:

    anabranch views drop page_views`
}

// Help returns the text below the flags of --help.
func (*ViewsAbandonCmd) Help() string {
	return `Gives up a generation that is announced or being built and has never served. Its definition is held: batch does
not build it until you request a rebuild or deploy another definition.

` + operateCodes + `

Examples:

    anabranch views abandon page_views`
}

// Run asks for confirmation, switches and prints what changed.
func (c *ViewsSwitchCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	return c.do(
		ctx,
		newOperator(w, views, c.View),
		operation{name: client.Switch, states: []string{"building", "announced"}, serves: true, wait: c.Wait},
	)
}

// Run asks for confirmation, rolls back and prints what changed.
func (c *ViewsRollbackCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	return c.do(
		ctx,
		newOperator(w, views, c.View),
		operation{name: client.Rollback, states: []string{"retained"}, serves: true, wait: c.Wait},
	)
}

// Run asks for confirmation, drops and prints what changed.
func (c *ViewsDropCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	return c.do(ctx, newOperator(w, views, c.View), operation{name: client.Drop, states: []string{"retained"}})
}

// Run asks for confirmation, abandons and prints what changed.
func (c *ViewsAbandonCmd) Run(ctx context.Context, w *world, views *ViewsCmd) error {
	return c.do(
		ctx,
		newOperator(w, views, c.View),
		operation{name: client.Abandon, states: []string{"building", "announced"}},
	)
}

// operation is a change of one generation.
type operation struct {
	name   client.Operation
	states []string // the states that its generation may be in
	serves bool     // whether the generation serves afterwards; otherwise it is given up
	wait   bool
}

// reached says whether the view is as the operation would leave it.
func (op operation) reached(s client.Status, id string) bool {
	if op.serves {
		return string(s.Serving) == id
	}
	return !isKept(s, id)
}

// do chooses the generation, asks for confirmation, and requests the operation until the server does or refuses it.
//
// The request names the generation that the question showed. So the server does exactly what the user confirmed, and
// the request can be repeated safely.
func (t *target) do(ctx context.Context, o *operator, op operation) error {
	if op.wait {
		o.patient()
	}
	before, err := o.status(ctx)
	if err != nil {
		return err
	}
	id, err := t.choose(before, op)
	if err != nil {
		return err
	}
	if op.serves && id != "" && op.reached(before, id) {
		return o.say(fmt.Sprintf("%s already serves", id))
	}
	if err := o.confirmed(ctx, t.Yes, question(op.name, before, id)); err != nil {
		return err
	}
	return t.until(ctx, o, op, before, id)
}

// until sends the request. With --wait it sends it again every second while the server refuses it and waiting may help.
func (t *target) until(ctx context.Context, o *operator, op operation, before client.Status, id string) error {
	for {
		after, refusal := o.once(ctx, op, before, id)
		switch {
		case refusal == nil:
			return o.say(changes(before, after)...)
		case !op.wait || !isRefusal(refusal):
			return o.refused(refusal)
		}
		now, err := o.status(ctx)
		if err != nil {
			return err
		}
		if id == "" {
			if id, err = t.choose(now, op); err != nil {
				return err
			}
		}
		switch {
		case id != "" && op.reached(now, id): // batch may have done it
			return o.say(changes(before, now)...)
		case !hopeful(now, op, id):
			return o.refused(refusal)
		}
		o.meter.runs(now, id)
		if err := o.sleep(ctx); err != nil {
			return err
		}
	}
}

// choose returns the generation that the flag names, else the only one in a suitable state, else "": the server then
// says what is wrong.
func (t *target) choose(s client.Status, op operation) (string, error) {
	if t.Generation != "" {
		return named(s, t.Generation)
	}
	if op.name == client.Drop && s.Retired != "" {
		return "", nil // a retired view goes with all its generations
	}
	return only(s, op.states...), nil
}

// once sends the request. If it fails but the view is as wanted, an earlier attempt has done it and its answer was
// lost: that is a success.
func (o *operator) once(ctx context.Context, op operation, before client.Status, id string) (client.Status, error) {
	body, err := o.asker.Operate(ctx, o.view, op.name, id)
	if err == nil {
		return o.decoded(body)
	}
	if _, there := generation(before, id); !there || op.reached(before, id) {
		return client.Status{}, err
	}
	body, unknown := o.asker.Status(ctx, o.view)
	if unknown != nil {
		return client.Status{}, err
	}
	if now, unknown := o.decoded(body); unknown == nil && op.reached(now, id) {
		return now, nil
	}
	return client.Status{}, err
}

// hopeful says whether waiting may help after a refusal: the generation exists, or a rebuild is requested. Even a ready
// generation lags for a short while after each run.
func hopeful(s client.Status, op operation, id string) bool {
	if id == "" {
		return s.Rebuild && op.name == client.Switch
	}
	g, ok := generation(s, id)
	return ok && g.State != doctor.Dropping && string(s.Serving) != id
}

// question returns what to confirm: the serving generation and what the operation does to the other.
func question(name client.Operation, s client.Status, id string) string {
	about := "the only suitable generation"
	if name == client.Drop && id == "" && s.Retired != "" {
		about = fmt.Sprintf("the whole view (retired since %s)", s.Retired)
	}
	if g, ok := generation(s, id); ok {
		about = fmt.Sprintf("%s (%s, definition %s, run %d)", id, orDash(string(g.State)),
			doctor.Short(string(g.Definition)), g.Run)
	} else if id != "" {
		about = id
	}
	words := map[client.Operation]string{
		client.Switch:   "switch to",
		client.Rollback: "go back to",
		client.Drop:     "delete",
		client.Abandon:  "give up",
	}
	return fmt.Sprintf("%s: %s serves; %s %s?", s.View, orDash(string(s.Serving)), words[name], about)
}
