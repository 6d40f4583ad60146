package lualib

// Difference is one way in which farmrun's Lua is meant to differ from lua5.1.
type Difference struct {
	Names string // the functions or the construct, as in the manual: "os.execute"
	Text  string // what farmrun does, as a sentence
}

// Differences are all of them. The manual has them under "Lua".
var Differences = []Difference{}
