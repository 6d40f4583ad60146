package lualib

// Difference is one way in which farmrun's Lua is meant to differ from lua5.1.
type Difference struct {
	Names string // the functions or the construct, in Markdown: "`os.exit`"
	Text  string // how farmrun does, in Markdown, as a sentence
}

// Differences are all of them. The manual lists them under "Lua".
var Differences = []Difference{
	{"`print`, `io.write`", "Each line begins with the host's name in a function that is called for a host."},
	{"`io.open`", "It opens regular files only. Writing is not buffered, and a zero byte in a line is kept."},
	{"`io.lines`, `io.popen`, `io.read`, the standard streams", "Not offered: use `io.open(path):lines()`, `farm.here():run` and `cli.ask`."},
	{"`os.exit`", "It ends the script, from any host's function."},
	{"`os.execute`", "Not offered: use `farm.here():run`."},
	{"`os.setlocale`", "There is one locale, C. It has the letters of ASCII."},
	{"`os.time`", "Of an hour that the clock shows twice it takes the first."},
	{"`dofile`, `loadfile`, `module`", "Not offered: use `require`, and a file that returns a table."},
	{"`package`, `arg`, `newproxy`", "`package` has `loaded` alone, `arg` is `cli.parse`, and there is no `newproxy`."},
	{"`debug`", "It has `getinfo` and `traceback` alone, and their texts differ."},
	{"`string.dump`, `load`, `loadstring`", "Compiled Lua is neither made nor accepted."},
	{"`string.find`, `match`, `gmatch`, `gsub`", "They end at a deadline like anything else. A wrong pattern is an error at once, one with more than " +
		"200 repetitions is too complex, and a zero byte is a character like any other."},
	{"`string.format`, `rep`, `gsub`, `table.concat`, `file:read`, `load`", "They refuse to make a string of more than 64 MiB."},
	{"`math.random`", "Each run begins with another seed, and a seed gives other numbers than C's."},
	{"`math.sin`, `exp`, `pow` and the like", "The last of 17 digits may differ, and so may the sign that `tostring` shows of a NaN."},
	{"`#`, `table.getn`, `unpack`", "Of a table with holes they may take another length; lua5.1 promises none."},
	{"`pairs`, `next`", "Keys come in the order in which they were set. `next` accepts a key that the table never had."},
	{"`collectgarbage`", "It counts all memory that farmrun uses. `collect` alone has an effect."},
	{"`getmetatable(\"\")`", "It has the metamethods of arithmetic, too."},
	{"`setfenv`", "The environment of a thread, level 0, cannot be changed."},
	{"`coroutine.yield`", "It cannot leave a function that a module, `pcall`, `table.sort` or `string.gsub` called. A coroutine has the deadline " +
		"of the function that resumes it."},
	{"`coroutine.wrap`", "It passes an error on without a second position."},
	{"Global variables", "Reading one that is not set is an error, and so is setting one within a function: write `local`."},
	{"Limits", "Calls nest 200 deep at most, and Lua that uses up more than 1 GiB of memory between two functions of a module is ended."},
}
