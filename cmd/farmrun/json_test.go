package main

import (
	"reflect"
	"strings"
	"testing"
)

// TestJSONIsDocumented: "farmrun help json" names every field that there can be.
func TestJSONIsDocumented(t *testing.T) {
	line := reflect.TypeFor[jsonLine]()
	for _, field := range reflect.VisibleFields(line) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && !strings.Contains(jsonHelp, "\n  "+name+" ") && !strings.Contains(jsonHelp, "\n  name, "+name+" ") && name != "name" {
			t.Errorf("the field %q is not documented", name)
		}
	}
}
