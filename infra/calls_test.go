package infra_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "github.com/anabranch/anabranch/"
	services = "github.com/aws/aws-sdk-go-v2/service/"
	lambda   = "github.com/aws/aws-lambda-go/lambda"
)

// program is the type-checked source of the functions, with the functions and types that each function refers to.
type program struct {
	packages map[string]*types.Package  // of the module, by path below it
	refers   map[*types.Func]references // of every function with a body in the module
	handler  *types.Interface           // lambda.Handler: what the Lambda runtime calls
}

// references holds what the body of a function names. The function may call or make all of it.
type references struct {
	functions []*types.Func
	types     []*types.Named
	fields    []string // of a struct of shared/setting
	resources []string // constants of type launch.Resource
}

// load type-checks the named packages, and the packages of this module that they import. It reads other packages from
// the compiler's export data.
func load(patterns ...string) (*program, error) {
	listed, err := list(patterns)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, l := range listed {
		exports[l.ImportPath] = l.Export
	}
	p := &program{packages: map[string]*types.Package{}, refers: map[*types.Func]references{}}
	files := token.NewFileSet()
	others := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	imports := importFunc(func(path string) (*types.Package, error) {
		if own, ok := p.packages[strings.TrimPrefix(path, module)]; ok {
			return own, nil
		}
		return others.Import(path)
	})
	for _, l := range listed { // imported packages come before those that import them
		if !strings.HasPrefix(l.ImportPath, module) {
			continue
		}
		if err := p.check(files, imports, l); err != nil {
			return nil, fmt.Errorf("%s: %w", l.ImportPath, err)
		}
	}
	runtime, err := imports(lambda)
	if err != nil {
		return nil, err
	}
	p.handler = runtime.Scope().Lookup("Handler").Type().Underlying().(*types.Interface)
	return p, nil
}

type importFunc func(path string) (*types.Package, error)

func (f importFunc) Import(path string) (*types.Package, error) { return f(path) }

// listedPackage is the description of a package by go list.
type listedPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Export     string // the file with the compiler's export data
}

func list(patterns []string) ([]listedPackage, error) {
	command := exec.Command(
		"go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export"}, patterns...)...,
	)
	command.Dir = ".."
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	var all []listedPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listedPackage
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, l)
	}
}

func (p *program) check(files *token.FileSet, imports types.Importer, l listedPackage) error {
	// go test caches a result until a file changes that the test has opened, so the test opens the folder, too.
	if _, err := os.ReadDir(l.Dir); err != nil {
		return err
	}
	var parsed []*ast.File
	for _, name := range l.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, file)
	}
	info := &types.Info{
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
	}
	checked, err := (&types.Config{Importer: imports}).Check(l.ImportPath, files, parsed, info)
	if err != nil {
		return err
	}
	p.packages[strings.TrimPrefix(l.ImportPath, module)] = checked
	for _, file := range parsed {
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Body != nil {
				p.refers[info.Defs[f.Name].(*types.Func)] = referencesOf(f.Body, info)
			}
		}
	}
	return nil
}

func referencesOf(body ast.Node, info *types.Info) (r references) {
	ast.Inspect(body, func(node ast.Node) bool {
		name, ok := node.(*ast.Ident)
		if !ok {
			return true
		}
		switch used := info.Uses[name].(type) {
		case *types.Func:
			r.functions = append(r.functions, used.Origin())
		case *types.Var:
			if used.IsField() && used.Pkg().Path() == module+"shared/setting" {
				r.fields = append(r.fields, used.Name())
			}
		case *types.Const:
			if used.Type().String() == module+"shared/aws/launch.Resource" {
				r.resources = append(r.resources, constant.StringVal(used.Val()))
			}
		case *types.TypeName:
			if named, ok := types.Unalias(used.Type()).(*types.Named); ok {
				r.types = append(r.types, named.Origin())
			}
		}
		return true
	})
	return r
}

// reach returns the functions that a program may call, from its main on: every function that a reachable function names
// and, for a method of an interface, the methods of all named types that implement it. It finds too much rather than
// too little.
type reach struct {
	*program
	called  map[*types.Func]bool
	made    map[*types.Named]bool
	methods map[*types.Func]bool // of interfaces
	queue   []*types.Func
}

func (p *program) reach(t testing.TB, path string) *reach {
	t.Helper()
	r := &reach{program: p, called: map[*types.Func]bool{}, made: map[*types.Named]bool{}, methods: map[*types.Func]bool{}}
	r.call(p.packages[path].Scope().Lookup("main").(*types.Func))
	for m := range p.handler.Methods() {
		r.methods[m] = true
	}
	for len(r.queue) > 0 {
		f := r.queue[0]
		r.queue = r.queue[1:]
		for _, named := range p.refers[f].types {
			r.made[named] = true
		}
		for _, g := range p.refers[f].functions {
			r.call(g)
		}
		if len(r.queue) == 0 {
			r.dispatch()
		}
	}
	return r
}

