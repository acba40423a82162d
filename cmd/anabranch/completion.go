package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/anabranch/anabranch/cmd/anabranch/client"
	"github.com/anabranch/anabranch/cmd/anabranch/table"
)

// CompletionCmd prints the script by which a shell completes the command's words.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help returns the text below the flags of --help.
func (*CompletionCmd) Help() string {
	return `The shell then completes commands, flags, the names of views, and the key fields of a query. It asks the server for
the names, for a second at most.

    bash: echo 'source <(anabranch completion bash)' >> ~/.bashrc
    zsh:  echo 'source <(anabranch completion zsh)' >> ~/.zshrc
    fish: anabranch completion fish > ~/.config/fish/completions/anabranch.fish`
}

// scripts are the scripts of the shells. Each hands the words of the line to "anabranch complete", the last of which is
// the one to complete, and offers the lines of its answer.
var scripts = map[string]string{
	"bash": `_anabranch() {
  local IFS=$'\n' line=("${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(anabranch complete -- "${line[@]}" 2>/dev/null))
  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=/}
complete -o default -F _anabranch anabranch
`,
	"zsh": `_anabranch() {
  local -a words_of
  words_of=("${(@f)$(anabranch complete -- "${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
  compadd -S '' -M 'm:{a-z}={A-Z}' -- $words_of || _files
}
autoload -Uz compinit && compinit
compdef _anabranch anabranch
`,
	"fish": `complete -c anabranch -f -a '(anabranch complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
complete -c anabranch -F -n '__fish_seen_subcommand_from send dev views cost'
`,
}

// Run prints the script.
func (c *CompletionCmd) Run(w *world) error {
	_, err := fmt.Fprint(w.stdout, scripts[c.Shell])
	return err
}

// CompleteCmd prints the words that may stand where the last word is, a line each. The scripts call it.
type CompleteCmd struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words of the line after anabranch."`
}

// Run prints the words.
func (c *CompleteCmd) Run(ctx context.Context, w *world, k *kong.Kong) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	for _, candidate := range newLine(k.Model.Node, words[:len(words)-1]).candidates(ctx, w, last) {
		if strings.HasPrefix(candidate, last) && table.Cell(candidate) == candidate {
			fmt.Fprintln(w.stdout, candidate)
		}
	}
	return nil
}

// line is what the words before the last one mean.
type line struct {
	node   *kong.Node // the command
	args   []string   // its arguments
	waits  *kong.Flag // flag whose value comes next; nil: none
	server Server
}

func newLine(root *kong.Node, words []string) *line {
	l := &line{node: root, server: Server{URL: os.Getenv("ANABRANCH_URL"), Key: client.Key(os.Getenv("ANABRANCH_KEY"))}}
	if l.server.URL == "" {
		l.server.URL = "http://127.0.0.1:8080"
	}
	for _, word := range words {
		l.add(word)
	}
	return l
}

func (l *line) add(word string) {
	switch {
	case l.waits != nil:
		l.set(l.waits, word)
		l.waits = nil
	case strings.HasPrefix(word, "-"):
		name, value, has := strings.Cut(word, "=")
		flag := l.flag(name)
		switch {
		case flag == nil:
		case has:
			l.set(flag, value)
		case !flag.IsBool():
			l.waits = flag
		}
	default:
		i := slices.IndexFunc(l.node.Children, func(n *kong.Node) bool { return n.Name == word })
		if i < 0 || len(l.args) > 0 {
			l.args = append(l.args, word)
			return
		}
		l.node = l.node.Children[i]
	}
}

// flag returns the flag of the command or of one above it that a word names; nil: none.
func (l *line) flag(word string) *kong.Flag {
	for _, f := range l.flags() {
		if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
			return f
		}
	}
	return nil
}

func (l *line) flags() (all []*kong.Flag) {
	for node := l.node; node != nil; node = node.Parent {
		all = append(all, node.Flags...)
	}
	return all
}

func (l *line) set(flag *kong.Flag, value string) {
	switch flag.Name {
	case "url":
		l.server.URL = value
	case "key":
		l.server.Key = client.Key(value)
	}
}

// candidates returns what may come next, given how it begins.
func (l *line) candidates(ctx context.Context, w *world, begins string) (all []string) {
	if l.waits != nil {
		return strings.FieldsFunc(l.waits.Enum, func(r rune) bool { return r == ',' })
	}
	if strings.HasPrefix(begins, "-") {
		for _, f := range l.flags() {
			if !f.Hidden {
				all = append(all, "--"+f.Name)
			}
		}
		return all
	}
	if len(l.args) == 0 {
		for _, child := range l.node.Children {
			if !child.Hidden && child.Type == kong.CommandNode {
				all = append(all, child.Name)
			}
		}
	}
	return append(all, l.arguments(ctx, w)...)
}

// arguments returns the values that the next argument of the command may have, as far as they are known.
func (l *line) arguments(ctx context.Context, w *world) (all []string) {
	positional := l.node.Positional
	if len(positional) == 0 {
		return nil
	}
	next := positional[min(len(l.args), len(positional)-1)]
	switch {
	case next.Enum != "" && len(l.args) < len(positional):
		return strings.Split(next.Enum, ",")
	case next.Name == "view" && len(l.args) < len(positional):
		for _, v := range l.views(ctx, w) {
			all = append(all, v.Name)
		}
	case next.Name == "field=value" && len(l.args) > 0:
		for _, v := range l.views(ctx, w) {
			if v.Name != l.args[0] {
				continue
			}
			for _, field := range v.Key {
				all = append(all, field.Field+"=")
			}
		}
	}
	return all
}

// views asks the server for its views. A server that does not answer at once offers nothing: nobody waits for words.
func (l *line) views(ctx context.Context, w *world) []client.View {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if l.server.Validate() != nil {
		return nil
	}
	body, err := w.client(l.server, client.Retry{Attempts: 1, Longest: time.Second}, 1).Views(ctx)
	if err != nil {
		return nil
	}
	views, err := client.DecodeViews(body)
	if err != nil {
		return nil
	}
	return views
}
