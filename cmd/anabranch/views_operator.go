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
	"github.com/anabranch/anabranch/cmd/anabranch/doctor"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// operator is the shared part of the commands for operators: it reads and changes one view.
type operator struct {
	w      *world
	server Server
	json   bool
	view   string
	asker  *client.Client
	meter  *meter // shows what the command waits for; closed before anything is printed
	answer []byte // the last status, the bytes that the server sent
}

// poll is the time between two looks at the status.
const poll = time.Second

func newOperator(w *world, views *ViewsCmd, view string) *operator {
	server := views.Server
	server.admin = true
	return &operator{
		w:      w,
		server: server,
		json:   views.Output == "json",
		view:   view,
		asker:  w.client(server, queryRetry, 1),
		meter:  &meter{w: w},
	}
}

// patient lets the operator outlast a restart of the server. It suits commands that wait for minutes.
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

// refused prints the server's error answer. It returns an error that was already printed unchanged.
func (o *operator) refused(err error) error {
	o.meter.close()
	if failed := (*failure)(nil); errors.As(err, &failed) {
		return err
	}
	return o.w.refused(o.server, err)
}

// print writes the answer: the server's bytes for JSON, else what people prints.
func (o *operator) print(people func(io.Writer) error) error {
	o.meter.close()
	if !o.json {
		return people(o.w.stdout)
	}
	return o.w.write(o.answer)
}

// say prints lines, each with the view's name in front.
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

// sleep waits until the next look at the status. The server continues if the user stops waiting.
func (o *operator) sleep(ctx context.Context) error {
	if err := o.w.sleep(ctx, poll); err != nil {
		o.meter.close()
		return &failure{
			exitUnreachable,
			fmt.Errorf(`stopped waiting; the server goes on: "anabranch views status %s" shows how far it is`, o.view),
		}
	}
	return nil
}

// confirmed asks the user for confirmation. In a script, where nobody can answer, it counts as confirmed.
//
// If Ctrl-C comes first, the reading goroutine stays until the process ends: nothing can stop a read of a terminal.
func (o *operator) confirmed(ctx context.Context, yes bool, question string) error {
	if yes || !o.w.asks {
		return nil
	}
	fmt.Fprintf(o.w.stderr, "%s [y/N] ", table.Printable(question))
	reply := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(o.w.stdin).ReadString('\n') // the end of input means no
		reply <- line
	}()
	select {
	case <-ctx.Done():
		return o.refused(ctx.Err())
	case line := <-reply:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		return &failure{exitRejected, errors.New("cancelled: nothing was changed")}
	}
}

// leastPrefix is the minimum length of a prefix of a generation's id, in characters.
const leastPrefix = 6

// named returns the generation whose id begins with text, so that users can type the short ids of the status table. It
// returns a text that matches none unchanged: the server then reports it.
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
	return "", usage(
		"--generation: %q is ambiguous: it matches %s; give more characters",
		text,
		strings.Join(found, " and "),
	)
}

// only returns the one generation in one of the states; "" if there are none or several.
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

func isKept(s client.Status, id string) bool {
	g, ok := generation(s, id)
	return ok && g.State != doctor.Dropping
}

// isRefusal says whether the server refused the operation because of the view's present state.
func isRefusal(err error) bool {
	var problem *client.Problem
	return errors.As(err, &problem) && problem.Status == http.StatusConflict && problem.Code == "refused"
}

// changes returns what differs between two statuses, one line each.
func changes(before, after client.Status) []string {
	var lines []string
	if after.Serving != before.Serving {
		lines = append(
			lines,
			fmt.Sprintf("%s serves (was %s)", orDash(string(after.Serving)), orDash(string(before.Serving))),
		)
	}
	for _, g := range after.Generations {
		if _, ok := generation(before, string(g.ID)); !ok {
			lines = append(
				lines,
				fmt.Sprintf("%s is %s (definition %s)", g.ID, orDash(string(g.State)), doctor.Short(string(g.Definition))),
			)
		}
	}
	for _, g := range before.Generations {
		if g.State != doctor.Dropping && !isKept(after, string(g.ID)) {
			lines = append(lines, fmt.Sprintf("%s is given up (was %s)", g.ID, orDash(string(g.State))))
		}
	}
	if after.Rebuild && !before.Rebuild {
		lines = append(lines, "a rebuild is requested; it begins with the next run of batch")
	}
	if after.Held != before.Held && after.Held != "" {
		lines = append(lines, fmt.Sprintf("definition %s is held", doctor.Short(string(after.Held))))
	}
	if after.Held != before.Held && before.Held != "" {
		lines = append(lines, fmt.Sprintf("definition %s is no longer held", doctor.Short(string(before.Held))))
	}
	if len(lines) == 0 {
		return []string{"nothing changed"}
	}
	return lines
}
