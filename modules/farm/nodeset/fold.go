package nodeset

import (
	"cmp"
	"slices"
	"strings"
)

// Sort puts hosts into the order that the package comment describes.
func Sort(names []string) {
	shapes := make([]shape, len(names))
	for i, name := range names {
		shapes[i] = shapeOf(name)
	}
	slices.SortFunc(shapes, compareShapes)
	for i, s := range shapes {
		names[i] = s.name
	}
}

// place stands for a number in a frame: a byte that no name has, before all that
// names have.
const place = "\x00"

// shape is a name taken apart into what surrounds its numbers and the numbers.
type shape struct {
	name    string
	frame   string   // the name with a place for each number
	numbers []string // as written, so at most maxDigits digits each
}

func shapeOf(name string) shape {
	s := shape{name: name}
	var frame strings.Builder
	for at := 0; at < len(name); {
		end := at
		for end < len(name) && isDigit(name[end]) {
			end++
		}
		switch n := end - at; {
		case n == 0:
			frame.WriteByte(name[at])
			end = at + 1
		case n > maxDigits: // no number that a range could hold
			frame.WriteString(name[at:end])
		default:
			frame.WriteString(place)
			s.numbers = append(s.numbers, name[at:end])
		}
		at = end
	}
	s.frame = frame.String()
	return s
}

func compareShapes(a, b shape) int {
	return cmp.Or(cmp.Compare(a.frame, b.frame), slices.CompareFunc(a.numbers, b.numbers, compareNumbers),
		cmp.Compare(a.name, b.name))
}

// compareNumbers orders numbers by their length and then by their value.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Fold returns the short form of a list of hosts, as nodeset -f does:
// "webserv[1-3,5]". Parse makes the same hosts of it again, in its own order;
// no host at all is "". Names that Parse would refuse are kept as they are.
func Fold(names []string) string {
	shapes := make([]shape, len(names))
	for i, name := range names {
		shapes[i] = shapeOf(name)
	}
	slices.SortFunc(shapes, compareShapes)
	shapes = slices.CompactFunc(shapes, func(a, b shape) bool { return a.name == b.name })
	var parts []string
	for len(shapes) > 0 {
		n := 1
		for n < len(shapes) && shapes[n].frame == shapes[0].frame {
			n++
		}
		for _, b := range fold(shapes[:n]) {
			parts = append(parts, b.write(shapes[0].frame))
		}
		shapes = shapes[n:]
	}
	return strings.Join(parts, ",")
}

// box is what one set of brackets for each number of a name can hold: every
// combination of its numbers.
type box [][]string

// fold covers the names, all of one frame, with few boxes: for each dimension,
// the last first, it joins boxes that differ in that dimension alone.
func fold(shapes []shape) []box {
	boxes := make([]box, len(shapes))
	for i, s := range shapes {
		boxes[i] = make(box, len(s.numbers))
		for d, number := range s.numbers {
			boxes[i][d] = []string{number}
		}
	}
	for d := len(shapes[0].numbers) - 1; d >= 0; d-- {
		boxes = joinAlong(boxes, d)
	}
	return boxes
}

// joinAlong joins the boxes that are equal but for dimension d.
func joinAlong(boxes []box, d int) []box {
	first := map[string]int{}
	var joined []box
	for _, b := range boxes {
		key := b.keyWithout(d)
		i, ok := first[key]
		if !ok {
			first[key] = len(joined)
			joined = append(joined, b)
			continue
		}
		joined[i][d] = append(joined[i][d], b[d]...)
	}
	return joined
}

func (b box) keyWithout(d int) string {
	var key strings.Builder
	for i, numbers := range b {
		if i != d {
			key.WriteString(strings.Join(numbers, ","))
		}
		key.WriteByte(';')
	}
	return key.String()
}

// write puts the numbers into the places that frame has for them.
func (b box) write(frame string) string {
	var out strings.Builder
	for _, numbers := range b {
		before, after, _ := strings.Cut(frame, place)
		out.WriteString(before)
		out.WriteString(writeNumbers(numbers))
		frame = after
	}
	out.WriteString(frame)
	return out.String()
}

// writeNumbers returns "7" or "[1-3,7]".
func writeNumbers(numbers []string) string {
	if len(numbers) == 1 {
		return numbers[0]
	}
	slices.SortFunc(numbers, compareNumbers)
	var ranges []string
	for len(numbers) > 0 {
		n := 1
		for n < len(numbers) && follows(numbers[n], numbers[n-1], numbers[0]) {
			n++
		}
		if n == 1 {
			ranges = append(ranges, numbers[0])
		} else {
			ranges = append(ranges, numbers[0]+"-"+numbers[n-1])
		}
		numbers = numbers[n:]
	}
	return "[" + strings.Join(ranges, ",") + "]"
}

// follows tells whether number comes next after last in a range that begins
// with first. A range whose first number has zeros in front keeps its width.
func follows(number, last, first string) bool {
	if len(number) != len(last) && padded(first) {
		return false
	}
	return number == successor(last)
}

// successor adds one to a number as written: 9 is followed by 10, 09 by 10,
// 99 by 100.
func successor(number string) string {
	digits := []byte(number)
	i := len(digits) - 1
	for ; i >= 0 && digits[i] == '9'; i-- {
		digits[i] = '0'
	}
	if i < 0 {
		return "1" + string(digits)
	}
	digits[i]++
	return string(digits)
}
