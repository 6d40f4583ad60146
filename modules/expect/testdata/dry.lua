--- a dry run begins no dialogue
require("expect").spawn { "true" }                  --! a dry run begins no dialogue

--- unless it only looks
print((require("expect").spawn { "echo", "a", query = true }:expect "a"))  --= a
