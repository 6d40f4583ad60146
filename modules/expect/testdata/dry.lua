--- a dry run begins no dialogue
require("expect").spawn { "true" }                  --! a dry run begins no dialogue

--- unless it only looks
print((require("expect").spawn { "echo", "a", query = true }:expect "a"))  --= a

--- a session is a dialogue
require("here").host:session()                      --! a dry run begins no dialogue

--- a session that only looks
require("here").host:session { query = true }:expect { text = "$ " }
