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
	{"`string.format`, `rep`, `gsub`, `table.concat`, `file:read`, `load`, `print`", "They refuse to make a string or a line of more than 64 MiB."},
	{"`math.random`", "Each run begins with another seed, and a seed gives other numbers than C's."},
	{"`math.sin`, `exp`, `pow`, `x ^ y` and the like", "The last of 17 digits may differ, and so may the sign that `tostring` shows of a NaN."},
	{"`#`, `table.getn`, `unpack`", "Of a table with holes they may take another length; lua5.1 promises none."},
	{"`pairs`, `next`", "Keys come in the order in which they were set. `next` accepts a key that the table never had."},
	{"`collectgarbage`", "It counts all memory that farmrun uses. `collect` alone has an effect."},
	{"`getmetatable(\"\")`", "It has the metamethods of arithmetic, too."},
	{"`setfenv`", "The environment of a thread, level 0, cannot be changed."},
	{"Coroutines", "A coroutine has the deadline of the function that resumes it."},
	{"`-0`", "It is `0`, also where an operation gives it."},
	{"`x % n`", "With a whole number for `n` in the script it is exact, also where Lua 5.1 rounds: beyond 2^53."},
	{"`for … in`", "More than three values behind `in` are refused: lua5.1 mixes up the loop's variables then."},
	{"Metamethods", "`__newindex` is called for a key that is nil or NaN, too. `__unm` gets its operand once. " +
		"All but `__index` and `__newindex` have to be functions, or are as if they were not there. `__mode` has no effect."},
	{"Large tables", "Where a constructor has more than 50 items, `x + f()` in it takes the value that a local variable `x` had before `f`."},
	{"Errors", "In a statement over several lines, other than a call, the error may name another of the lines."},
	{"Global variables", "Reading one that is not set is an error, and so is setting one within a function: write `local`."},
	{"Limits", "Lua functions nest 20,000 deep at most, and 200 where a module, `pcall`, `table.sort` or a coroutine stands between. " +
		"A script whose values need more than 1 GiB of memory is ended, with all its hosts' functions, whatever it catches. An undo " +
		"function gets an eighth besides. `--memory 2GiB` gives the script more. The output of commands counts as long as the script " +
		"keeps it; the memory that farmrun needs for each host does not. A list has 16,777,215 items at most: of a longer one `#` is an error."},
}
