package manual

import (
	"cmp"
	"strings"
)

// arguments says, as editors write it, what the words for arguments mean. A
// word that is not here means the type of that name, if a module describes one,
// and else anything.
var arguments = map[string]string{
	"string": "string", "number": "number", "integer": "integer", "boolean": "boolean", "table": "table",

	"address": "string", "answer": "string", "date": "string", "dir": "string", "file": "string",
	"line": "string", "link": "string", "local": "string", "module": "string", "name": "string", "path": "string",
	"pattern": "string", "question": "string", "tag": "string", "target": "string", "text": "string",
	"url": "string",

	"code":    "integer",
	"count":   "integer",
	"port":    "integer",
	"rows":    "integer",
	"columns": "integer",
	"seconds": "number",
	"time":    "string", // "90s"

	"hosts":   "string|host|(string|host)[]",
	"set":     "string|string[]",
	"command": "string|string[]", // a line for the shell, or words
	"id":      "string",
	"paths":   "string[]",
	"args":    "table<string, any>",
	"answers": "table<string, string|string[]>", // by host name
	"lines":   "string[]",
	"more":    "table",
	"options": "table",
	"spec":    "table",

	"turn": "fun(host: host): any",
	"undo": "fun(host: host): any",
	"work": "fun(host: host): any",

	"fill":  "fun(new: new)",
	"adapt": "fun(new: new)",
}

// results says what words mean for results where that is another thing.
var results = map[string]string{
	"hosts":     "host[]",
	"notes":     "string[]",
	"changed":   "boolean",
	"former":    "string",
	"paths":     "string[]",
	"results":   "table<string, any>", // by host name
	"dirs":      "string[]",
	"reasons":   "string[]",
	"revisions": "table<string, string>", // by path
	"state":     "string",
	"sums":      "table<string, string>", // by path
	"checksums": "string[]",
}

// typeOf names the type of an argument of e.
func (m *Manual) typeOf(e Entry, p Param) string {
	if p.Name == "options" && e.Options != nil {
		return e.optionsType()
	}
	return m.typeOfWord(p.Name)
}

// resultOf names the type of a result.
func (m *Manual) resultOf(p Param) string {
	if t := results[p.Name]; t != "" { // "results" is no list of "result"
		return t
	}
	if t := m.described(p.Name); t != "" {
		return t
	}
	return m.typeOfWord(p.Name)
}

func (m *Manual) typeOfWord(name string) string {
	if t := arguments[name]; t != "" {
		return t
	}
	return cmp.Or(m.described(name), "any")
}

// described returns the type that a module describes under that name, or under
// its singular; "" if there is none.
func (m *Manual) described(name string) string {
	if m.isType(name) {
		return name
	}
	if one, isList := strings.CutSuffix(name, "s"); isList && m.isType(one) {
		return one + "[]"
	}
	return ""
}

// isType tells whether a type of that name is described.
func (m *Manual) isType(name string) bool {
	for _, mod := range m.Modules {
		for _, t := range mod.types() {
			if t == name {
				return true
			}
		}
	}
	return false
}

// types returns the types that have methods or fields described in the module,
// in order. Where the module and a type have one name, the fields are those of
// the type.
func (mod Module) types() []string {
	var list []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, f := range mod.Fields {
		if f.Owner != mod.Name {
			add(f.Owner)
		}
	}
	for _, e := range mod.Entries {
		if e.Method {
			add(e.Owner)
		}
	}
	return list
}

// optionsType is the name of the type of an entry's options.
func (e Entry) optionsType() string { return e.Owner + "." + e.Name + ".options" }
