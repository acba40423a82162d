// Package viewfile reads views files: definitions in YAML. It finds all problems of a file at once, each with its place
// as file:line:col, also inside the text of an expression. It also reads the tests of views files, and makes the JSON
// Schema of views files from the table of their fields.
//
// Place in the flow: before package view. Tools that deploy or pack definitions, and the local server, read files.
// Functions that run views read the texts of definitions, and do not link the YAML parser.
//
// Source: YAML 1.2.2; JSON Schema 2020-12; docs/design.md, section 2.
package viewfile
