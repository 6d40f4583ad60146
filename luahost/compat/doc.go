// Package compat makes gopher-lua run scripts as lua5.1 does, or refuse them
// when they are read. gopher-lua v1.1.2 compiles some programs wrong, without a
// word, and its source is not ours to change. So Load rewrites the syntax tree
// between the parser and the compiler, a Lua runs protected calls on threads of
// their own, and errors get Lua 5.1's words and names.
//
// The package knows Lua and its syntax tree, and nothing of hosts.
//
// # The faults
//
// Each can be removed, with its repair, once gopher-lua has fixed it; the number
// is that of its issue there, where there is one. The tests show each fault
// without its repair.
//
//   - Assignments (#440): the last of several values is compiled straight
//     into its target, before the others are read; a key that is a local
//     variable is read before the value; a value in parentheses is computed
//     over other variables; a local variable keeps its value in x = y and z if
//     y, which is no local variable, is nil or false.
//   - Constants (#540): a jump to the head of a loop goes wrong where a jump
//     stands there, which a constant condition or a break makes.
//   - Breaks: a break does not close the variables of a block within the loop,
//     so closures see others' values.
//   - Loops (#514): a generic for with fewer than three values gets the rest out
//     of registers that were not set.
//   - Selves: "local f = function" is compiled as "local function f".
//   - Tables: the last named field, if it is a call, is stored as an item, too; the
//     fiftieth item is stored once more behind each named field; from item
//     25,551 on the wrong ones are set; compiling is quadratic in the number of
//     constants.
//   - Operators: ".." writes numbers with 17 digits, and its result has no bound;
//     "%" does not round as Lua 5.1 does; "#" asks __len of tables; the bounds of
//     a numeric for cannot be strings. Functions of Go stand for them, as constants of the code.
//   - Literals: "0010" is read as octal, and large hexadecimal numbers are not.
//   - An error closes the variables of all functions of its thread, those that
//     go on after a pcall too (#448); with an error handler, of none. See Lua.
//   - A coroutine that is left by a tail call of yield crashes. See
//     Lua.Coroutines.
//   - A number or a string whose field is assigned to is taken for a register,
//     that of another variable; refused.
//
// Refused are goto and labels, an empty statement or item, a call whose "("
// begins a line, malformed numbers and escapes, more than 60 variables of outer
// functions, more than 200 brackets and blocks within each other, and more than
// three values behind in. All but the last lua5.1 refuses, too; with that it
// mixes up the loop's variables itself. Expressions of more than 10,000
// operations, which lua5.1 takes, would end farmrun by a stack overflow.
package compat
