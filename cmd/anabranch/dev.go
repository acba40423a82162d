package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/anabranch/anabranch/cmd/anabranch/dev"
	"github.com/anabranch/anabranch/shared/api"
	"github.com/anabranch/anabranch/shared/setting"
	"github.com/anabranch/anabranch/shared/view"
	"github.com/anabranch/anabranch/shared/view/viewfile"
)

// DevCmd is "anabranch dev".
type DevCmd struct {
	Views  string   `help:"File that defines the views." default:"views.yaml" type:"path"`
	Dir    string   `help:"Directory of the archive; the views are rebuilt from it." default:"anabranch-data" type:"path"`
	Listen string   `help:"Address to listen on." default:"127.0.0.1:8080"`
	Host   []string `help:"Name of this server, if a client uses one with a dot. May be repeated."`

	CorsOrigins []string `help:"Web pages that may write and query: https://shop.example, or * for all. May be repeated."`

	Slot            *time.Duration `help:"${slot_help}"`
	CommitWithin    time.Duration  `help:"Time that a request has to reach the archive." default:"${commit_within}"`
	SealDelay       time.Duration  `help:"Time from a slot's end until batch may count its events." default:"${seal_delay}"`
	BatchEvery      time.Duration  `help:"How often batch, replay and audit run." default:"${batch_every}"`
	SweepAfter      time.Duration  `help:"Age at which the sweep looks for an event." default:"${sweep_after}"`
	DropGrace       time.Duration  `help:"Time that open queries may still read dropped items." default:"${drop_grace}"`
	RequireApproval bool           `help:"A changed view waits for \"anabranch views switch\"."`

	Verbose bool `help:"Log every invocation." short:"v"`
}

// flagVars returns the default values and the long help texts that the flags' tags refer to.
func flagVars() kong.Vars {
	s := dev.Default()
	return kong.Vars{
		"slot_help": "Length of a slot: events are counted by batch a slot at a time. " +
			"Default: that of a used directory, which never changes, else " + s.Slot.String() + ".",
		"commit_within": s.CommitWithin.String(), "seal_delay": s.SealDelay.String(),
		"batch_every": s.BatchEvery.String(), "sweep_after": s.SweepAfter.String(), "drop_grace": s.DropGrace.String(),

		"key_help": "Key, if the server requires one. " +
			"Prefer the variable: other users of this machine can see the flags of a command.",
		"generation_to_compare": "Generation to compare, or the first 6 or more characters of its id. " +
			"Default: the one being built, else the retained one.",
		"generation_to_change": "Generation to change, or the first 6 or more characters of its id. " +
			"Required only if several are suitable.",
	}
}

// Help returns the text below the flags of --help.
func (*DevCmd) Help() string {
	return `Runs the whole system in this process: no AWS, no Docker. To watch batch take over within seconds:

  anabranch dev --views localstack/sample/views.yaml --slot 2s --commit-within 500ms --seal-delay 1s --batch-every 1s

Dev reads the views file again whenever it changes, as if you deployed it: it builds changed views while the old ones
serve, and then switches to them.`
}

// Run serves until ctx ends.
func (c *DevCmd) Run(ctx context.Context, w *world) error {
	text, err := readViews(c.Views)
	if err != nil {
		return usage("--views: %w", err)
	}
	if first, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n")); bytes.Contains(first, []byte(`"specversion"`)) {
		return usage("--views: %s holds events and no views; send it with anabranch send, once dev runs", c.Views)
	}
	definitions, err := viewfile.Parse(c.Views, text)
	if err != nil {
		return &failure{exitUsage, err}
	}
	origins, err := api.ParseOrigins(c.CorsOrigins)
	if err != nil {
		return usage("--cors-origins: %w", err)
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	settings := dev.Settings{
		All: dev.Default(), Definitions: definitions, Reload: c.reload(text), Dir: c.Dir,
		Hosts: c.hosts(), Origins: origins,
		Log: slog.New(slog.NewTextHandler(w.stderr, &slog.HandlerOptions{Level: level})),
	}
	if settings.Slot, err = c.slot(ctx, settings.Slot); err != nil {
		return err
	}
	settings.CommitWithin, settings.SealDelay = c.CommitWithin, c.SealDelay
	settings.BatchEvery, settings.SweepAfter, settings.DropGrace = c.BatchEvery, c.SweepAfter, c.DropGrace
	settings.RequireApproval = c.RequireApproval
	settings.All = dev.Fit(settings.All)
	if err := settings.CheckAs(c.spell); err != nil {
		return usage("%w", err)
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		if strings.Contains(err.Error(), "missing port") {
			return usage("--listen: %q is not an address and a port; write for example 127.0.0.1:8080", c.Listen)
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return usage("--listen: another program uses %s; stop it, or choose another port", c.Listen)
		}
		return usage("--listen: %w", err)
	}
	limitGarbage()
	server, err := dev.Open(ctx, settings)
	if err != nil {
		return errors.Join(&failure{exitUsage, err}, listener.Close())
	}
	server.Start(ctx)
	defer server.Close()
	c.announce(w, listener.Addr(), definitions, settings.Slot)
	return server.Serve(ctx, listener)
}

