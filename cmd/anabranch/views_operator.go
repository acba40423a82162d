package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// operator is what the commands for operators share: one view, asked about and changed.
type operator struct {
	w      *world
	server Server
	json   bool
	view   string
	asker  *client.Client
	meter  *meter // what is waited for; taken away before anything is printed
	answer []byte // the last status, as sent
}

// poll is the time between two looks at something that is waited for.
const poll = time.Second

func newOperator(w *world, views *ViewsCmd, view string) *operator {
	server := views.Server
	server.admin = true
	return &operator{w: w, server: server, json: views.Output == "json", view: view, asker: w.client(server, queryRetry, 1), meter: &meter{w: w}}
}

// patient makes the operator outlast a restart of the server, for commands that wait for minutes anyway.
func (o *operator) patient() { o.asker.Retry = sendRetry }

func (o *operator) status(ctx context.Context) (client.Status, error) {
	body, err := o.asker.Status(ctx, o.view)
	if err != nil {
		return client.Status{}, o.refused(err)
	}
	return o.decoded(body)
}

func (o *operator) decoded(body []byte) (client.Status, error) {
	status, err := client.DecodeStatus(body)
	if err != nil {
		return status, err
	}
	o.answer = body
	return status, nil
}

// refused prints what the server answered instead; an error that has been said already is kept.
func (o *operator) refused(err error) error {
	o.meter.close()
	if failed := (*failure)(nil); errors.As(err, &failed) {
		return err
	}
	return o.w.refused(o.server, err)
}

// print writes the answer as sent, or for people.
func (o *operator) print(people func(io.Writer) error) error {
	o.meter.close()
	if !o.json {
		return people(o.w.stdout)
	}
	_, err := o.w.stdout.Write(o.answer)
	return err
}

// say prints lines about the view.
func (o *operator) say(lines ...string) error {
	return o.print(func(out io.Writer) error {
		for _, line := range lines {
			if _, err := fmt.Fprintln(out, table.Printable(o.view+": "+line)); err != nil {
				return err
			}
		}
		return nil
	})
}

// sleep waits for the next look. What was asked for goes on without us.
func (o *operator) sleep(ctx context.Context) error {
	if err := o.w.sleep(ctx, poll); err != nil {
		o.meter.close()
		return &failure{exitUnreachable, fmt.Errorf(`stopped waiting; what was asked for goes on: "anabranch views status %s" shows it`, o.view)}
	}
	return nil
}

// confirmed asks whoever is there. Where nobody is, a script, it takes that for a yes.
//
// The reading goroutine ends with the process when Ctrl-C comes first: nothing stops a read of a terminal.
func (o *operator) confirmed(ctx context.Context, yes bool, question string) error {
	if yes || !o.w.asks {
		return nil
	}
	fmt.Fprintf(o.w.stderr, "%s [y/N] ", table.Printable(question))
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(o.w.stdin).ReadString('\n') // an end of input is a no
		said <- line
	}()
	select {
	case <-ctx.Done():
		return o.refused(ctx.Err())
	case line := <-said:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		return &failure{exitRejected, errors.New("nothing was done")}
	}
}

// leastPrefix is how much of a generation's id must be given.
const leastPrefix = 6

// named is the generation whose id begins like text, so that the short ids of the status table will do. A text that is no such beginning is
// left as it is, for the server to judge.
func named(s client.Status, text string) (string, error) {
	var found []string
	for _, g := range s.Generations {
		switch id := string(g.ID); {
		case id == text:
			return id, nil
		case len(text) >= leastPrefix && strings.HasPrefix(id, text):
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return text, nil
	case 1:
		return found[0], nil
	}
	return "", usage("--generation: %q is the beginning of %s; give more of it", text, strings.Join(found, " and of "))
}

// only is the one generation in one of the states; "" when there are none or several.
func only(s client.Status, states ...string) string {
	var found []string
	for _, g := range s.Generations {
		if slices.Contains(states, string(g.State)) && g.ID != s.Serving {
			found = append(found, string(g.ID))
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

func generation(s client.Status, id string) (client.Generation, bool) {
	i := slices.IndexFunc(s.Generations, func(g client.Generation) bool { return string(g.ID) == id })
	if i < 0 {
		return client.Generation{}, false
	}
	return s.Generations[i], true
}

// dropping is the state of a generation that is given up: it is as good as gone.
const dropping = "dropping"

func isKept(s client.Status, id string) bool {
	g, ok := generation(s, id)
	return ok && g.State != dropping
}

// isRefusal says whether the server answered that the operation is not to be done, as things are.
func isRefusal(err error) bool {
	var problem *client.Problem
	return errors.As(err, &problem) && problem.Status == http.StatusConflict && problem.Code == "refused"
}

// changes are what became different, a line each.
func changes(before, after client.Status) []string {
	var lines []string
	if after.Serving != before.Serving {
		lines = append(lines, fmt.Sprintf("%s serves (was %s)", orDash(string(after.Serving)), orDash(string(before.Serving))))
	}
	for _, g := range after.Generations {
		if _, ok := generation(before, string(g.ID)); !ok {
			lines = append(lines, fmt.Sprintf("%s is %s (definition %s)", g.ID, orDash(string(g.State)), short(string(g.Definition))))
		}
	}
	for _, g := range before.Generations {
		if g.State != dropping && !isKept(after, string(g.ID)) {
			lines = append(lines, fmt.Sprintf("%s is given up (was %s)", g.ID, orDash(string(g.State))))
		}
	}
	if after.Rebuild && !before.Rebuild {
		lines = append(lines, "a rebuild is asked for; it begins with the next run of batch")
	}
	if after.Held != before.Held && after.Held != "" {
		lines = append(lines, fmt.Sprintf("definition %s is put away", short(string(after.Held))))
	}
	if after.Held != before.Held && before.Held != "" {
		lines = append(lines, fmt.Sprintf("definition %s is no longer put away", short(string(before.Held))))
	}
	if len(lines) == 0 {
		return []string{"nothing changed"}
	}
	return lines
}
