package expect

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"farmrun/luahost/render"
)

// drawing stores output as the lines that a person sees. The line that has not ended is
// at the end of the stored text, and is put there again whenever it changes, without the
// text that was taken of it already, such as a prompt that matched.
type drawing struct {
	lines   render.Lines
	draft   string // the stored part of the line that has not ended
	taken   string // the part before it that is not stored any more
	same    int    // how much of that has not been drawn over
	redrawn bool   // more than an addition to what is stored
}

func newDrawing(how Strip) *drawing {
	if how != StripScreen {
		return nil
	}
	return &drawing{}
}

// draw shows output on the stored text.
func (d *drawing) draw(stored *bytes.Buffer, output []byte) {
	done := string(d.lines.Show(output))
	line := d.lines.Line()
	d.compare(done + line)
	fresh := (done + line)[d.same:]
	if done != "" {
		d.taken, d.same = "", 0
	}
	if !strings.HasPrefix(fresh, d.draft) {
		d.redrawn = true
	}
	stored.Truncate(stored.Len() - len(d.draft))
	stored.WriteString(fresh)
	d.draft = fresh[max(0, len(fresh)-len(line)):]
}

// pass shows output that is not stored, and behind which the line goes on.
func (d *drawing) pass(output []byte) {
	d.lines.Show(output)
	d.draft = ""
	d.took(d.lines.Line())
}

// compare notes how much of the line that text begins with was taken. Whatever was drawn
// over that is new, unless it is the same once more.
func (d *drawing) compare(text string) {
	most := min(len(text), len(d.taken))
	for d.same = 0; d.same < most && text[d.same] == d.taken[d.same]; d.same++ {
	}
	if column, is := d.lines.Written(); is && d.same < most {
		d.same = min(d.same, len(string([]rune(d.taken)[:min(column, utf8.RuneCountInString(d.taken))])))
	}
}

// took notes that text of the line is taken.
func (d *drawing) took(text string) {
	d.taken, d.same = text, len(text)
	d.lines.Settle()
}

// take says that the first n bytes of the stored text are taken.
func (d *drawing) take(stored []byte, n int) {
	if of := n - (len(stored) - len(d.draft)); of > 0 {
		of = min(of, len(d.draft))
		d.took(d.taken[:d.same] + d.draft[:of])
		d.draft = d.draft[of:]
	}
}