// limitGarbage makes the garbage collector run twice as often as usual, unless the user has chosen otherwise. Most
// of dev's memory is what a tick or a request needs for a moment.
func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// slot returns the slot length: that of the directory, else that of the flag, else the default.
func (c *DevCmd) slot(ctx context.Context, otherwise time.Duration) (time.Duration, error) {
	used, err := dev.SlotOf(ctx, c.Dir)
	switch {
	case err != nil:
		return 0, &failure{exitUsage, err}
	case used != 0 && c.Slot != nil && *c.Slot != used:
		return 0, usage("--slot=%s: the directory %s has slots of %s, which never change; "+
			"leave --slot out, or choose another --dir", *c.Slot, c.Dir, used)
	case used != 0:
		return used, nil
	case c.Slot != nil:
		return *c.Slot, nil
	}
	return otherwise, nil
}

// hosts returns the names under which clients may ask this server: those of the flags, and the one that it listens on.
func (c *DevCmd) hosts() []string {
	hosts := slices.Clone(c.Host)
	if name, _, err := net.SplitHostPort(c.Listen); err == nil {
		hosts = append(hosts, name)
	}
	for i, name := range hosts {
		hosts[i] = strings.ToLower(name)
	}
	return hosts
}

// spell returns the flag of a setting; a setting without a flag keeps its name.
func (c *DevCmd) spell(name string) string {
	if reflect.ValueOf(c).Elem().FieldByName(name).IsValid() {
		return setting.Flag(name)
	}
	return name
}

// reload returns a function that reads the views again if their file has changed. It returns nil while it has not.
func (c *DevCmd) reload(last []byte) func() ([]view.Definition, error) {
	return func() ([]view.Definition, error) {
		text, err := readViews(c.Views)
		if err != nil || bytes.Equal(text, last) {
			return nil, err
		}
		last = text
		return viewfile.Parse(c.Views, text)
	}
}

// maxViews is the maximum size of a file of views, in bytes, far more than one needs.
const maxViews = 4 << 20

// readViews reads the file of views. It refuses what is no file: a pipe or a device may never end, and dev reads the
// file again at every tick.
func readViews(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe opens at once, also without a writer
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file (%s); dev reads it again whenever it changes, so name a file", path,
			kindOf(info.Mode()))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxViews+1))
	if err == nil && len(text) > maxViews {
		err = fmt.Errorf("%s is larger than %d bytes; is it a file of views?", path, maxViews)
	}
	return text, err
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	}
	return "a device"
}

func (c *DevCmd) announce(w *world, address net.Addr, definitions []view.Definition, slot time.Duration) {
	names := make([]string, len(definitions))
	for i, d := range definitions {
		names[i] = string(d.Name)
	}
	fmt.Fprintf(
		w.stderr,
		"anabranch dev listens on http://%s\n  page     open http://%s/ in a browser\n"+
			"  views    %s\n  archive  %s\n  slot %s, sealed after %s, batch every %s\n",
		address,
		address,
		strings.Join(names, ", "),
		c.Dir,
		slot,
		c.SealDelay,
		c.BatchEvery,
	)
}
