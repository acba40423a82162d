// Package page holds the page that shows views in a browser: one HTML file, ES modules, a style sheet and an icon. They
// are files as they are served; nothing builds them. The page asks the API of the server that it came from, and nobody
// else.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"sync"
)

// Index is the name of the HTML file, which GET / answers with.
const Index = "index.html"

// Policy is the Content-Security-Policy of every file. A browser loads and asks only what the server itself has, runs
// no script and applies no style that stands inside the HTML, and shows the page in no frame.
//
// Source: Content Security Policy Level 3.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// File is one file of the page.
type File struct {
	Name        string // "main.js"
	ContentType string
	Body        []byte
	Tag         string // entity tag: a hash of the body; a weak one, since an answer may be packed
}

//go:embed files
var files embed.FS

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// all are the files by name.
var all = sync.OnceValue(func() map[string]File {
	found := map[string]File{}
	entries, err := fs.ReadDir(files, "files")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	for _, entry := range entries {
		body, err := files.ReadFile("files/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		found[entry.Name()] = File{
			Name: entry.Name(), ContentType: contentTypes[path.Ext(entry.Name())], Body: body,
			Tag: `W/"` + hex.EncodeToString(sum[:16]) + `"`,
		}
	}
	return found
})

// Find returns a file by its name, and whether the page has it.
func Find(name string) (File, bool) {
	file, ok := all()[name]
	return file, ok
}

// Names returns the names of all files, in no order.
func Names() []string {
	var names []string
	for name := range all() {
		names = append(names, name)
	}
	return names
}
