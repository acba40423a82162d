// Package viewfile reads views files: definitions in YAML. It finds all that is wrong with a file at once, each problem
// with its place as file:line:col, and inside the text of an expression too.
//
// Place in the flow: before package view. Whoever deploys or packs definitions, and the local server, read files;
// whoever runs views reads the texts of definitions, and does not link the YAML parser.
//
// Source: YAML 1.2.2; docs/design.md, section 2.
package viewfile
