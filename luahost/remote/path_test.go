package remote

import "testing"

func TestCheckPath(t *testing.T) {
	for path, good := range map[string]bool{
		"www": true, "/home/web/www": true, "./~x": true, "-n": true, "a b'c": true,
		"": false, "~/www": false, "~web/www": false, "a\nb": false, "a\x00b": false,
	} {
		if err := CheckPath(path); (err == nil) != good {
			t.Errorf("CheckPath(%q) = %v, want good = %v", path, err, good)
		}
	}
}