func (r *reach) call(f *types.Func) {
	if receiver := f.Signature().Recv(); receiver != nil && types.IsInterface(receiver.Type()) {
		r.methods[f] = true
		return
	}
	if !r.called[f] {
		r.called[f] = true
		r.queue = append(r.queue, f)
	}
}

// dispatch adds the methods that may implement the called methods of interfaces.
func (r *reach) dispatch() {
	for m := range r.methods {
		wanted := m.Signature().Recv().Type()
		for named := range r.made {
			pointer := types.NewPointer(named)
			if types.IsInterface(named) || named.TypeParams().Len() > 0 || !mayImplement(pointer, wanted) {
				continue
			}
			if found, _, _ := types.LookupFieldOrMethod(pointer, false, m.Pkg(), m.Name()); found != nil {
				if f, ok := found.(*types.Func); ok {
					r.call(f.Origin())
				}
			}
		}
	}
}

// mayImplement reports whether a type implements an interface. For a generic interface it compares only the names of
// the methods and their numbers of parameters, because it does not know the type arguments of the call.
func mayImplement(pointer *types.Pointer, wanted types.Type) bool {
	methods := wanted.Underlying().(*types.Interface)
	if named, ok := wanted.(*types.Named); !ok || named.TypeParams().Len() == 0 {
		return types.Implements(pointer, methods)
	}
	for m := range methods.Methods() {
		found, _, _ := types.LookupFieldOrMethod(pointer, false, m.Pkg(), m.Name())
		f, ok := found.(*types.Func)
		if !ok || f.Signature().Params().Len() != m.Signature().Params().Len() {
			return false
		}
	}
	return true
}

// operation returns the IAM action that a call of an SDK client needs, or "" for any other function.
func operation(f *types.Func) string {
	receiver := f.Signature().Recv()
	if f.Pkg() == nil || receiver == nil {
		return ""
	}
	service, ok := strings.CutPrefix(f.Pkg().Path(), services)
	if !ok || !strings.HasSuffix(receiver.Type().String(), ".Client") || !f.Signature().Variadic() {
		return ""
	}
	if service+":"+f.Name() == "s3:ListObjectsV2" {
		return "s3:ListBucket"
	}
	return service + ":" + f.Name()
}

// hidden reports whether a function of the SDK calls operations that its name does not show.
func hidden(f *types.Func) bool {
	return f.Pkg() != nil && strings.HasPrefix(f.Pkg().Path(), services) && f.Signature().Recv() == nil &&
		(strings.HasSuffix(f.Name(), "Paginator") || strings.HasSuffix(f.Name(), "Waiter") ||
			strings.HasSuffix(f.Name(), "PresignClient"))
}

// actions returns the IAM actions of all operations that may be called.
func (r *reach) actions(t testing.TB) []string {
	t.Helper()
	var all []string
	for f := range r.called {
		if action := operation(f); action != "" {
			all = append(all, action)
		}
		if hidden(f) {
			t.Errorf("%s calls operations that its name does not show: add them to this test", f.FullName())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// byAdapter returns the actions that the reachable methods of each adapter need. Its keys are "package.Type".
func (r *reach) byAdapter() map[string][]string {
	all := map[string][]string{}
	for f := range r.called {
		receiver := f.Signature().Recv()
		if receiver == nil {
			continue
		}
		name := strings.TrimPrefix(receiver.Type().String(), "*")
		adapter, ok := strings.CutPrefix(name, module)
		if !ok || !isAdapter(adapter) {
			continue
		}
		for _, action := range r.from(f, map[*types.Func]bool{}) {
			if !slices.Contains(all[adapter], action) {
				all[adapter] = append(all[adapter], action)
			}
		}
		slices.Sort(all[adapter])
	}
	return all
}

// isAdapter reports whether a type implements a contract by means of an AWS service.
func isAdapter(name string) bool {
	of := name[:strings.LastIndexByte(name, '.')]
	return strings.HasPrefix(of, "shared/aws/") && of != "shared/aws/table" && of != "shared/aws/sdk" &&
		of != "shared/aws/launch" ||
		name == "functions/authorizer.secret"
}

// from returns the actions of all functions that a function names, directly or through others. This finds all, because
// adapters call nothing through an interface.
func (r *reach) from(f *types.Func, seen map[*types.Func]bool) (actions []string) {
	if seen[f] {
		return nil
	}
	seen[f] = true
	if action := operation(f); action != "" {
		return []string{action}
	}
	for _, g := range r.refers[f].functions {
		actions = append(actions, r.from(g, seen)...)
	}
	return actions
}
